"""What an encrypted value is bound to where the database gives the primary key."""

import uuid

from django.db import migrations, models

import accounts.encryption


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0015_audit_checkpoints'),
    ]

    operations = [
        *(
            migrations.AddField(model_name=name, name='key', field=models.UUIDField(editable=False, null=True))
            for name in ('resetrequest', 'accountemail')
        ),
        *(
            migrations.AlterField(  # apart, for else all rows that there are would get the same
                model_name=name,
                name='key',
                field=models.UUIDField(default=uuid.uuid4, editable=False, null=True),
            )
            for name in ('resetrequest', 'accountemail')
        ),
        migrations.AlterField(
            model_name='resetrequest',
            name='email',
            field=accounts.encryption.EncryptedTextField(bound_to='key', max_length=254),
        ),
        migrations.AlterField(
            model_name='accountemail',
            name='email',
            field=accounts.encryption.EncryptedTextField(bound_to='key', max_length=254),
        ),
        migrations.AlterField(
            model_name='accountemail',
            name='details',
            field=accounts.encryption.EncryptedTextField(bound_to='key'),
        ),
        migrations.AlterField(
            model_name='emailchange',
            name='email',
            field=accounts.encryption.EncryptedTextField(bound_to='user', max_length=254),
        ),
        migrations.AlterField(
            model_name='authenticator',
            name='pending',
            field=accounts.encryption.EncryptedTextField(bound_to='user', null=True),
        ),
        migrations.AlterField(
            model_name='authenticator',
            name='secret',
            field=accounts.encryption.EncryptedTextField(bound_to='user', null=True),
        ),
    ]

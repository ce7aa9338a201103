"""What the encrypted changes of an undo step are bound to."""

import uuid

from django.db import migrations, models

import accounts.encryption


class Migration(migrations.Migration):

    dependencies = [
        ('bookings', '0016_undo_steps'),
    ]

    operations = [
        migrations.AddField(
            model_name='undostep',
            name='key',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AlterField(  # apart, for else all rows that there are would get the same
            model_name='undostep',
            name='key',
            field=models.UUIDField(default=uuid.uuid4, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='undostep',
            name='changes',
            field=accounts.encryption.EncryptedTextField(bound_to='key'),
        ),
    ]

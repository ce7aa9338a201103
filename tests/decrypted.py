"""Everything that someone with the database and its keys can read."""

from django.db import models

from accounts.encryption import EncryptedTextField
from accounts.key_management.keyrings import models_with_columns


def read_everything() -> str:
    """Every encrypted value in the database, decrypted and in lower case."""
    found = []
    for model, fields in models_with_columns(EncryptedTextField):
        rows: models.QuerySet[models.Model] = model._base_manager.all()
        found += [str(values) for values in rows.values_list(*(field.name for field in fields))]
    return " ".join(found).lower()

"""What somebody reads who has the database and its keys."""

from django.db import models

from accounts.encryption import EncryptedTextField
from accounts.key_management.keyrings import models_with_columns


def read_everything() -> str:
    """Every encrypted value that the database holds, in plain text and small letters."""
    found = []
    for model, fields in models_with_columns(EncryptedTextField):
        rows: models.QuerySet[models.Model] = model._base_manager.all()
        found += [str(values) for values in rows.values_list(*(field.name for field in fields))]
    return " ".join(found).lower()

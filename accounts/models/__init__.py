"""All models of the app, wherever they are defined: users, their credentials, customers and the audit log."""

from accounts.audit.models import AppendOnlyError, AuditChain, AuditCheckpoint, AuditEntry
from accounts.auth.models import AccountEmail, EmailChange
from accounts.auth.session_model import Session
from accounts.idempotency.models import IdempotencyKey
from accounts.models.credentials import ApiKey, Authenticator, RecoveryCode, ResetRequest
from accounts.models.customer import BlindIndex, Customer, CustomerQuerySet
from accounts.models.user import PermissionSnapshot, User

__all__ = [
    "AccountEmail",
    "ApiKey",
    "AppendOnlyError",
    "AuditChain",
    "AuditCheckpoint",
    "AuditEntry",
    "Authenticator",
    "BlindIndex",
    "Customer",
    "CustomerQuerySet",
    "EmailChange",
    "IdempotencyKey",
    "PermissionSnapshot",
    "RecoveryCode",
    "ResetRequest",
    "Session",
    "User",
]

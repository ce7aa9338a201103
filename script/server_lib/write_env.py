"""Prints a `.env` with fresh keys."""

import base64
import secrets


def key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


print("# Made for this installation alone; .env.example tells what else can be set. Keep a copy safe:")
print("# without PII_KEYS, customers' data cannot be read again.")
print(f"SECRET_KEY={secrets.token_urlsafe(50)}")
print(f"JWT_KEY={secrets.token_urlsafe(50)}")
print(f"PII_KEYS={key()}")
print(f"INDEX_KEYS={key()}")
print(f"AUDIT_KEYS={key()}")

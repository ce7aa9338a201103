"""Customers' personal data at rest: key rings, encrypted columns, blind indexes.

None of the published field packages is fit for this; `docs/security.md` says why.
"""

from accounts.encryption.fields import Ciphertext, EncryptedTextField, KeyedField, KeyedHashField, head_of, key_of
from accounts.encryption.key_ring import (
    KEY_END,
    UNBOUND,
    VERSION,
    Binding,
    DecryptionError,
    KeyRing,
    ring,
    row_key_bytes,
)
from accounts.encryption.keyed_hashes import DIGEST_BYTES, blind_index, blind_indexes, decoy_index

__all__ = [
    "DIGEST_BYTES", "KEY_END", "UNBOUND", "VERSION", "Binding", "Ciphertext", "DecryptionError", "EncryptedTextField", "KeyRing",
    "KeyedField", "KeyedHashField", "blind_index", "blind_indexes", "decoy_index", "head_of", "key_of", "ring", "row_key_bytes",
]  # fmt: skip

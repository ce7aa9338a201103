"""Customers' personal data at rest: key rings, encrypted columns, blind indexes.

`docs/security.md` explains why no published package of encrypted fields is used.
"""

from accounts.encryption.fields import Ciphertext, EncryptedTextField, KeyedField, KeyedHashField, header_of, key_id_of
from accounts.encryption.key_ring import (
    KEY_END,
    UNBOUND_VERSION,
    VERSION,
    Binding,
    DecryptionError,
    KeyRing,
    ring,
    row_key_bytes,
)
from accounts.encryption.keyed_hashes import DIGEST_BYTES, blind_index, blind_indexes, decoy_index

__all__ = [
    "DIGEST_BYTES", "KEY_END", "UNBOUND_VERSION", "VERSION", "Binding", "Ciphertext", "DecryptionError", "EncryptedTextField",
    "KeyRing", "KeyedField", "KeyedHashField", "blind_index", "blind_indexes", "decoy_index", "header_of", "key_id_of", "ring",
    "row_key_bytes",
]  # fmt: skip

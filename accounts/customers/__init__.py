"""Customers of a station: found, created, changed and searched. This is the package's public interface."""

from accounts.customers.blind_index import EMAIL, NAME, PHONE
from accounts.customers.normalization import initials
from accounts.customers.search import matched_field, search
from accounts.customers.services import (
    EDITABLE,
    Contact,
    Difference,
    ShownCustomer,
    check,
    difference,
    edit,
    erase,
    find_or_create,
    forget_bounce,
    given_fields,
    locked,
    mark_bounced,
    reveal,
    shown,
)
from accounts.customers.transfer import find_or_create_at

__all__ = [
    "EDITABLE",
    "EMAIL",
    "NAME",
    "PHONE",
    "Contact",
    "Difference",
    "ShownCustomer",
    "check",
    "difference",
    "edit",
    "erase",
    "find_or_create",
    "find_or_create_at",
    "forget_bounce",
    "given_fields",
    "initials",
    "locked",
    "mark_bounced",
    "matched_field",
    "reveal",
    "search",
    "shown",
]  # fmt: skip

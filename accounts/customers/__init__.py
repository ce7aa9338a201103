"""Customers of a station: found, made, changed and searched. What other packages use is named here."""

from accounts.customers.blind_index import EMAIL, PHONE
from accounts.customers.normalization import initials
from accounts.customers.search import met_by, search
from accounts.customers.services import (
    EDITABLE,
    Contact,
    Difference,
    ShownCustomer,
    check,
    difference,
    edit,
    erase,
    find_or_make,
    forget_bounce,
    given_fields,
    locked,
    mark_bounced,
    reveal,
    shown,
)
from accounts.customers.transfer import customer_at

__all__ = [
    "EDITABLE", "EMAIL", "PHONE", "Contact", "Difference", "ShownCustomer", "check", "customer_at", "difference", "edit", "erase",
    "find_or_make", "forget_bounce", "given_fields", "initials", "locked", "mark_bounced", "met_by", "reveal", "search", "shown",
]  # fmt: skip

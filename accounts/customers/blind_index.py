"""What a customer is found by: the keys, and the one writer of their digests (`BlindIndex`)."""

from collections.abc import Iterable, Sequence
from itertools import islice
from secrets import SystemRandom
from typing import Final, NamedTuple

from accounts.customers.normalization import (
    LAST_DIGITS,
    earlier_email_form,
    email_form,
    name_form,
    phone_digits,
    phone_form,
    shortest,
    words,
)
from accounts.encryption import blind_index, blind_indexes, decoy_index
from accounts.models import BlindIndex, Customer
from core.db import sql
from stations.models import Station

EMAIL: Final = "email"
PHONE: Final = "phone"
LAST_FOUR: Final = "last four"
NAME: Final = "name"
WORD: Final = "word"

MAX_WORDS: Final = 8
MAX_LETTERS: Final = 24
"""Eight words of a name and 24 letters of a word: real names stay below, and the longest name that the column
takes writes 180 rows rather than some thousand.
"""


COUNTED_BY: Final = 4
"""A customer has a multiple of so many digests. Each is some 170 bytes of the database."""


class Key(NamedTuple):
    """One thing that a customer is found by: its kind and the normalised value."""

    kind: str
    value: str


def keys_of(customer: Customer, country: str) -> set[Key]:
    """Everything that a customer is found by; the country is its station's."""
    found = {Key(NAME, name_form(customer.name)), *contact_keys(customer, country)}
    digits = phone_digits(customer.phone)
    if len(digits) >= LAST_DIGITS:
        found.add(Key(LAST_FOUR, digits[-LAST_DIGITS:]))
    for word in islice(dict.fromkeys(words(customer.name)), MAX_WORDS):
        found |= {beginning(word[:end]) for end in range(shortest(word), len(word) + 1)}
    return found


def contact_keys(customer: Customer, country: str) -> list[Key]:
    """How the customer can be reached: email first. What is not a valid address (“n/a”) says nothing about who they are."""
    email = email_form(customer.email) if customer.email_is_valid else ""
    forms = (Key(EMAIL, email), Key(PHONE, phone_form(customer.phone, country)))
    return [key for key in forms if key.value]


def lookup_keys(customer: Customer, country: str) -> set[Key]:
    """Under what somebody with this contact may be stored: as `contact_keys`, and as releases before wrote it.

    Those did not know two forms of a domain for one, and took a number with typographic dashes for no valid one. Whom they wrote
    is found again by either, and by `contact_keys` alone once `manage.py index_customers` has run.
    """
    earlier = (Key(EMAIL, earlier_email_form(customer.email)), Key(PHONE, phone_digits(customer.phone)))
    return {*contact_keys(customer, country), *(key for key in earlier if key.value)}


def beginning(letters: str) -> Key:
    return Key(WORD, letters[:MAX_LETTERS])


def digests(keys: Iterable[Key], station_id: int) -> list[bytes]:
    """Under what these keys may be stored at a station."""
    return [digest for kind, value in keys for digest in blind_indexes(kind, station_id, value)]


def write(customers: Sequence[Customer], station: Station) -> None:
    """The digests of customers that have none yet. Whoever was erased gets none: nothing shall find them.

    In random order: rows in the order of what they stand for would tell word lengths and the alphabet by their places.
    """
    rows = [
        BlindIndex(customer_id=customer.pk, station_id=station.pk, digest=digest)
        for customer in customers
        if not customer.erased_at
        for digest in _digests_of(customer, station)
    ]
    SystemRandom().shuffle(rows)
    sql.insert(rows)


def _digests_of(customer: Customer, station: Station) -> list[bytes]:
    """With decoys, so that their number tells less of how long a name is."""
    found = _written_digests(keys_of(customer, station.country), station)
    return found + [decoy_index() for _number in range(_padded(len(found)) - len(found))]


def _written_digests(keys: Iterable[Key], station: Station) -> list[bytes]:
    return [blind_index(kind, station.pk, value) for kind, value in keys]


def _padded(count: int) -> int:
    """The number of digests that a customer with so many keys has, decoys included."""
    return count + -count % COUNTED_BY


def is_current(customer: Customer, station: Station) -> bool:
    """Whether the customer's digests are those that would be written now, decoys aside."""
    written = {bytes(one) for one in BlindIndex.objects.filter(customer=customer).values_list("digest", flat=True)}
    keys = keys_of(customer, station.country)
    current = set(_written_digests(keys, station))
    outdated = set(digests(lookup_keys(customer, station.country) - keys, station.pk))
    return current <= written and len(written) == _padded(len(current)) and written.isdisjoint(outdated)


def rewrite(customers: Sequence[Customer], station: Station) -> int:
    """The digests of customers that have changed, in place of the old ones, and how many those were. Under the station's lock."""
    replaced, _rows = BlindIndex.objects.filter(customer__in=customers).delete()
    write(customers, station)
    return replaced

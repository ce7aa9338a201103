"""What a customer is found by: the keys, and the one writer of their digests (`BlindIndex`)."""

from collections.abc import Iterable, Sequence
from itertools import islice
from secrets import SystemRandom
from typing import Final, NamedTuple

from accounts.encryption import blind_index, blind_indexes, decoy_index
from accounts.models import BlindIndex, Customer
from accounts.normalising import LAST_DIGITS, email_form, name_form, phone_digits, phone_form, shortest, words
from stations import statements
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
    statements.insert(rows)


def _digests_of(customer: Customer, station: Station) -> list[bytes]:
    """With decoys, so that their number tells less of how long a name is."""
    found = [blind_index(kind, station.pk, value) for kind, value in keys_of(customer, station.country)]
    return found + [decoy_index() for _number in range(-len(found) % COUNTED_BY)]


def rewrite(customers: Sequence[Customer], station: Station) -> int:
    """The digests of customers that have changed, in place of the old ones, and how many those were. Under the station's lock."""
    replaced, _rows = BlindIndex.objects.filter(customer__in=customers).delete()
    write(customers, station)
    return replaced

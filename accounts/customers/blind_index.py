"""The blind index that customers are searched by: its keys, and the functions that write their digests (`BlindIndex`)."""

from collections.abc import Iterable, Sequence
from itertools import islice
from secrets import SystemRandom
from typing import Final, NamedTuple

from accounts.customers.normalization import (
    LAST_DIGITS,
    LOCAL_DIGITS,
    min_prefix_length,
    name_words,
    normalize_email,
    normalize_email_legacy,
    normalize_name,
    normalize_phone,
    phone_digits,
)
from accounts.encryption import blind_index, blind_indexes, decoy_index
from accounts.models import BlindIndex, Customer
from core.db import sql
from stations.models import Station

EMAIL: Final = "email"
PHONE: Final = "phone"
LAST_FOUR: Final = "last four"
LOCAL: Final = "last seven"
EMAIL_PREFIX: Final = "email prefix"
NAME: Final = "name"
WORD: Final = "word"

MAX_WORDS: Final = 8
MAX_LETTERS: Final = 24
"""Longer than real names. They limit the rows that the longest possible name takes to 180, instead of some thousand."""
EMAIL_PREFIXES: Final = (4, 7)
"""The lengths of the prefixes of an email that are indexed: few, because each takes a row."""
PADDING_MULTIPLE: Final = 4
"""The number of a customer's digests is padded to a multiple of this. Each takes some 170 bytes in the database."""


class Key(NamedTuple):
    """Something that a customer is found by: its kind and the normalized value."""

    kind: str
    value: str


def index_keys(customer: Customer, country: str) -> set[Key]:
    """All keys of a customer. `country` is that of their station."""
    contact = contact_keys(customer, country)
    found = {Key(NAME, normalize_name(customer.name)), *contact, *_digit_keys(customer)}
    found |= {key for kind, value in contact if kind == EMAIL for key in email_prefix_keys(value)}
    for word in islice(dict.fromkeys(name_words(customer.name)), MAX_WORDS):
        found |= {prefix_key(word[:end]) for end in range(min_prefix_length(word), len(word) + 1)}
    return found


def _digit_keys(customer: Customer) -> list[Key]:
    """The keys of the phone's last digits."""
    digits = phone_digits(customer.phone)
    found = [Key(LAST_FOUR, digits[-LAST_DIGITS:])] if len(digits) >= LAST_DIGITS else []
    return [*found, local_key(digits)] if len(digits) >= LOCAL_DIGITS else found


def local_key(digits: str) -> Key:
    return Key(LOCAL, digits[-LOCAL_DIGITS:])


def email_prefix_keys(email: str) -> list[Key]:
    """The keys of the prefixes of a normalized email, or of the beginning of one, up to its `@`; the longest first."""
    local = email.partition("@")[0]
    return [Key(EMAIL_PREFIX, local[:length]) for length in reversed(EMAIL_PREFIXES) if length <= len(local)]


def contact_keys(customer: Customer, country: str) -> list[Key]:
    """The keys of email and phone, in this order. An invalid address such as “n/a” does not identify anyone and has no key."""
    email = normalize_email(customer.email) if customer.email_is_valid else ""
    keys = (Key(EMAIL, email), Key(PHONE, normalize_phone(customer.phone, country)))
    return [key for key in keys if key.value]


def lookup_keys(customer: Customer, country: str) -> set[Key]:
    """The keys under which a customer with this contact may be stored: `contact_keys`, and those of earlier releases.

    Earlier releases did not normalize domains, and took numbers with typographic dashes for invalid ones. Once
    `manage.py index_customers` has run, `contact_keys` alone finds everyone.
    """
    earlier = (Key(EMAIL, normalize_email_legacy(customer.email)), Key(PHONE, phone_digits(customer.phone)))
    return {*contact_keys(customer, country), *(key for key in earlier if key.value)}


def prefix_key(letters: str) -> Key:
    return Key(WORD, letters[:MAX_LETTERS])


def digests(keys: Iterable[Key], station_id: int) -> list[bytes]:
    """The digests under which keys may be stored at a station."""
    return [digest for kind, value in keys for digest in blind_indexes(kind, station_id, value)]


def write(customers: Sequence[Customer], station: Station) -> None:
    """Write the digests of customers that have none yet, except for erased customers.

    In random order: the order of rows would otherwise reveal the lengths of words and their alphabetical order.
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
    """The digests of a customer, with decoys, so that their number says less about the length of the name."""
    found = _current_digests(index_keys(customer, station.country), station)
    return found + [decoy_index() for _number in range(_padded_count(len(found)) - len(found))]


def _current_digests(keys: Iterable[Key], station: Station) -> list[bytes]:
    return [blind_index(kind, station.pk, value) for kind, value in keys]


def _padded_count(count: int) -> int:
    """The number of digests of a customer with so many keys, including decoys."""
    return count + -count % PADDING_MULTIPLE


def is_current(customer: Customer, station: Station) -> bool:
    """Whether the stored digests are those that would be written now, decoys aside."""
    written = {bytes(one) for one in BlindIndex.objects.filter(customer=customer).values_list("digest", flat=True)}
    keys = index_keys(customer, station.country)
    current = set(_current_digests(keys, station))
    outdated = set(digests(lookup_keys(customer, station.country) - keys, station.pk))
    return current <= written and len(written) == _padded_count(len(current)) and written.isdisjoint(outdated)


def rewrite(customers: Sequence[Customer], station: Station) -> int:
    """Replace the digests of changed customers, under the station's lock. Returns how many were replaced."""
    replaced, _rows = BlindIndex.objects.filter(customer__in=customers).delete()
    write(customers, station)
    return replaced

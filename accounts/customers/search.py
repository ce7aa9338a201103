"""Search for customers by email, phone or name, through the blind index."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts import roles
from accounts.customers import blind_index
from accounts.customers.blind_index import EMAIL, LAST_FOUR, MAX_LETTERS, MAX_WORDS, NAME, PHONE, Key
from accounts.customers.normalization import (
    LAST_DIGITS,
    earlier_email_form,
    email_form,
    looks_like_email,
    looks_like_phone,
    phone_digits,
    phone_forms,
    phone_text,
    shortest,
    words,
)
from accounts.models import BlindIndex, Customer
from stations.access import Person
from stations.models import Station

FOUND_AT_MOST: Final = 50
LONGEST_QUERY: Final = 500


def search(person: Person, q: str, *, stations: Iterable[Station] | None = None) -> list[Customer]:
    """The 50 latest customers that `q` finds, each with its station: by exact email, phone in any spelling,
    its last four digits, or the beginnings of all its words from three letters on.

    Only at stations the person sees, and only with the right to personal data (NotPermitted). Two queries.
    """
    roles.require(person, roles.PII)
    text = q[:LONGEST_QUERY].encode(errors="ignore").decode().strip()
    places = Station.objects.visible_to(person)
    if stations is not None:
        places = places.filter(pk__in=[station.pk for station in stations])
    conditions = {station.pk: _conditions(text, station.country) for station in places}
    if not any(conditions.values()):
        return []
    rows = Customer.objects.filter(station__in=conditions)
    for digests in _digests(conditions):
        rows = rows.filter(pk__in=BlindIndex.objects.filter(digest__in=digests).values("customer"))
    hits = rows.select_related("station").order_by("-created_at", "pk")[: FOUND_AT_MOST * 2]
    real = (hit for hit in hits if all(condition.holds(hit) for condition in conditions[hit.station_id]))
    return [hit for hit, _number in zip(real, range(FOUND_AT_MOST), strict=False)]


def met_by(hit: Customer, q: str) -> str:
    """By what a search found somebody: EMAIL, PHONE, or NAME."""
    if looks_like_email(q):
        return EMAIL
    country = hit.station.country
    asked = _numbers(q, country) & blind_index.keys_of(hit, country) if looks_like_phone(q) else set()
    return PHONE if any(key.kind in (PHONE, LAST_FOUR) for key in asked) else NAME


@dataclass(frozen=True, slots=True)
class _Condition:
    """One thing that a search asks: the keys of which any will do, and the test of a hit in plain text.

    The test is needed because digests are cut short, and so are the long words of a name.
    """

    keys: frozenset[Key]
    holds: Callable[[Customer], bool]


def _conditions(text: str, country: str) -> list[_Condition]:
    """What a query asks for, read as of a country; the number of conditions is the same for every country."""
    if looks_like_email(text):
        return [_of_keys({Key(EMAIL, email_form(text)), Key(EMAIL, earlier_email_form(text))}, country)]
    if looks_like_phone(text):
        return [_of_keys(_numbers(text, country), country)]
    return [_of_word(word) for word in dict.fromkeys(words(text))]


def _numbers(text: str, country: str) -> set[Key]:
    """What digits may be: a phone, the last four digits of one, or a word of a name such as “Room 2023”."""
    keys = {Key(PHONE, form) for form in phone_forms(text, country)}
    digits, is_bare = phone_digits(text), phone_text(text).isdecimal()
    if is_bare and len(digits) == LAST_DIGITS:
        keys.add(Key(LAST_FOUR, digits))
    if is_bare and len(digits) <= MAX_LETTERS:
        keys.add(blind_index.beginning(digits))
    return keys


def _of_keys(keys: set[Key], country: str) -> _Condition:
    return _Condition(frozenset(keys), lambda hit: bool(keys & blind_index.keys_of(hit, country)))


def _of_word(word: str) -> _Condition:
    def holds(hit: Customer) -> bool:
        return any(one.startswith(word) and len(word) >= shortest(one) for one in words(hit.name))

    return _Condition(frozenset({blind_index.beginning(word)}), holds)


def _digests(conditions: Mapping[int, Sequence[_Condition]]) -> list[list[bytes]]:
    """For each condition the digests that meet it at any station; words past the index are only tested."""
    at_each = [
        [blind_index.digests(condition.keys, station_id) for condition in of_station[:MAX_WORDS]]
        for station_id, of_station in conditions.items()
    ]
    return [[digest for digests in same for digest in digests] for same in zip(*at_each, strict=True)]

"""Customer search by email, phone or name, through the blind index."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts import roles
from accounts.customers import blind_index
from accounts.customers.blind_index import EMAIL, LAST_FOUR, MAX_LETTERS, MAX_WORDS, NAME, PHONE, Key
from accounts.customers.normalization import (
    LAST_DIGITS,
    looks_like_email,
    looks_like_phone,
    min_prefix_length,
    name_words,
    normalize_email,
    normalize_email_legacy,
    phone_digits,
    plain_phone,
    possible_phones,
)
from accounts.models import BlindIndex, Customer
from stations.access import Person
from stations.models import Station

MAX_RESULTS: Final = 50
MAX_QUERY_LENGTH: Final = 500


def search(person: Person, q: str, *, stations: Iterable[Station] | None = None) -> list[Customer]:
    """The 50 latest customers that match `q`, with their stations.

    `q` is an exact email, a phone in any format, its last four digits, or prefixes of words of the name, from three letters on.
    Searches only stations that the person sees. Raises NotPermitted without the permission for personal data. Two queries.
    """
    roles.require(person, roles.PII)
    text = q[:MAX_QUERY_LENGTH].encode(errors="ignore").decode().strip()
    visible = Station.objects.visible_to(person)
    if stations is not None:
        visible = visible.filter(pk__in=[station.pk for station in stations])
    conditions = {station.pk: _conditions(text, station.country) for station in visible}
    if not any(conditions.values()):
        return []
    rows = Customer.objects.filter(station__in=conditions)
    for digests in _digests(conditions):
        rows = rows.filter(pk__in=BlindIndex.objects.filter(digest__in=digests).values("customer"))
    candidates = rows.select_related("station").order_by("-created_at", "pk")[: MAX_RESULTS * 2]
    matching = (hit for hit in candidates if all(condition.matches(hit) for condition in conditions[hit.station_id]))
    return [hit for hit, _number in zip(matching, range(MAX_RESULTS), strict=False)]


def matched_field(hit: Customer, q: str) -> str:
    """By which field a search found a customer: EMAIL, PHONE or NAME."""
    if looks_like_email(q):
        return EMAIL
    country = hit.station.country
    matched = _number_keys(q, country) & blind_index.index_keys(hit, country) if looks_like_phone(q) else set()
    return PHONE if any(key.kind in (PHONE, LAST_FOUR) for key in matched) else NAME


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition of a search: keys of which one must match, and a test of the decrypted customer.

    The test is needed because digests are truncated, and so are long words of a name.
    """

    keys: frozenset[Key]
    matches: Callable[[Customer], bool]


def _conditions(text: str, country: str) -> list[_Condition]:
    """The conditions of a query, with phone numbers in the format of a country. Their number does not depend on the country."""
    if looks_like_email(text):
        return [_key_condition({Key(EMAIL, normalize_email(text)), Key(EMAIL, normalize_email_legacy(text))}, country)]
    if looks_like_phone(text):
        return [_key_condition(_number_keys(text, country), country)]
    return [_word_condition(word) for word in dict.fromkeys(name_words(text))]


def _number_keys(text: str, country: str) -> set[Key]:
    """The keys that digits may mean: a phone, the last four digits of one, or a word of a name such as “Room 2023”."""
    keys = {Key(PHONE, form) for form in possible_phones(text, country)}
    digits, is_bare = phone_digits(text), plain_phone(text).isdecimal()
    if is_bare and len(digits) == LAST_DIGITS:
        keys.add(Key(LAST_FOUR, digits))
    if is_bare and len(digits) <= MAX_LETTERS:
        keys.add(blind_index.prefix_key(digits))
    return keys


def _key_condition(keys: set[Key], country: str) -> _Condition:
    return _Condition(frozenset(keys), lambda hit: bool(keys & blind_index.index_keys(hit, country)))


def _word_condition(word: str) -> _Condition:
    def matches(hit: Customer) -> bool:
        return any(one.startswith(word) and len(word) >= min_prefix_length(one) for one in name_words(hit.name))

    return _Condition(frozenset({blind_index.prefix_key(word)}), matches)


def _digests(conditions: Mapping[int, Sequence[_Condition]]) -> list[list[bytes]]:
    """For each condition, its digests at all stations. Words beyond MAX_WORDS are not indexed, and only tested."""
    at_each = [
        [blind_index.digests(condition.keys, station_id) for condition in of_station[:MAX_WORDS]]
        for station_id, of_station in conditions.items()
    ]
    return [[digest for digests in same for digest in digests] for same in zip(*at_each, strict=True)]

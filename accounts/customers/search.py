"""Customer search by email, phone or name, through the blind index."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from accounts import roles
from accounts.customers import blind_index
from accounts.customers.blind_index import EMAIL, LAST_FOUR, LOCAL, MAX_LETTERS, MAX_WORDS, NAME, PHONE, Key
from accounts.customers.normalization import (
    LAST_DIGITS,
    LOCAL_DIGITS,
    is_prefix,
    is_whole_email,
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
MAX_CANDIDATES: Final = 500
"""How many customers are decrypted if the index finds more than match, such as all Leos for “Leo L”."""


def search(person: Person, q: str, *, stations: Iterable[Station] | None = None) -> list[Customer]:
    """The 50 latest customers that match `q`, with their stations.

    `q` is an email or its beginning from four characters on; a phone in any format, without its area code, or its last four
    digits; or prefixes of words of the name, from three letters on, of which some may be initials.
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
    is_coarse = any(condition.is_coarse for of_station in conditions.values() for condition in of_station)
    limit = MAX_CANDIDATES if is_coarse else MAX_RESULTS * 2
    candidates = rows.select_related("station").order_by("-created_at", "pk")[:limit]
    matching = (hit for hit in candidates if all(condition.matches(hit) for condition in conditions[hit.station_id]))
    return [hit for hit, _number in zip(matching, range(MAX_RESULTS), strict=False)]


def matched_field(hit: Customer, q: str) -> str:
    """By which field a search found a customer: EMAIL, PHONE or NAME."""
    if looks_like_email(q):
        return EMAIL
    country = hit.station.country
    if looks_like_phone(q):
        matched = _number_keys(q, country) & blind_index.index_keys(hit, country)
        return PHONE if any(key.kind in (PHONE, LAST_FOUR, LOCAL) for key in matched) else NAME
    words = name_words(hit.name)
    by_name = all(any(word.startswith(typed) for word in words) for typed in name_words(q))
    return NAME if by_name else EMAIL


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition of a search: keys of which one must match, and a test of the decrypted customer.

    The test is needed because digests are truncated, and so are long words of a name.
    """

    keys: frozenset[Key]
    """Empty if only the test decides."""
    matches: Callable[[Customer], bool]
    is_coarse: bool = False
    """Whether the keys find many more customers than the test."""


def _conditions(text: str, country: str) -> list[_Condition]:
    """The conditions of a query, with phone numbers in the format of a country. Their number does not depend on the country."""
    if looks_like_email(text):
        return [_email_condition(text, country)]
    if looks_like_phone(text):
        return [_phone_condition(text, country)]
    return _name_conditions(text)


def _email_condition(text: str, country: str) -> _Condition:
    """A whole email, compared exactly, or the beginning of one."""
    begins = None if is_whole_email(text) else _email_prefix(text)
    exact = {Key(EMAIL, normalize_email(text)), Key(EMAIL, normalize_email_legacy(text))}

    def matches(hit: Customer) -> bool:
        return bool(exact & blind_index.index_keys(hit, country)) or bool(begins and begins.matches(hit))

    return _Condition(frozenset(exact | (begins.keys if begins else set())), matches, is_coarse=begins is not None)


def _email_prefix(text: str) -> _Condition | None:
    """The condition that an email begins with `text`; None if that is too short, or not a single word."""
    typed = normalize_email(text)
    keys = [] if len(typed.split()) > 1 else blind_index.email_prefix_keys(typed)
    if not keys:
        return None
    return _Condition(frozenset(keys[:1]), lambda hit: normalize_email(hit.email).startswith(typed), is_coarse=True)


def _phone_condition(text: str, country: str) -> _Condition:
    keys = _number_keys(text, country)
    typed = phone_digits(text)

    def matches(hit: Customer) -> bool:
        found = keys & blind_index.index_keys(hit, country)
        return any(key.kind != LOCAL or phone_digits(hit.phone).endswith(typed) for key in found)

    return _Condition(frozenset(keys), matches)


def _number_keys(text: str, country: str) -> set[Key]:
    """The keys that digits may mean: a phone, its last digits, or a word of a name such as “Room 2023”."""
    keys = {Key(PHONE, form) for form in possible_phones(text, country)}
    written, digits = plain_phone(text), phone_digits(text)
    if len(digits) >= LOCAL_DIGITS and not written.startswith(("+", "0")):
        keys.add(blind_index.local_key(digits))
    if written.isdecimal() and len(digits) == LAST_DIGITS:
        keys.add(Key(LAST_FOUR, digits))
    if written.isdecimal() and len(digits) <= MAX_LETTERS:
        keys.add(blind_index.prefix_key(digits))
    return keys


def _name_conditions(text: str) -> list[_Condition]:
    """Words of a name, or the beginning of an email instead. Initials have no keys, and are tested beside a longer word only."""
    words = list(dict.fromkeys(name_words(text)))
    indexed = [word for word in words if is_prefix(word)] or words
    found = [_word_condition(word) for word in indexed]
    found += [_initial_condition(word, words) for word in words if word not in indexed]
    email = _email_prefix(text)
    return [_either(condition, email) for condition in found] if email else found


def _word_condition(word: str) -> _Condition:
    def matches(hit: Customer) -> bool:
        return any(one.startswith(word) and len(word) >= min_prefix_length(one) for one in name_words(hit.name))

    return _Condition(frozenset({blind_index.prefix_key(word)}), matches)


def _initial_condition(initial: str, words: Sequence[str]) -> _Condition:
    """The beginning of one more word of the name than those that the other words of the query begin: not “Leo” for “Leo L”."""
    needed = sum(word.startswith(initial) for word in words)

    def matches(hit: Customer) -> bool:
        return sum(one.startswith(initial) for one in name_words(hit.name)) >= needed

    return _Condition(frozenset(), matches, is_coarse=True)


def _either(one: _Condition, other: _Condition) -> _Condition:
    keys = one.keys | other.keys if one.keys else one.keys
    return _Condition(keys, lambda hit: one.matches(hit) or other.matches(hit), is_coarse=True)


def _digests(conditions: Mapping[int, Sequence[_Condition]]) -> list[list[bytes]]:
    """For each condition with keys, its digests at all stations. Words beyond MAX_WORDS are not indexed, and only tested."""
    at_each = [
        [blind_index.digests(condition.keys, station_id) for condition in of_station[:MAX_WORDS] if condition.keys]
        for station_id, of_station in conditions.items()
    ]
    return [[digest for digests in same for digest in digests] for same in zip(*at_each, strict=True)]

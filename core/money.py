"""Amounts of money: stored in minor units, written by people and other systems in whole units of a currency."""

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Final

from babel import Locale
from babel.numbers import is_currency
from django.utils.translation import gettext as _

from core.invisible_characters import without_invisible

NO_DECIMALS: Final = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
        "XOF", "XPF",
    }
)  # fmt: skip
THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
FOUR_DECIMALS: Final = frozenset({"CLF", "UYW"})
"""The exponents of ISO 4217 other than 2. Babel has CLDR's digits instead: those are for display and change between
releases, and what stored amounts mean must not."""

DECIMAL_MARKS: Final = (".", ",")
LONGEST_AMOUNT: Final = 40
"""In characters."""

SHARED_SIGNS: Final = frozenset({"$", "£", "¥"})
"""Several currencies are written with these, so they name none."""
LETTER_SIGNS: Final = frozenset(
    {"dh", "din", "fr", "ft", "kr", "kč", "lei", "lv", "r", "rm", "rp", "rs", "sfr", "zł", "лв", "руб"}
)
"""Signs made of letters, without a final full stop. Other letters are no signs: “45 k” is not 45."""

_AMOUNT: Final = re.compile(r"(?P<before>\D*)(?P<number>\d(?:[\d.,'’ ]*\d)?)(?:[.,][-–—]{1,2})?(?P<after>\D*)")
_SPACED_GROUPS: Final = re.compile(r"[1-9]\d{0,2}(?:(?P<mark>['’ ])\d{3})(?:(?P=mark)\d{3})*(?=[.,]|\Z)")


class AmbiguousAmount(ValueError):
    """The mark in the amount may separate decimals or thousands."""


def exponent(currency: str) -> int:
    """How many decimals an amount in this currency has: 2 in EUR, 0 in JPY, 3 in KWD."""
    if currency in NO_DECIMALS:
        return 0
    if currency in THREE_DECIMALS:
        return 3
    return 4 if currency in FOUR_DECIMALS else 2


def whole_units(minor_units: int, currency: str) -> Decimal:
    """4550 is 45.50 in EUR and 4550 in JPY."""
    return Decimal(minor_units).scaleb(-exponent(currency))


def minor_units(text: str, currency: str, *, decimal_mark: str = "") -> int:
    """An amount as people write it, in minor units: “€ 1.234,50” in EUR is 123450.

    The decimal mark is recognised; where it could be either (“1.234”), `decimal_mark` decides. Raises AmbiguousAmount
    without it, and ValueError with a sentence for people.
    """
    signs, readings = _parsed(text)
    for sign in signs:
        _require_sign_of(currency, sign)
    decimals = exponent(currency)
    amount = _chosen(readings, decimal_mark, whole=decimals == 0).scaleb(decimals)
    if amount != amount.to_integral_value():
        raise ValueError(
            _("Amounts in %(currency)s have at most %(count)d decimals.") % {"currency": currency, "count": decimals}
            if decimals
            else _("Amounts in %(currency)s have no decimals.") % {"currency": currency}
        )
    return int(amount)


def require_amount(text: str) -> None:
    """Raises ValueError with a sentence for text that is not an amount in any currency."""
    _parsed(text)


def _parsed(text: str) -> tuple[list[str], dict[str, Decimal]]:
    """The currency signs around an amount, and its value for each decimal mark that it can be read with."""
    found = _AMOUNT.fullmatch(_plain(text)) if len(text) <= LONGEST_AMOUNT else None
    signs = [sign for side in ("before", "after") if found and (sign := found[side].strip())]
    readings = _readings(found["number"]) if found and all(map(_is_sign, signs)) else {}
    if not readings:
        raise ValueError(_("This is not an amount. Write it like 45.50."))
    return signs, readings


def _chosen(readings: Mapping[str, Decimal], decimal_mark: str, *, whole: bool) -> Decimal:
    values = set(readings.values())
    if decimal_mark in readings:
        return readings[decimal_mark]
    if whole and len(values) > 1:
        values = {value for value in values if value == value.to_integral_value()}
    if len(values) > 1:
        raise AmbiguousAmount(_("This amount is ambiguous. Write it with two decimals, such as 1234.00."))
    return values.pop()


def _readings(number: str) -> dict[str, Decimal]:
    digits = _SPACED_GROUPS.sub(lambda groups: re.sub(r"['’ ]", "", groups[0]), number, count=1)
    return {mark: Decimal(value) for mark in DECIMAL_MARKS if (value := _read(digits, mark))}


def _plain(text: str) -> str:
    """Without invisible characters, and with one form for each kind of digit, blank and sign."""
    return without_invisible(unicodedata.normalize("NFKC", text)).strip()


def _read(digits: str, mark: str) -> str | None:
    """The number in Python's spelling, if `mark` can be its decimal mark. Thousands may be grouped as in India (1,00,000)."""
    group = re.escape("," if mark == "." else ".")
    whole = rf"\d+|[1-9]\d{{0,2}}(?:{group}\d{{3}})+|[1-9]\d?(?:{group}\d{{2}})+{group}\d{{3}}"
    found = re.fullmatch(rf"(?P<whole>{whole})(?:{re.escape(mark)}(?P<decimals>\d+))?", digits)
    return f"{re.sub(group, '', found['whole'])}.{found['decimals'] or '0'}" if found else None


def _is_sign(text: str) -> bool:
    """“€”, “US$”, “EUR”, “kr.”; no minus and no “k”."""
    letters, symbol = text.rstrip("."), text[-1:]
    if unicodedata.category(symbol) == "Sc":
        return len(text) == 1 or (len(text) <= 4 and text[:-1].isalpha())
    return letters.casefold() in LETTER_SIGNS or is_currency(letters)


def _require_sign_of(currency: str, sign: str) -> None:
    named = sign if is_currency(sign) else _currencies_by_sign().get(sign, currency)
    if named != currency:
        raise ValueError(
            _("This amount is in %(found)s, but the station's currency is %(currency)s.")
            % {"found": named, "currency": currency}
        )


@cache
def _currencies_by_sign() -> dict[str, str]:
    return {sign: code for code, sign in Locale("en").currency_symbols.items() if sign not in SHARED_SIGNS}

"""Amounts as people and other systems write them, in minor units of a currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import AmbiguousAmount, minor_units, whole_units


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("45", 4500),
        ("45.5", 4550),
        ("45,50", 4550),
        ("0", 0),
        ("0,05", 5),
        ("1,234.50", 123450),
        ("1.234,50", 123450),
        ("1 234,50", 123450),
        ("1\N{NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567,50", 123456750),
        ("1'234.50", 123450),
        ("1’234", 123400),
        ("1,234,567", 123456700),
        ("1.234.567,8", 123456780),
        ("1,00,000.00", 10000000),
        ("$45", 4500),
        ("US$ 45.00", 4500),
        ("€ 45,00", 4500),
        ("45,00 €", 4500),
        ("EUR 45", 4500),
        ("45.- ", 4500),
        ("45,–", 4500),
        ("kr. 45", 4500),
        ("\N{FULLWIDTH DIGIT FOUR}\N{FULLWIDTH DIGIT FIVE}", 4500),
        ("\N{ZERO WIDTH SPACE}45\N{LEFT-TO-RIGHT MARK}", 4500),
    ],
)
def test_amount_is_read_with_the_mark_that_it_shows(text: str, cents: int) -> None:
    assert minor_units(text, "EUR") == cents


@pytest.mark.parametrize(
    ("text", "currency"), [("1.234", "EUR"), ("1,234", "EUR"), ("12.345", "USD"), ("1.234", "KWD")]
)
def test_amount_that_can_be_read_in_two_ways_is_refused(text: str, currency: str) -> None:
    with pytest.raises(AmbiguousAmount):
        minor_units(text, currency)


@pytest.mark.parametrize(
    ("text", "currency", "mark", "expected"),
    [
        ("1.234", "EUR", ",", 123400),
        ("1,234", "EUR", ".", 123400),
        ("1.234", "KWD", ".", 1234),
        ("1.234", "KWD", ",", 1234000),
        ("90.50", "EUR", ",", 9050),
        ("45,00", "EUR", ".", 4500),
    ],
)
def test_named_decimal_mark_decides_what_the_amount_does_not_show(
    text: str, currency: str, mark: str, expected: int
) -> None:
    assert minor_units(text, currency, decimal_mark=mark) == expected


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [
        ("4500", "JPY", 4500),
        ("¥4,500", "JPY", 4500),
        ("4500.00", "JPY", 4500),
        ("1,5", "KWD", 1500),
        ("2", "CLF", 20000),
    ],
)
def test_currency_says_how_many_decimals_there_are(text: str, currency: str, expected: int) -> None:
    assert minor_units(text, currency) == expected


@pytest.mark.parametrize(
    "text",
    ["", "-", "n/a", "-45", "(45)", "+45", "45 k", "45 / 2", "1 2", "1,2,3", "12,34", "1.2345", "45%", "1e3", "4" * 41],
)
def test_what_is_no_amount_in_yen_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        minor_units(text, "JPY")


@pytest.mark.parametrize(
    ("text", "currency", "mark", "sentence"),
    [
        ("1.234", "EUR", ".", "Amounts in EUR have at most 2 decimals."),
        ("0.123", "EUR", "", "Amounts in EUR have at most 2 decimals."),
        ("45.50", "JPY", "", "Amounts in JPY have no decimals."),
        ("45 USD", "EUR", "", "This amount is in USD, but the station's currency is EUR."),
        ("€45", "USD", "", "This amount is in EUR, but the station's currency is USD."),
        ("R$ 45", "EUR", "", "This amount is in BRL, but the station's currency is EUR."),
    ],
)
def test_amount_that_the_currency_does_not_have_is_refused_with_a_sentence(
    text: str, currency: str, mark: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$".replace("$", r"\$", sentence.count("R$"))):
        minor_units(text, currency, decimal_mark=mark)


@pytest.mark.parametrize(
    ("currency", "expected"), [("EUR", Decimal("45.50")), ("JPY", Decimal("4550")), ("KWD", Decimal("4.550"))]
)
def test_whole_units_keep_the_currencys_decimals(currency: str, expected: Decimal) -> None:
    assert str(whole_units(4550, currency)) == str(expected)


@given(st.integers(0, 10**11), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), st.sampled_from([".", ","]))
def test_amount_written_out_is_read_back(amount: int, currency: str, mark: str) -> None:
    written = f"{whole_units(amount, currency):f}".replace(".", mark)
    grouped = f"{whole_units(amount, currency):,f}"

    assert minor_units(written, currency, decimal_mark=mark) == amount
    assert minor_units(grouped, currency, decimal_mark=".") == amount


def amount_or_sentence(text: str) -> int | str:
    try:
        return minor_units(text, "EUR")
    except ValueError as refusal:
        return str(refusal)


@given(st.text(max_size=50))
def test_any_text_is_an_amount_or_refused_with_a_sentence(text: str) -> None:
    found = amount_or_sentence(text)

    assert found.endswith(".") if isinstance(found, str) else found >= 0

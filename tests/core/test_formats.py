"""How dates, times and money are written: by language and country."""

from datetime import date, datetime, time

import pytest
from django.utils import translation

from core import formats

FRIDAY = date(2031, 3, 7)
NARROW = "\N{NARROW NO-BREAK SPACE}"
NO_BREAK = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("language", "country", "told"),
    [
        ("en", "DE", "Friday 7 March 18:00"),
        ("en", "US", f"Friday March 7, 6{NARROW}PM"),
        ("en", "NZ", f"Friday 7 March 6{NARROW}pm"),
        ("de", "DE", "Freitag 7. März 18:00"),
    ],
)
def test_day_and_time_stand_apart_where_both_are_numbers(language: str, country: str, told: str) -> None:
    with translation.override(language):
        assert formats.format_datetime(formats.format_long_date(FRIDAY, country), time(18), country) == told


@pytest.mark.parametrize(
    ("language", "country", "ends_at", "told"),
    [
        ("en", "DE", datetime(2031, 3, 7, 19), "19:00"),
        ("en", "DE", datetime(2031, 3, 8, 0), "Sat 8 Mar 00:00"),
        ("en", "US", datetime(2031, 3, 8, 1), f"Sat Mar 8, 1{NARROW}AM"),
        ("de", "DE", datetime(2031, 3, 8, 1), "Sa 8. März 01:00"),
        ("es", "ES", datetime(2032, 1, 1, 1), "jue 1 ene 2032 1:00"),
    ],
)
def test_end_names_its_day_where_that_is_another(language: str, country: str, ends_at: datetime, told: str) -> None:
    with translation.override(language):
        assert formats.format_end(FRIDAY, ends_at, country) == told


@pytest.mark.parametrize(
    ("language", "country", "told"),
    [
        ("en", "DE", "18:00"),
        ("en", "GB", "18:00"),
        ("en", "US", f"6{NARROW}PM"),
        ("en", "NZ", f"6{NARROW}pm"),
        ("en", "IN", f"6{NARROW}pm"),
        ("de", "DE", "18:00"),
        ("de", "US", "18:00"),
        ("es", "ES", "18:00"),
        ("es", "US", f"6{NARROW}p.m."),
        ("en", "JP", f"6{NARROW}PM"),
        ("en", formats.NO_COUNTRY, f"6{NARROW}PM"),
    ],
)
def test_clock_has_the_hours_of_the_place(language: str, country: str, told: str) -> None:
    with translation.override(language):
        assert formats.format_time(time(18), country) == told


@pytest.mark.parametrize(
    ("language", "country", "told"),
    [
        ("en", "DE", ["Fri", "Fri 7 Mar", "Fri 7 Mar 2031", "Friday 7 March", "Friday 7 March 2031", "March 2031"]),
        ("en", "US", ["Fri", "Fri Mar 7", "Fri Mar 7, 2031", "Friday March 7", "Friday March 7, 2031", "March 2031"]),
        ("de", "DE", ["Fr", "Fr 7. März", "Fr 7. März 2031", "Freitag 7. März", "Freitag 7. März 2031", "März 2031"]),
        (
            "es",
            "ES",
            ["vie", "vie 7 mar", "vie 7 mar 2031", "viernes 7 de marzo", "viernes 7 de marzo de 2031", "marzo de 2031"],
        ),
    ],
)
def test_days_are_named_in_the_language_and_ordered_as_in_the_place(
    language: str, country: str, told: list[str]
) -> None:
    with translation.override(language):
        assert [
            formats.format_weekday(FRIDAY),
            formats.format_short_date(FRIDAY, country),
            formats.format_date(FRIDAY, country),
            formats.format_long_date(FRIDAY, country),
            formats.format_full_date(FRIDAY, country),
            formats.format_month(FRIDAY, country),
        ] == told


@pytest.mark.parametrize(
    ("language", "last", "told"),
    [
        ("en", date(2031, 3, 13), "7–13 Mar 2031"),
        ("en", date(2031, 4, 3), "7 Mar – 3 Apr 2031"),
        ("de", date(2031, 4, 3), "7. März – 3. Apr. 2031"),
    ],
)
def test_span_says_what_is_the_same_once(language: str, last: date, told: str) -> None:
    with translation.override(language):
        assert " ".join(formats.format_range(FRIDAY, last, "DE").split()) == told


@pytest.mark.parametrize(
    ("language", "country", "currency", "told"),
    [
        ("en", "US", "USD", "$1,234.50"),
        ("en", "DE", "EUR", f"1.234,50{NO_BREAK}€"),
        ("es", "ES", "EUR", f"1.234,50{NO_BREAK}€"),
        ("en", "US", "JPY", "¥123,450"),
        ("en", "KW", "KWD", "KWD123.450"),
        ("de", "DE", "RSD", f"1.234,50{NO_BREAK}RSD"),
    ],
)
def test_money_has_its_currencys_decimals_and_sign(language: str, country: str, currency: str, told: str) -> None:
    with translation.override(language):
        assert formats.format_money(123_450, currency, country) == told


@pytest.mark.parametrize(
    ("language", "country", "currency", "expected"),
    [
        ("en", "US", "USD", "1234.50"),
        ("de", "DE", "EUR", "1234,50"),
        ("es", "ES", "JPY", "123450"),
        ("de", "AT", "KWD", "123,450"),
    ],
)
def test_amount_of_a_form_has_the_readers_decimal_mark(
    language: str, country: str, currency: str, expected: str
) -> None:
    with translation.override(language):
        assert formats.format_amount(123_450, currency, country) == expected


def test_clock_names_the_minutes_that_there_are() -> None:
    with translation.override("en"):
        assert formats.format_time(time(18, 30), "US") == f"6:30{NARROW}PM"
        assert formats.format_time(time(0), "US") == f"12{NARROW}AM"


def test_a_language_without_customs_speaks_english() -> None:
    with translation.override("xx"):
        assert formats.format_time(time(18), "XX") == f"6{NARROW}PM"


@pytest.mark.parametrize("day", [date.min, date.max])
def test_every_date_can_be_written(day: date) -> None:
    with translation.override("en"):
        assert formats.format_full_date(day, "DE")

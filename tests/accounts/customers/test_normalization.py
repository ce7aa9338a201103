"""Normalization of names, emails and phone numbers in any script and spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.customers.blind_index import MAX_LETTERS, MAX_WORDS, index_keys
from accounts.customers.normalization import (
    e164,
    initials,
    name_words,
    normalize_email,
    normalize_name,
    normalize_phone,
    phone_digits,
    possible_phones,
)
from accounts.models import Customer


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Ana-María  GARCÍA", ["ana", "maria", "garcia"]),
        ("O’Neil", ["oneil"]),
        ("D'Artagnan", ["dartagnan"]),
        ("Müller-Lüdenscheidt", ["muller", "ludenscheidt"]),
        ("Straße", ["strasse"]),
        ("Łukasz Żółć", ["lukasz", "zolc"]),
        ("Søren Ægir", ["soren", "aegir"]),
        ("Þórður", ["thordur"]),
        ("Đặng Thị Hương", ["dang", "thi", "huong"]),
        ("İpek Işık", ["ipek", "isik"]),
        ("Əliyev", ["eliyev"]),
        ("Ελένη Παπαδοπούλου", ["ελενη", "παπαδοπουλου"]),
        ("Фёдор Йолкин", ["федор", "иолкин"]),
        ("山田 太郎", ["山田", "太郎"]),
        ("김민수", ["김민수"]),
        ("مُحَمَّد", ["محمد"]),
        ("\u200fדָּוִד\u200f", ["דוד"]),
        ("Ａｎａ", ["ana"]),
        ("e\u0301ric Éric", ["eric", "eric"]),
        ("Anna\u200bMaria", ["annamaria"]),
        ("a_b.c", ["a", "b", "c"]),
        ("★ ☆", []),
        ("", []),
    ],
)
def test_words_of_a_name(name: str, found: list[str]) -> None:
    assert name_words(name) == found


def test_words_keep_the_vowel_signs_that_make_the_word() -> None:
    assert len(name_words("सीता सूता")) == len(set(name_words("सीता सूता"))) == 2


@given(st.text())
def test_words_of_words_are_the_same(text: str) -> None:
    assert name_words(" ".join(name_words(text))) == name_words(text)


@given(st.text())
def test_words_do_not_know_case(text: str) -> None:
    assert name_words(text.casefold()) == name_words(text)


@given(st.text())
def test_email_form_of_a_form_is_the_same(text: str) -> None:
    assert normalize_email(normalize_email(text)) == normalize_email(text)


def test_name_form_compares_names_without_letters_as_they_are_written() -> None:
    assert normalize_name("★") == normalize_name(" ★ ") != normalize_name("☆")


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("+1 202-555-0143", "DE", "+12025550143"),
        ("(202) 555-0143", "US", "+12025550143"),
        ("202.555.0143", "US", "+12025550143"),
        ("1 202 555 0143", "US", "+12025550143"),
        ("030/901820", "DE", "+4930901820"),
        ("+49 (0)30 901820", "DE", "+4930901820"),
        ("+49 (0)30 901820", "US", "+4930901820"),
        ("0049 30 901820", "DE", "+4930901820"),
        ("0049 30 901820", "US", "+4930901820"),
        ("011 49 30 901820", "US", "+4930901820"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("٢٠٢٥٥٥٠١٤٣", "US", "+12025550143"),
        ("２０２　５５５　０１４３", "US", "+12025550143"),
        ("+12025550143", "XX", "+12025550143"),
    ],
)
def test_e164_reads_a_number_in_any_spelling(text: str, country: str, number: str) -> None:
    assert e164(text, country) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "12",
        "555-555-5555",
        "call me",
        "Tel. 202 555 0143",
        "202 555 0143 ext. 9",
        "+",
        "0" * 300,
        "1\x002025550143",
    ],
)
def test_e164_refuses_what_is_no_number(text: str) -> None:
    assert e164(text, "US") is None


def test_phone_form_falls_back_to_the_digits() -> None:
    assert [normalize_phone(text, "US") for text in ("555-555-5555", "n/a", "")] == ["5555555555", "", ""]


def test_phone_forms_take_a_number_with_its_plus_left_out() -> None:
    assert possible_phones("4930901820", "US") == {"+4930901820", "4930901820"}


@given(st.text())
def test_phones_of_any_text_never_fail(text: str) -> None:
    number = e164(text, "US")
    assert number is None or number[1:].isdecimal()
    assert phone_digits(text).isascii()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ana-María García", "A. G."),
        ("ana", "A."),
        ("(Bob) O'Neil", "B. O."),
        ("山田 太郎", "山. 太."),
        ("e\u0301ric", "É."),
        ("★ ana", "A."),
        ("", ""),
        ("★", ""),
    ],
)
def test_initials_of_a_name(name: str, shown: str) -> None:
    assert initials(name) == shown


@given(st.text(max_size=200), st.text(max_size=254), st.text(max_size=40))
def test_keys_of_anybody_are_few(name: str, email: str, phone: str) -> None:
    keys = index_keys(Customer(name=name, email=email, phone=phone), "US")
    assert len(keys) <= 4 + MAX_WORDS * MAX_LETTERS


def test_keys_of_the_longest_name_stay_bounded() -> None:
    longest = " ".join("abcdefghijklmnopqrstuvwxyz"[number:] * 5 for number in range(20))
    assert len(index_keys(Customer(name=longest, email="", phone=""), "US")) == 1 + MAX_WORDS * (MAX_LETTERS - 2)

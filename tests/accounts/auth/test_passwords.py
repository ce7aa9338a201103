"""Validation of new passwords on every way to set one, and comparison of passwords when signing in."""

import io
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, Final

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import translation

from accounts import roles
from accounts.auth import password_reset
from accounts.auth.passwords import normalize
from accounts.models import User
from stations.models import Station
from tests.factories import PASSWORD, UserFactory, person

GOOD: Final = "seven quiet green horses"
TYPED: Final = "ﬁve Å™ ｈｏｒｓｅｓ Ⅳ"
"""A ligature, an ångström sign, a trademark sign, full-width letters and a Roman numeral: none of it is in the form NFKC."""
KNOWN_WORDS: Final = "This password consists of your name, your email or the name of this product. Choose other words."


def refusals(password: str, **fields: str) -> list[str]:
    try:
        validate_password(password, User(**fields))
    except ValidationError as error:
        return error.messages
    return []


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "correct horse battery staple",
        "zwölf Boxkämpfer jagen",
        "пароль из четырёх слов",
        "我们在餐厅等你十二点半见面",
        "🐎🐎🐄🐄🐖🐖🐑🐑🐐🐐🐓🐓",
        "Kv9#x2$Lq!7wZ",
        "  two spaces before  ",
        "four books about the demo of a station",
        "x7" * 500,
    ],
)
def test_password_of_any_letters_is_taken(password: str) -> None:
    assert refusals(password, name="Nora Silva", email="nora.silva@example.com") == []


@pytest.mark.parametrize("count", [1, 8, 11])
def test_password_of_fewer_than_twelve_characters_is_refused(count: int) -> None:
    short = "This password is too short. It must contain at least 12 characters."

    assert short in refusals("x7!Kq9$wZ2#"[:count])
    assert short not in refusals("x7!Kq9$wZ2#v")


def test_characters_are_counted_as_they_are_hashed() -> None:
    """Eleven letters that each stand with an accent of its own are eleven, and not twenty-two."""
    typed = unicodedata.normalize("NFD", "áéíóúáéíóúá")

    assert (len(typed), refusals(typed)) == (
        22,
        ["This password is too short. It must contain at least 12 characters."],
    )


def test_password_longer_than_every_form_takes_is_refused() -> None:
    """It could be set by a command, and never be typed."""
    assert refusals("x7" * 500 + "!") == ["This password is too long. It can contain at most 1000 characters."]


@pytest.mark.parametrize(
    "password",
    ["passwordpassword", "Password1234", "qwertyuiop123", "iloveyou12345", "ｐａｓｓｗｏｒｄ1234", " password1234 "],
)
def test_password_that_is_known_from_breaches_is_refused(password: str) -> None:
    assert refusals(password) == ["This password is too common."]


@pytest.mark.parametrize(
    "password",
    [
        "norasilva1234",
        "NoraSilva2024!",
        "silva.nora.2031",
        "avlisaron-2024",
        "norasilvanora",
        "nora.silva@example.com",
        "N0ra_S1lva_2024",
        "ＮｏｒａＳｉｌｖａ１２３",
        "nórasílva12345",
        "example.com2031",
    ],
)
def test_password_made_of_ones_own_name_or_email_is_refused(password: str) -> None:
    assert KNOWN_WORDS in refusals(password, name="Nóra Silva", email="nora.silva@example.com")
    assert KNOWN_WORDS not in refusals(password, name="Bo", email="bo@other.test") or "example" in password


@pytest.mark.parametrize(
    "password",
    [
        "stationbook-demo",
        "Stationbook-Demo!",
        "stationbook-demo1",
        "demo-stationbook",
        "st4t10nb00k-d3m0",
        "stationbook2024",
        "StationBook!!!!",
        "koobnoitats123",
        "stationbookstationbook",
        "booking station 1",
    ],
)
def test_password_made_of_the_products_name_or_the_demos_is_refused(password: str) -> None:
    assert refusals(password) == [KNOWN_WORDS]


@pytest.mark.parametrize("password", ["seven quiet\0 horses", "seven quiet\x1b horses", "seven quiet \udcff horses"])
def test_password_that_nobody_can_type_again_is_refused(password: str) -> None:
    assert refusals(password) == ["This password contains characters that cannot be typed. Leave them out."]


@pytest.mark.parametrize(
    ("language", "words"),
    [("es", ["por lo menos 12 caracteres", "su nombre"]), ("de", ["mindestens 12 Zeichen", "Ihrem Namen"])],
)
def test_refusals_are_shown_in_each_language(language: str, words: list[str]) -> None:
    with translation.override(language):
        said = " ".join(refusals("station 7"))

    assert [word for word in words if word not in said] == []


Door = Callable[[Station, str, pytest.MonkeyPatch], str]


def by_the_account_page(station: Station, password: str, patch: pytest.MonkeyPatch) -> str:
    client = Client()
    client.force_login(person(roles.STAFF, station))
    return client.post("/accounts/me/password/", {"old": PASSWORD, "new": password, "again": password}).content.decode()


def by_a_mailed_link(station: Station, password: str, patch: pytest.MonkeyPatch) -> str:
    token = password_reset.make_token(person(roles.STAFF, station))
    return Client().post(f"/accounts/new-password/{token}/", {"new": password, "again": password}).content.decode()


def by_adduser(station: Station, password: str, patch: pytest.MonkeyPatch) -> str:
    patch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(CommandError) as refused:
        call_command("adduser", "new@example.com", "--group", roles.STAFF, "--password-stdin")
    return str(refused.value)


@pytest.mark.parametrize("door", [by_the_account_page, by_a_mailed_link, by_adduser])
@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("eleven char", "It must contain at least 12 characters."),
        ("qwertyuiop123", "This password is too common."),
        ("stationbook-demo", KNOWN_WORDS),
    ],
)
def test_every_door_refuses_them(
    station: Station, door: Door, password: str, sentence: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "http://testserver"

    assert sentence in door(station, password, monkeypatch)


def sign_in(email: str, password: str) -> bool:
    return Client().post("/accounts/login/", {"email": email, "password": password}).status_code == 302


def test_password_is_the_same_however_its_letters_are_written(db: None) -> None:
    user = UserFactory()
    user.set_password(TYPED)
    user.save()

    assert normalize(TYPED) != TYPED
    assert [sign_in(user.email, text) for text in (TYPED, normalize(TYPED), TYPED.lower())] == [True, True, False]


def hashed_before(password: str) -> User:
    user: User = UserFactory()
    user.password = make_password(password)
    user.save()
    return user


def test_hash_of_before_is_good_and_made_again_at_the_next_log_in(db: None) -> None:
    """It is of the text as it was typed, which was as short as one liked."""
    user = hashed_before("ﬁve")

    assert [sign_in(user.email, text) for text in ("five", "ﬁve", "five", "ﬁve")] == [False, True, True, True]


def test_password_given_while_somebody_signs_in_is_not_overwritten(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    user = hashed_before("ﬁve")
    set_password = User.set_password

    def meanwhile(self: User, password: str | None) -> None:
        User.objects.filter(pk=user.pk).update(password=make_password(GOOD))
        set_password(self, password)

    monkeypatch.setattr(User, "set_password", meanwhile)
    sign_in(user.email, "ﬁve")
    monkeypatch.undo()

    assert [sign_in(user.email, text) for text in ("ﬁve", GOOD)] == [False, True]


def test_hash_of_before_signs_nobody_out_who_gives_the_password_again(db: None) -> None:
    user = hashed_before("ﬁve words of before")
    client = Client()
    client.force_login(user)

    client.post("/accounts/me/password/", {"old": "ﬁve words of before", "new": "short", "again": "short"})

    assert client.get("/accounts/me/").status_code == 200


@pytest.mark.parametrize(("password", "count"), [("wrong", 1), ("ﬁve", 2)])
def test_wrong_password_costs_alike_for_everybody_in_any_spelling(
    db: None, monkeypatch: pytest.MonkeyPatch, password: str, count: int
) -> None:
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, text: str, salt: str) -> str:
        hashed.append(text)
        return encode(self, text, salt)

    user, counts = UserFactory(), []
    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    for email in (user.email, "nobody@example.com"):
        hashed.clear()
        assert not sign_in(email, password)
        counts.append(len(hashed))

    assert counts == [count, count]


@pytest.mark.parametrize("password", ["\0", "\0" * 20, "x" * 1_001, "\x1b", "\u202e" * 12])
def test_odd_passwords_are_refused_and_crash_nothing(db: None, password: str) -> None:
    answer = Client().post("/accounts/login/", {"email": UserFactory().email, "password": password})

    assert answer.status_code == 400

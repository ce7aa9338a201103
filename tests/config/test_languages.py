"""English, Spanish and German: every word for people is there in each, and the person chooses."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from bookings.models import Booking
from stations.models import Station
from tests.factories import booking

ROOT: Final = Path(__file__).resolve().parents[2]
TRANSLATED: Final = ("es", "de")
SOURCES: Final = ("accounts", "bookings", "config", "core", "stations", "templates")
WEEK: Final = "/calendar/week/?station=kitchen&date=2031-03-07"


def catalogue(language: str, folder: Path = ROOT) -> Catalog:
    with (folder / "locale" / language / "LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale=language)


def words(found: Catalog) -> dict[Any, Any]:
    """What is said for what; a plural's forms as a tuple."""
    return {whole(message.id): whole(message.string) for message in found if message.id}


def whole(said: Any) -> Any:
    return said if isinstance(said, str) else tuple(said)


def compiled_text(compiled: gettext.NullTranslations, message: Message) -> str:
    """The translation of a message; of a plural, for one."""
    match message.context, message.id:
        case None, str(text):
            return compiled.gettext(text)
        case str(context), str(text):
            return compiled.pgettext(context, text)
        case None, (singular, plural):
            return compiled.ngettext(singular, plural, 1)
        case context, (singular, plural):
            return compiled.npgettext(str(context), singular, plural, 1)
    raise ValueError(message.id)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_word_is_translated(language: str) -> None:
    found = catalogue(language)

    assert len(found) > 400
    assert [message.id for message in found if message.fuzzy] == []
    assert [said for said, translated in words(found).items() if not all([translated, *translated])] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_translation_keeps_the_places_for_values(language: str) -> None:
    assert [(message.id, str(error)) for message, errors in catalogue(language).check() for error in errors] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_compiled_words_are_those_that_are_written(language: str) -> None:
    with (ROOT / "locale" / language / "LC_MESSAGES/django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for message in filter(lambda message: message.id, catalogue(language)):
        written = whole(message.string)
        assert compiled_text(compiled, message) == (written if isinstance(written, str) else written[0]), (
            "run script/messages"
        )


@pytest.mark.parametrize("app", ["accounts", "bookings", "config", "stations"])
def test_words_are_marked_as_the_collector_looks_for_them(app: str) -> None:
    """By gettext's own names or by “_”: under any other name they would never come into the catalogue."""
    sources = "".join(path.read_text() for path in sorted((ROOT / app).rglob("*.py")))

    assert set(re.findall(r"\bn?p?gettext(?:_lazy)? as (\w+)", sources)) <= {"_"}


@pytest.mark.looks
def test_catalogue_holds_the_words_of_code_and_templates(tmp_path: Path) -> None:
    """What `script/messages` would collect now."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "locale").mkdir()

    run = [sys.executable, "-m", "django", "makemessages", "--locale", "de"]
    alone = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(run, cwd=tmp_path, env=alone, check=True, capture_output=True)

    collected = words(catalogue("de", tmp_path)).keys()
    assert [words(catalogue(language)).keys() for language in TRANSLATED] == [collected] * 2, (
        "run script/messages, translate what is new, run it again"
    )


def test_words_are_marked_by_names_that_are_collected() -> None:
    """`makemessages` knows gettext by its own name and as `_`: whatever stands under another one stays English for ever."""
    aliases = {
        f"{path.relative_to(ROOT)}: {alias}"
        for name in SOURCES
        for path in (ROOT / name).rglob("*.py")
        for alias in re.findall(r"\bn?p?gettext(?:_lazy)? as (\w+)", path.read_text())
        if alias != "_"
    }

    assert aliases == set()


@pytest.mark.parametrize(
    ("languages", "lang", "button", "status"),
    [
        ("en", "en", "New booking", "pending"),
        ("es-MX,es;q=0.9", "es", "Reserva nueva", "pendiente"),
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Neue Buchung", "offen"),
        ("fr", "en", "New booking", "pending"),
    ],
)
def test_page_speaks_the_browsers_language(
    client: Client, station: Station, staff: User, languages: str, lang: str, button: str, status: str
) -> None:
    booking(station, status="pending")
    client.force_login(staff)

    html = client.get(WEEK, headers={"Accept-Language": languages}).content.decode()

    assert f'<html lang="{lang}">' in html
    assert button in html
    assert status in html


def test_language_that_was_chosen_stays(client: Client, station: Station, staff: User) -> None:
    client.force_login(staff)

    answer = client.post("/language/", {"language": "de", "next": WEEK})

    assert (answer.status_code, answer.headers["Location"]) == (302, WEEK)
    html = client.get(WEEK, headers={"Accept-Language": "en"}).content.decode()
    assert "Neue Buchung" in html
    assert "2.–8. März 2031" in " ".join(html.split())


def test_copy_of_a_page_is_good_for_one_language(client: Client, station: Station, staff: User) -> None:
    client.force_login(staff)
    tag = client.get(WEEK, headers={"X-Part": "calendar"}).headers["ETag"]
    asked = {"X-Part": "calendar", "If-None-Match": tag}

    assert client.get(WEEK, headers=asked).status_code == 304
    assert client.get(WEEK, headers={**asked, "Accept-Language": "de"}).status_code == 200


def test_refusal_speaks_the_persons_language(client: Client, staff: User, made: Booking) -> None:
    client.force_login(staff)

    answer = client.post(
        f"/bookings/{made.pk}/move/",
        {"date": "2031-03-08", "slot": "03:00", "version": 1},
        headers={"Accept": "application/json", "Accept-Language": "de"},
    )

    assert answer.json()["error"] == "Am Sa 8. März 2031 gibt es um 03:00 keinen Slot. Wählen Sie einen anderen."


@pytest.fixture
def made(station: Station) -> Booking:
    return booking(station)


def test_page_runs_from_right_to_left_where_the_language_does(
    client: Client, station: Station, staff: User, settings: LazySettings
) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("he", "עברית")]
    client.force_login(staff)

    html = client.get(WEEK, headers={"Accept-Language": "he"}).content.decode()

    assert '<html lang="he" dir="rtl">' in html

"""The page that lists one's own sessions and ends them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import roles
from accounts.models import AuditEntry, Session, User
from stations.models import Station
from tests.factories import PASSWORD, person

pytestmark = pytest.mark.looks

PAGE: Final = "/accounts/me/sessions/"
MORNING: Final = datetime(2031, 3, 7, 8, tzinfo=UTC)
LAPTOP: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
PHONE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile/15E148 Safari/604.1"


def signed_in(user: User, agent: str = LAPTOP, address: str = "127.0.0.1") -> Client:
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    client.post("/accounts/login/", {"email": user.email, "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/accounts/me/").status_code == 200


def listed(client: Client) -> list[str]:
    """Each session on the page as one line of text."""
    html = client.get(PAGE).content.decode()
    items = re.findall(r"<li>(.*?)</li>", html, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in items]


def ends(answer: Any) -> str:
    return str(answer.headers["Location"])


def test_page_lists_each_browser_with_its_place_and_times(staff: User) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        here = signed_in(staff, address="192.0.2.7")
        clock.shift(timedelta(hours=1))
        signed_in(staff, PHONE, "2001:db8::1")
        signed_in(staff, "curl/8")
        clock.shift(timedelta(hours=1))

        assert listed(here) == [
            "Firefox on Windows (this browser) from 192.0.2.7 · signed in March 7, 2031, 8 a.m. UTC"
            " · last used March 7, 2031, 10 a.m. UTC",
            "Unknown device from 127.0.0.1 · signed in March 7, 2031, 9 a.m. UTC · last used March 7, 2031, 9 a.m. UTC Sign out",
            "Safari on iPhone from 2001:db8::1 · signed in March 7, 2031, 9 a.m. UTC"
            " · last used March 7, 2031, 9 a.m. UTC Sign out",
        ]


@pytest.mark.parametrize(("language", "words"), [("es", "Firefox en Windows"), ("de", "Firefox unter Windows")])
def test_page_names_a_device_in_each_language(staff: User, language: str, words: str) -> None:
    client = signed_in(staff)

    assert words in client.get(PAGE, headers={"Accept-Language": language}).content.decode()


def test_page_holds_neither_keys_nor_their_digests(staff: User) -> None:
    client = signed_in(staff)
    html = client.get(PAGE).content.decode()

    assert client.cookies["stationbook_session"].value not in html
    assert bytes(Session.objects.get().digest).hex() not in html


def test_browser_that_is_signed_out_is_out_at_once_and_no_other(staff: User, station: Station) -> None:
    here, phone, other = signed_in(staff), signed_in(staff, PHONE), signed_in(person(roles.STAFF, station))
    stolen = Session.objects.get(platform="iPhone")

    answer = here.post(f"{PAGE}{stolen.pk}/end/")

    assert ends(answer) == PAGE
    assert "Signed out: Safari on iPhone." in here.get(PAGE).content.decode()
    assert [is_in(client) for client in (here, phone, other)] == [True, False, True]
    entry = AuditEntry.objects.get(event="session_ended")
    assert (entry.actor, entry.object_pk, entry.channel, entry.remote_addr) == (
        staff,
        str(staff.pk),
        "page",
        "127.0.0.1",
    )
    assert entry.changes == {"session": ["Safari on iPhone", None]}


def test_all_other_browsers_are_signed_out_each_with_its_entry(staff: User, station: Station) -> None:
    here, phone, desk = signed_in(staff), signed_in(staff, PHONE), signed_in(staff)
    other = signed_in(person(roles.STAFF, station))

    answer = here.post(f"{PAGE}others/end/")

    assert ends(answer) == PAGE
    assert "2 other browsers signed out." in here.get(PAGE).content.decode()
    assert [is_in(client) for client in (here, phone, desk, other)] == [True, False, False, True]
    assert AuditEntry.objects.filter(event="session_ended", actor=staff).count() == 2


def test_session_of_somebody_else_is_a_404_and_stays(staff: User, station: Station) -> None:
    here, victim = signed_in(staff), signed_in(person(roles.STAFF, station))
    theirs = Session.objects.latest("pk")

    assert here.post(f"{PAGE}{theirs.pk}/end/").status_code == 404
    assert here.post(f"{PAGE}{10**30}/end/").status_code == 404
    assert is_in(victim)
    assert not AuditEntry.objects.filter(event="session_ended").exists()


def test_whoever_ends_this_browser_is_signed_out(staff: User) -> None:
    here = signed_in(staff)

    answer = here.post(f"{PAGE}{Session.objects.get().pk}/end/")

    assert ends(answer) == "/accounts/login/"
    assert not is_in(here)


def test_page_lists_no_session_that_has_ended(staff: User) -> None:
    """By not being used, by a new password, or by its person, who ended everything."""
    with time_machine.travel(MORNING, tick=False) as clock:
        signed_in(staff, PHONE)
        clock.shift(timedelta(hours=4))
        here, _desk = signed_in(staff), signed_in(staff)
        assert len(listed(here)) == 2

        words = {"old": PASSWORD, "new": "seven quiet green horses", "again": "seven quiet green horses"}
        here.post("/accounts/me/password/", words)

        assert len(listed(here)) == 1
        here.post(f"{PAGE}others/end/")
        assert not AuditEntry.objects.filter(event="session_ended").exists()


def test_page_asks_alike_for_one_session_and_for_many(staff: User, django_assert_num_queries: Any) -> None:
    here = signed_in(staff)
    here.get(PAGE)
    with CaptureQueriesContext(connection) as asked:
        here.get(PAGE)
    for_one = len(asked)
    for _n in range(5):
        signed_in(staff)

    with django_assert_num_queries(for_one):
        here.get(PAGE)


def test_account_page_leads_there(staff: User) -> None:
    assert f'href="{PAGE}"' in signed_in(staff).get("/accounts/me/").content.decode()

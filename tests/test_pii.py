"""After a run of every feature with marked names: no mark anywhere at rest, in no log, no session, no audit entry."""

import json
import logging
import re
import subprocess
from datetime import UTC, datetime, time, timedelta
from email import message_from_string
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings, settings
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import roles
from accounts.auth import authentication, email_change, password_reset
from accounts.customers import Contact
from accounts.models import AuditEntry, BlindIndex, Customer, Session
from bookings.mails import delivery, outbox
from bookings.models import Booking, ContactProposal, Feed, Mail
from bookings.models.mail_state import OPEN, State
from bookings.models.status import Status
from bookings.privacy import erasure
from bookings.services.timetable_changes import timetable_change
from config.environment import env
from core.mail.smtp import SmtpTransport
from stations.models import Station
from tests.authenticator import code_of
from tests.bookings.mails.scripted_smtp_server import DROP, scripted_server
from tests.decrypted import read_everything
from tests.factories import PASSWORD, SATURDAY, ExceptionFactory, booking, open_station, person
from tests.personal_data import EMAIL, FRAGMENTS, NAME, NOTES, PHONE, SPECIAL_REQUESTS, fragments_in

OTHER_EMAIL = EMAIL.replace("@", "2@")
"""Given with bookings, and not on file."""


@pytest.fixture
def station(transactional_db: None) -> Station:
    return open_station(code="kitchen", capacity=20)


def use_the_pages(station: Station) -> None:
    client = Client()
    client.force_login(person(roles.STAFF, station))
    place = {
        "station": "kitchen",
        "date": "2031-03-07",
        "slot": "18:00",
        "slots": 1,
        "party_adults": 2,
        "party_kids": 0,
    }
    contact = {"name": NAME, "email": EMAIL, "phone": PHONE}
    client.post("/bookings/new/", {**place, **contact, "status": "confirmed", "special_requests": SPECIAL_REQUESTS})
    client.post("/bookings/new/", {**place, **contact, "phone": PHONE + "x", "status": "confirmed"})
    made = Booking.objects.get()
    client.post("/calendar/search/", {"q": NAME})
    client.get("/calendar/week/", {"date": "2031-03-07", "customer": str(made.customer_id)})
    client.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "19:00", "version": 1})
    client.post(f"/bookings/{made.pk}/move/", {"date": "2031-03-08", "slot": "03:00", "version": 1})
    client.post(f"/bookings/{made.pk}/edit/", {**place, "version": 2, "special_requests": SPECIAL_REQUESTS + "!"})
    client.post(f"/bookings/{made.pk}/step/", {"status": "completed", "version": 3})
    for name in ("undo", "undo", "redo"):
        client.post(f"/bookings/{name}/", {"next": f"/bookings/{made.pk}/"})
    client.post("/bookings/undo/", {"next": "/"})
    assert NAME.encode() in client.get("/bookings/undo/").content
    client.get(f"/bookings/{made.pk}/")
    client.post("/bookings/new/", {**place, **contact, "email": OTHER_EMAIL, "status": "confirmed"})
    other = Booking.objects.latest("created_at")
    assert OTHER_EMAIL in client.post(f"/bookings/{other.pk}/contact/").content.decode()
    client.post(f"/bookings/{other.pk}/contact/decide/", {"do": "use", "field": "email", "version": 9})
    known = {**place, "customer": str(made.customer_id), "new_email": OTHER_EMAIL, "status": "confirmed"}
    client.post("/bookings/new/", known)
    client.post("/bookings/new/", {**known, "new_phone": PHONE + "x", "save_contact": "on"})


def use_the_feeds(station: Station) -> list[str]:
    """In the week of the bookings. Returns the secrets of the feed's addresses."""
    client, secret_address = Client(), re.compile(r"/feeds/([\w-]{43})\.ics")
    with time_machine.travel(datetime(2031, 3, 1, 12, tzinfo=UTC), tick=False):
        client.force_login(person(roles.STAFF, station))
        [first] = set(secret_address.findall(client.post("/feeds/", {"details": "on"}).content.decode()))
        feed = Feed.objects.get().pk
        [second] = set(secret_address.findall(client.post(f"/feeds/{feed}/renew/").content.decode()))
        assert NAME.encode() in Client().get(f"/feeds/{second}.ics").getvalue()
        client.get("/feeds/")
    return [first, second]


def use_the_api(station: Station) -> None:
    user = person(roles.INTEGRATORS, station)
    client = Client(headers={"authorization": f"Bearer {authentication.issue_tokens(user)['access']}"})

    def send(method: str, address: str, body: dict[str, Any]) -> Any:
        return client.generic(method, address, json.dumps(body), content_type="application/json")

    place = {"station": "kitchen", "date": "2031-03-07", "slot": "20:00", "party_adults": 2}
    contact = {"name": NAME, "email": EMAIL, "phone": PHONE}
    made = send("POST", "/api/bookings/", {**place, "customer": contact, "special_requests": SPECIAL_REQUESTS}).json()[
        "data"
    ]
    send(
        "POST",
        "/api/bookings/",
        {**place, "customer": {**contact, "phone": PHONE + "x"}, "special_requests": "\x00" + SPECIAL_REQUESTS},
    )
    send(
        "PATCH",
        f"/api/bookings/{made['booking_id']}/",
        {"special_requests": SPECIAL_REQUESTS, "customer": {**contact, "email": ""}},
    )
    send("PATCH", f"/api/bookings/admin/{made['booking_id']}", {"date": "2031-03-08", "slot": "20:00"})
    send("POST", "/api/customers/search", {"q": EMAIL})
    send("POST", "/api/customers/search", {"q": NAME, NAME: EMAIL})
    send("POST", "/api/auth/login", {"email": EMAIL, "password": NAME})
    client.get("/api/bookings/admin/monthly?date_from=2031-03-01&date_to=2031-03-31")


def use_the_admin(station: Station) -> None:
    client = Client()
    client.force_login(person(roles.MANAGERS, station))
    known = Customer.objects.filter(station=station).first()
    assert known
    words = {"name": NAME, "email": EMAIL, "phone": PHONE, "notes": NOTES}
    client.post(f"/admin/accounts/customer/{known.pk}/change/", words)
    client.post(f"/admin/accounts/customer/{known.pk}/change/", {**words, "phone": PHONE + "x"})
    place = {
        "station": station.pk,
        "date": "2031-03-07",
        "slot": "17:00",
        "slots": 1,
        "party_adults": 2,
        "party_kids": 0,
    }
    money = {"total_due_cents": 0, "deposit_due_cents": 0}
    contact = {"customer_name": NAME, "customer_email": EMAIL, "customer_phone": PHONE}
    client.post(
        "/admin/bookings/booking/add/",
        {**place, **money, **contact, "status": "confirmed", "special_requests": SPECIAL_REQUESTS},
    )
    made = Booking.objects.latest("created_at")
    client.get("/admin/bookings/booking/", {"q": NAME})
    client.post("/admin/bookings/booking/", {"action": "cancel", "_selected_action": [str(made.pk)]})
    client.get("/admin/bookings/mail/", {"q": NAME})
    for mail in Mail.objects.filter(booking__customer__isnull=False):
        assert NAME in client.get(f"/admin/bookings/mail/{mail.pk}/change/").content.decode()
        client.post("/admin/bookings/mail/", {"action": "send_again", "_selected_action": [str(mail.pk)]}, follow=True)


def use_the_commands(station: Station, folder: Path) -> None:
    file, rejects, out = folder / "in.csv", folder / "rejects.csv", folder / "out.csv"
    row = f'kitchen,2031-03-07,{{slot}},{NAME},{EMAIL},{PHONE},"{SPECIAL_REQUESTS}"\n'
    header = "station,date,slot,customer_name,customer_email,customer_phone,special_requests\n"
    file.write_text(header + row.format(slot="18:00") + row.format(slot="03:00"))
    with pytest.raises(SystemExit):
        call_command("import_bookings", str(file), rejects=str(rejects))
    call_command("export_bookings", out=str(out))
    assert NAME in out.read_text()
    for path in (file, rejects, out):
        path.unlink()


def use_the_timetable(station: Station) -> None:
    booking(station, SATURDAY, customer=Contact(NAME, EMAIL))
    with timetable_change(station, by=roles.OPERATOR, displace=True):
        ExceptionFactory(station=station, date=SATURDAY)


def use_the_mails(station: Station) -> None:
    """By a server that quotes what it is told in everything that it refuses, and takes some."""
    script = {
        "MAIL": [f"451 4.7.1 not now, {NAME}", "250 OK"],
        "RCPT": [f"550 5.1.1 <{EMAIL}>: nobody here", f"450 4.2.0 <{EMAIL}>: later", "250 OK"],
        "DATA": [f"554 5.7.1 {SPECIAL_REQUESTS} is spam", "354 Go on"],
        ".": [f"554 5.6.0 {NAME}", f"{DROP}", f"250 2.0.0 OK <{EMAIL}>"],
    }
    for hour in (17, 18, 19, 20, 21, 18):
        fields = {"customer": Contact(NAME, EMAIL), "special_requests": SPECIAL_REQUESTS}
        outbox.queue_created([booking(station, SATURDAY + timedelta(days=1), time(hour), **fields)])
    with scripted_server(script) as server, SmtpTransport(env.email_url_config(server.url)) as transport:
        for _attempt in range(20):
            Customer.objects.update(email_bounced=False)
            Mail.objects.filter(state__in=OPEN).update(due_at=timezone.now())
            delivery.deliver_next(transport)
    client = Client()
    client.force_login(person(roles.STAFF, station))
    for mail in Mail.objects.all():
        assert client.get(f"/bookings/{mail.booking_id}/mails/{mail.pk}/").status_code == 200
        assert client.get(f"/bookings/{mail.booking_id}/").status_code == 200


def everything_at_rest(database_url: str) -> bytes:
    """The database as it lies on the disk, or as its own tool dumps it, and the counters beside it."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return b"".join(path.read_bytes() for path in Path(name).parent.glob(Path(name).stem + "*"))
    return subprocess.run(["pg_dump", "--dbname", database_url], check=True, capture_output=True).stdout


def headers_of(mail: Mail) -> str:
    return str(message_from_string(mail.message or "", policy=SMTP)["To"])


@pytest.mark.slow
def test_no_mark_is_left_anywhere_after_every_feature(
    station: Station,
    database_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    use_the_pages(station)
    use_the_api(station)
    use_the_admin(station)
    use_the_commands(station, tmp_path)
    use_the_timetable(station)
    use_the_feeds(station)
    use_the_mails(station)

    assert {State.SENT, State.FAILED, State.UNREACHED} <= set(Mail.objects.values_list("state", flat=True))
    assert "Quillon" in headers_of(Mail.objects.filter(state=State.SENT)[0])
    assert {customer.name for customer in Customer.objects.all()} == {NAME}
    assert {one.email for one in ContactProposal.objects.all()} == {OTHER_EMAIL}
    assert Booking.objects.filter(special_requests__isnull=False).count() >= 4
    at_rest = everything_at_rest(database_url)
    assert b"kitchen" in at_rest
    assert fragments_in(at_rest.decode("utf-8", "replace")) == []
    assert fragments_in(at_rest.decode("utf-16-le", "replace")) == []
    assert fragments_in(re.sub(r"q=[^\s&\"']*", "", caplog.text)) == []
    printed = capsys.readouterr()
    assert fragments_in(printed.out + printed.err) == []
    assert [
        entry for entry in AuditEntry.objects.values_list("changes", "object_repr") if fragments_in(str(entry))
    ] == []
    assert [
        entry for entry in LogEntry.objects.values_list("change_message", "object_repr") if fragments_in(str(entry))
    ] == []
    assert [one for one in Session.objects.all() if fragments_in(str(one.get_decoded()))] == []


@pytest.mark.slow
def test_no_mark_is_left_for_those_who_hold_the_keys_after_an_erasure(
    station: Station, database_url: str, tmp_path: Path
) -> None:
    use_the_pages(station)
    use_the_api(station)
    use_the_admin(station)
    use_the_commands(station, tmp_path)
    use_the_mails(station)
    assert set(fragments_in(read_everything())) == {*FRAGMENTS}
    assert ContactProposal.objects.exists()
    Booking.objects.update(status=Status.COMPLETED)

    for customer in Customer.objects.all():
        erasure.erase(customer.pk, by=roles.OPERATOR)

    assert fragments_in(read_everything()) == []
    assert fragments_in(everything_at_rest(database_url).decode("utf-8", "replace")) == []
    assert (BlindIndex.objects.count(), Booking.objects.filter(customer__isnull=False).exists()) == (0, True)


def use_the_doors(station: Station) -> list[str]:
    """By the pages, signed in as somebody with the station. Returns every secret that they were told, or told the product."""
    client, user = Client(), person(roles.STAFF, station)
    client.post("/accounts/login/", {"email": user.email, "password": PASSWORD})
    cookies = [client.cookies[settings.SESSION_COOKIE_NAME].value]
    app = client.post("/accounts/me/factor/app/").content.decode()
    [secret] = re.findall(r"<code[^>]*>([A-Z2-7]{32})</code>", app)
    words = {"code": code_of(secret), "old": PASSWORD}
    codes = re.findall(
        r"<li><code>([A-Z2-7-]{19})</code>", client.post("/accounts/me/factor/confirm/", words).content.decode()
    )
    wanted = {"name": "Shop", "stations": [station.pk], "rights": [roles.VIEW], "old": PASSWORD}
    [key] = re.findall(r"sb_[\w-]{43}", client.post("/accounts/me/keys/", wanted).content.decode())
    Client().get("/api/stations/", headers={"Authorization": f"Bearer {key}"})
    Client().get("/api/nowhere/", headers={"Authorization": f"Bearer {key}x"})
    client.post("/accounts/me/password/", {"old": PASSWORD, "new": "zebra crossing 7", "again": "zebra crossing 7"})
    cookies.append(client.cookies[settings.SESSION_COOKIE_NAME].value)
    user.refresh_from_db()
    client.post("/accounts/me/email/", {"email": "zebra@example.com"})
    token = email_change.make_token(user)
    assert client.post(f"/accounts/me/email/{token}/").status_code == 302
    user.refresh_from_db()
    tickets = []
    for link in (password_reset.RESET_LINK, password_reset.MANAGER_LINK):
        user.refresh_from_db()
        tickets.append(password_reset.make_token(user, link))
        words = {"new": f"zebra crossing {len(tickets)}", "again": f"zebra crossing {len(tickets)}"}
        assert Client().post(f"/accounts/new-password/{tickets[-1]}/", words).status_code == 200
    assert (len(codes), len({*cookies, ""})) == (10, 3)
    plain = [code.replace("-", "") for code in codes]
    return [secret, *cookies, *codes, *plain, key, token, *tickets, PASSWORD, "zebra crossing"]


def test_secrets_of_the_doors_are_left_nowhere(
    station: Station,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    settings: LazySettings,
) -> None:
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "http://testserver"
    caplog.set_level(logging.DEBUG)
    caplog.clear()

    found = use_the_doors(station)

    printed = capsys.readouterr()
    sessions = str([one.get_decoded() for one in Session.objects.all()])
    at_rest = everything_at_rest(database_url).decode("utf-8", "replace")
    left = [at_rest, caplog.text, printed.out, printed.err, sessions]
    assert [secret for secret in found for text in left if secret in text] == []


def test_secret_of_a_feed_is_left_nowhere(
    station: Station, database_url: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    booking(station, customer=Contact(NAME, EMAIL))

    found = use_the_feeds(station)

    printed = capsys.readouterr()
    sessions = str([one.get_decoded() for one in Session.objects.all()])
    left = [
        everything_at_rest(database_url).decode("utf-8", "replace"),
        caplog.text,
        printed.out,
        printed.err,
        sessions,
    ]
    assert [secret for secret in found for text in left if secret in text] == []

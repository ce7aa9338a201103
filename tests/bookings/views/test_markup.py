"""Every page is valid HTML, in every state that the server draws."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest
from django.test import Client
from django.test.utils import override_settings

from accounts import roles
from accounts.customers import Contact
from bookings import services
from bookings.models import Booking
from bookings.models.status import Status
from stations.models import Station
from tests.factories import FRIDAY, SATURDAY, ExceptionFactory, booking, open_station, person

pytestmark = pytest.mark.looks

ROOT: Final = Path(__file__).resolve().parents[3]
VALIDATOR: Final = ROOT / "tests/js/node_modules/.bin/html-validate"
NODE: Final = ROOT / ".venv/bin/node"
RULES: Final = {
    "extends": ["html-validate:standard", "html-validate:a11y"],
    # Taste, not validity: a form's button submits, and what scrolls is a region only while it does.
    "rules": {"no-implicit-button-type": "off", "prefer-native-element": "off"},
}
HERE: Final = "station=kitchen&date=2031-03-07"


def pages(client: Client, made: Booking) -> dict[str, str]:
    addresses = {kind: f"/calendar/{kind}/?{HERE}" for kind in ("week", "month", "day", "agenda", "stations", "door")}
    addresses |= {
        "day-sheet": f"/calendar/print/?{HERE}",
        "panel": f"/calendar/week/?{HERE}&booking={made.pk}",
        "booking": f"/bookings/{made.pk}/",
        "edit": f"/bookings/{made.pk}/edit/",
        "move": f"/bookings/{made.pk}/move/",
        "new": f"/bookings/new/?{HERE}",
        "new-for-known": f"/bookings/new/?{HERE}&customer={made.customer_id}",
        "feeds": "/feeds/",
        "account": "/accounts/me/",
        "own-email": "/accounts/me/email/",
        "own-name": "/accounts/me/name/",
        "api-keys": "/accounts/me/keys/",
        "not-found": "/nowhere/",
        "root": "/api/",
        "bookings": "/api/bookings/?station=kitchen",
        "docs": "/api/docs/",
    }
    found = {name: client.get(address, headers={"Accept": "text/html"}) for name, address in addresses.items()}
    found["search"] = client.post("/calendar/search/", {"q": "ana@example.com"})
    found["contact"] = client.post(f"/bookings/{made.pk}/contact/")
    given = booking(made.station, SATURDAY, customer=Contact("Ana García", "ana.garcia@example.com", "+4930901820"))
    found["unasked"] = client.get(f"/bookings/{given.pk}/")
    found["given"] = client.post(f"/bookings/{given.pk}/contact/")
    found["feed"] = client.post("/feeds/", {"details": "on"})
    with override_settings(REAUTHENTICATION_SECONDS=0):
        found["confirm"] = client.post("/feeds/", {"details": "on", "station": '"<b>"'})
        found["account-asking"] = client.get("/accounts/me/")
    found["refused"] = client.post(f"/bookings/{made.pk}/edit/", {"version": 1, "party_adults": "x"})
    found["login"] = Client().post("/accounts/login/", {"username": "no@example.com", "password": "wrong"})
    return {name: answer.content.decode() for name, answer in found.items()}


@pytest.fixture
def made(station: Station) -> Booking:
    found = booking(station, customer=Contact("Ana García", "ana@example.com", "+4930901820"), special_requests="Nuts")
    for slots, status in enumerate((Status.PENDING, Status.ARRIVED), start=1):
        booking(station, slots=slots, status=status)
    ExceptionFactory(station=station, date=FRIDAY.replace(day=5), reason="<Stocktaking>")
    Booking.objects.filter(pk=booking(station, FRIDAY.replace(day=4)).pk).update(needs_place=True)
    services.change_status(booking(station, FRIDAY.replace(day=6)).pk, Status.CANCELLED, by=roles.OPERATOR)
    return found


@pytest.mark.slow
def test_pages_are_valid_html(client: Client, station: Station, made: Booking, tmp_path: Path) -> None:
    client.force_login(person(roles.MANAGERS, station, open_station(code="court")))
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(RULES))
    for name, html in pages(client, made).items():
        (tmp_path / f"{name}.html").write_text(html)
    (tmp_path / "wrong.html").write_text("<p><div></p>")

    found = tmp_path / "found.json"
    subprocess.run([NODE, VALIDATOR, f"--formatter=json={found}", tmp_path], cwd=tmp_path, check=False)

    faults = {Path(one["filePath"]).stem: one["messages"] for one in json.loads(found.read_text())}
    assert faults.pop("wrong")
    told = [
        f"{name} {one['line']}: {one['message']} ({one['ruleId']})"
        for name, messages in faults.items()
        for one in messages
    ]
    assert told == []

"""A day's log, from every door and at the level that tells most, searched line by line for whatever must not stand there."""

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings, settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts import roles
from accounts.auth import authentication, password_reset
from accounts.models import User
from stations.models import Station
from tests import captured_log
from tests.factories import PASSWORD, open_station, person
from tests.personal_data import EMAIL, FRAGMENTS, NAME, PHONE, SPECIAL_REQUESTS
from tests.test_pii import (
    use_the_admin,
    use_the_api,
    use_the_commands,
    use_the_doors,
    use_the_feeds,
    use_the_mails,
    use_the_pages,
    use_the_timetable,
)


def import_many(folder: Path, rows: int) -> None:
    file = folder / "many.csv"
    header = "station,date,slot,customer_name,customer_email,customer_phone,special_requests\n"
    many = (f"big,2031-04-01,18:00,{NAME} {n},{n}{EMAIL},{PHONE}{n % 10},{SPECIAL_REQUESTS} {n}\n" for n in range(rows))
    file.write_text(header + "".join(many))
    call_command("import_bookings", str(file))


def fail(client: Client, by_token: str) -> list[str]:
    """What there is not, what may not be, what is malformed, what crashes. Returns the secrets of the paths."""
    secret = "k3Jx9vQp7Lw2Zt5Rb8Nc1Ym6Hd4Fs0Ga-uEoIiTqXjV"
    for address in (
        f"/feeds/{secret}.ics",
        f"/accounts/new-password/1-{secret}/",
        f"/{NAME}/?q={EMAIL}",
        f"/api/{NAME}",
    ):
        Client().get(address)
        client.post(address, {"name": NAME}, headers={"Referer": f"http://testserver/{secret}", "User-Agent": NAME})
    Client().get("/", headers={"Host": f"{secret}.example.com"})
    Client(enforce_csrf_checks=True).post(
        "/accounts/login/", {"email": EMAIL}, headers={"Origin": f"https://{secret}.x"}
    )
    Client().get("/api/stations/", headers={"Authorization": f"Bearer {by_token}x"})
    client.get("/calendar/week/", {"station": NAME, "date": NAME, "customer": NAME})
    client.get("/api/bookings/", {"station": NAME, "external_ref": EMAIL})

    def crash(*_call: Any) -> Any:
        raise RuntimeError(f"{NAME} {secret}")

    with connection.execute_wrapper(crash):
        client.get(f"/bookings/{uuid4()}/?q={EMAIL}")
        client.post("/api/customers/search", {"q": EMAIL}, content_type="application/json")
        Client(raise_request_exception=False).get(f"/feeds/{secret}.ics")
    return [secret]


def live_a_day(station: Station, folder: Path, rows: int) -> list[str]:
    """Returns every secret of the day."""
    use_the_pages(station)
    use_the_api(station)
    use_the_admin(station)
    use_the_commands(station, folder)
    use_the_timetable(station)
    use_the_mails(station)
    import_many(folder, rows)
    found = [*use_the_feeds(station), *use_the_doors(station)]
    user = person(roles.MANAGERS, station)
    tokens = authentication.issue_tokens(user)
    client = Client(raise_request_exception=False)
    client.force_login(user)
    for address in (
        "calendar/month/",
        "calendar/agenda/",
        "bookings/new/",
        "accounts/me/",
        "admin/",
        "api/docs/",
        "api/",
    ):
        client.get(f"/{address}")
    found += [client.cookies[settings.SESSION_COOKIE_NAME].value, *fail(client, str(tokens["access"]))]
    return [*found, *map(str, (tokens["access"], tokens["refresh"])), password_reset.make_token(user), PASSWORD]


@pytest.mark.slow
@pytest.mark.parametrize("rows", [400, pytest.param(4_000, marks=pytest.mark.long)])
def test_no_line_of_a_day_holds_what_must_not_stand_there(
    transactional_db: None, tmp_path: Path, settings: LazySettings, rows: int
) -> None:
    """Each row of an import is two lines, and a customer."""
    settings.MAIL_SERVER, settings.PUBLIC_URL = {"EMAIL_HOST": "mail.example.com"}, "http://testserver"
    kitchen = open_station(code="kitchen", capacity=20)
    open_station(code="big", capacity=rows)
    with captured_log.capture_log(level="DEBUG") as book:
        secrets = live_a_day(kitchen, tmp_path, rows)
    secrets += User.objects.values_list("email", flat=True)

    lines = book.text.splitlines()
    wrong = [line for line in lines if re.search("|".join(map(re.escape, FRAGMENTS)), line, re.IGNORECASE)]
    leaks = [(secret[:4], line) for secret in secrets for line in lines if secret in line]
    assert (len(lines) > 2 * rows + 100, wrong[:3], leaks[:3]) == (True, [], [])
    events = {line["event"] for line in book.lines}
    assert {"request", "action", "Internal Server Error"} <= events
    assert len([secret for secret in secrets if len(secret) > 5]) > 20

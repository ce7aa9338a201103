"""An import writes to nobody unless told to, and then of what is ahead and what has changed, once."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from bookings.models import Mail
from bookings.models.mail_state import Kind, State
from stations.models import Station
from tests.bookings.importing.commands import counts, import_file, write
from tests.bookings.mails.conftest import Deliver
from tests.bookings.mails.smtp_server import ScriptedSmtpServer

HEADER: Final = "external_ref,station,date,slot,status,customer_name,customer_email\n"
AHEAD: Final = "A1,kitchen,2031-03-07,18:00,confirmed,Ana García,ana@example.com\n"
REST: Final = (
    "A2,kitchen,2021-03-05,18:00,completed,Past Guest,past@example.com\n"
    "A3,kitchen,2031-03-07,19:00,cancelled,Gone Guest,gone@example.com\n"
    "A4,kitchen,2031-03-07,20:00,confirmed,,\n"
    "A5,kitchen,2031-03-07,03:00,confirmed,Late Guest,late@example.com\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "in.csv", HEADER + AHEAD + REST)


def queued() -> list[tuple[str, str, str]]:
    found = Mail.objects.order_by("created_at").select_related("booking")
    return [(mail.booking.external_ref, mail.kind, mail.state) for mail in found]


def test_import_writes_to_nobody(station: Station, file: Path) -> None:
    import_file(file)
    import_file(write(file, HEADER + AHEAD.replace("18:00", "21:00")))

    assert queued() == []


def test_import_with_notice_writes_to_whoever_is_ahead(
    station: Station, file: Path, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    assert import_file(file, "--notify").summary == counts(created=4, refused=1)

    deliver()

    assert queued() == [("A1", Kind.MADE, State.SENT)]
    assert [mail.mailboxes("To") for mail in mail_server.received] == [[("Ana García", "ana@example.com")]]


def test_nothing_is_sent_to_an_email_that_is_not_valid(
    station: Station, file: Path, mail_server: ScriptedSmtpServer, deliver: Deliver
) -> None:
    write(file, HEADER + AHEAD.replace("ana@example.com", "ana@example.com; bo@example.com"))
    import_file(file, "--notify")
    deliver()
    import_file(write(file, file.read_text().replace("18:00", "21:00")), "--notify")
    deliver(after=timedelta(days=1))

    assert queued() == [("A1", Kind.MADE, State.WITHDRAWN), ("A1", Kind.MOVED, State.UNREACHED)]
    assert mail_server.received == []


def test_import_with_notice_of_the_same_file_again_adds_nothing(station: Station, file: Path, deliver: Deliver) -> None:
    import_file(file, "--notify")
    deliver()
    import_file(file, "--notify")

    assert queued() == [("A1", Kind.MADE, State.SENT)]


def test_notice_that_comes_with_the_second_import_is_of_changes_alone(station: Station, file: Path) -> None:
    import_file(file)
    import_file(file, "--notify")

    assert queued() == []


@pytest.mark.parametrize(
    ("changed", "kind", "subject"),
    [
        (("18:00", "21:00"), Kind.MOVED, "21:00"),
        (("confirmed", "cancelled"), Kind.CANCELLED, "is cancelled"),
        (("Ana García,ana@", "Bo Li,bo@"), Kind.MADE, "18:00"),
    ],
)
def test_import_with_notice_says_what_has_changed(
    station: Station,
    file: Path,
    mail_server: ScriptedSmtpServer,
    deliver: Deliver,
    changed: tuple[str, str],
    kind: Kind,
    subject: str,
) -> None:
    import_file(file)

    done = import_file(write(file, HEADER + AHEAD.replace(*changed)), "--notify")
    Mail.objects.update(due_at="2026-01-01T00:00Z")
    deliver()

    assert (done.summary, queued()) == (counts(updated=1), [("A1", kind, State.SENT)])
    assert [subject in mail.decoded("Subject") for mail in mail_server.received] == [True]


def test_dry_run_with_notice_writes_to_nobody(station: Station, file: Path) -> None:
    import_file(file, "--notify", "--dry-run")

    assert queued() == []

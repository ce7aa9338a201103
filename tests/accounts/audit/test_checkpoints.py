"""Checkpoints of the audit log: resetting part of it is detected, and resetting all of it is detected by outside evidence."""

import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import roles
from accounts.audit import checkpoints, verification
from accounts.audit.checkpoints import Checkpointer
from accounts.audit.verification import CheckpointFault, Evidence, Fault, FaultKind
from accounts.encryption.keys import key_id, new_key
from accounts.key_management.keyrings import AUDIT
from accounts.models import AppendOnlyError, AuditChain, AuditCheckpoint, AuditEntry
from bookings import services
from bookings.models import Booking
from bookings.operations import worker
from stations.models import Station
from tests.accounts.audit.test_chain import Tamperer
from tests.bookings.importing.commands import run
from tests.factories import booking, open_station, person

pytestmark = pytest.mark.django_db
NOW: Final = datetime(2031, 3, 1, 12, tzinfo=UTC)


def faults(evidence: Evidence = verification.NO_EVIDENCE) -> list[verification.AnyFault]:
    return list(verification.faults(evidence))


def execute(sql: str, values: Any = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@dataclass
class Moment:
    """What somebody copied who could read the database at that time."""

    chains: list[AuditChain]
    checkpoint: int


class Log:
    """Two stations at work, with checkpoints made meanwhile."""

    def __init__(self) -> None:
        self.kitchen, self.court = open_station(code="kitchen"), open_station(code="court")
        self.manager = person(roles.MANAGERS, self.kitchen, self.court)
        self.bookings = [booking(self.kitchen), booking(self.court)]
        self.checkpointer = Checkpointer()
        self.moments: list[Moment] = []

    def work(self, *places: int) -> None:
        """A change at these of the two stations."""
        for place in places:
            one = Booking.objects.get(pk=self.bookings[place].pk)
            services.edit(one.pk, {"party_adults": one.party_adults + 1}, by=self.manager)

    def seal(self) -> AuditCheckpoint:
        self.remember()
        made = self.checkpointer.make(NOW + timedelta(minutes=len(self.moments)))
        self.remember()
        assert made
        return made

    def remember(self) -> None:
        last = checkpoints.newest()
        self.moments.append(Moment(list(AuditChain.objects.order_by("pk")), last.number if last else 0))

    def put_back(self, chain: AuditChain) -> None:
        """A chain as it was, with nothing behind its end."""
        place = ("IS NULL", []) if chain.station_id is None else ("= %s", [chain.station_id])
        execute(
            f"DELETE FROM accounts_auditentry WHERE number > %s AND station_id {place[0]}", [chain.count, *place[1]]
        )
        execute(
            "UPDATE accounts_auditchain SET count = %s, head = %s, seal = %s, checkpoint = %s WHERE id = %s",
            [chain.count, bytes(chain.head), bytes(chain.seal), chain.checkpoint, chain.pk],
        )

    def chain(self, moment: int, station: Station) -> AuditChain:
        return next(one for one in self.moments[moment].chains if one.station_id == station.pk)


@pytest.fixture
def log(db: None) -> Log:
    """Three checkpoints, and something written at both stations after each; the court was the last."""
    log = Log()
    for _time in range(3):
        log.work(0, 1)
        log.seal()
    log.work(1)
    return log


def test_log_with_checkpoints_has_no_fault(log: Log) -> None:
    assert faults() == []
    assert [one.number for one in AuditCheckpoint.objects.order_by("number")] == [1, 2, 3]


def test_first_checkpoint_covers_all_chains_and_the_next_those_that_moved(log: Log) -> None:
    log.work(0)
    last = log.seal()

    counts = {chain.station_id: chain.count for chain in AuditChain.objects.all()}
    everything = [[station, count] for station, count in AuditCheckpoint.objects.get(number=1).counts]
    assert [station for station, _count in everything] == [None, log.kitchen.pk, log.court.pk]
    assert last.counts == [[one.pk, counts[one.pk]] for one in (log.kitchen, log.court)]


def test_no_checkpoint_is_made_where_nothing_was_written(log: Log) -> None:
    log.seal()

    assert log.checkpointer.make(NOW) is None
    assert AuditCheckpoint.objects.count() == 4


def test_entries_name_the_checkpoint_before_them(log: Log) -> None:
    entries = AuditEntry.objects.filter(station=log.court).order_by("-number")

    assert [one.checkpoint for one in entries[:3]] == [3, 2, 1]


def test_worker_that_starts_anew_continues_the_numbers(log: Log) -> None:
    made = Checkpointer().make(NOW)

    assert made
    assert (made.number, len(made.counts), faults()) == (4, 3, [])


def test_two_workers_make_one_checkpoint_of_a_number(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    other, last = Checkpointer(), checkpoints.newest()
    log.work(0)
    log.seal()
    monkeypatch.setattr(checkpoints, "newest", lambda: last)  # as somebody sees it who looked a moment ago

    assert other.make(NOW) is None
    assert (AuditCheckpoint.objects.count(), faults()) == (4, [])


def test_old_chain_put_back_contradicts_the_newest_checkpoint(log: Log) -> None:
    old = log.chain(0, log.kitchen)

    log.put_back(old)

    assert faults() == [Fault(log.kitchen.pk, old.count + 1, FaultKind.CUT_OFF)]


def test_checkpoints_cut_off_as_well_are_missed_by_other_stations_entries(log: Log) -> None:
    log.put_back(log.chain(2, log.kitchen))
    execute("DELETE FROM accounts_auditcheckpoint WHERE number > 1")

    assert faults() == [CheckpointFault(2, FaultKind.CUT_OFF)]


def test_end_that_the_product_has_written_over_is_found(log: Log) -> None:
    """Whoever sets a chain's row back without its seal waits for the next change, which seals it."""
    old = log.chain(0, log.kitchen)
    old.seal = b""
    log.put_back(old)
    log.work(0, 0, 0)

    assert [fault for fault in faults() if isinstance(fault, CheckpointFault)]


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("DELETE FROM accounts_auditcheckpoint WHERE number = 2", CheckpointFault(3, FaultKind.AFTER_A_GAP)),
        ("DELETE FROM accounts_auditcheckpoint WHERE number = 3", CheckpointFault(3, FaultKind.CUT_OFF)),
        ("UPDATE accounts_auditcheckpoint SET counts = '[]' WHERE number = 2", CheckpointFault(2, FaultKind.CHANGED)),
        (
            "UPDATE accounts_auditcheckpoint SET counts = '\"x\"' WHERE number = 2",
            CheckpointFault(2, FaultKind.CHANGED),
        ),
        (
            "UPDATE accounts_auditcheckpoint SET counts = '[[1, 1e99], [null]]' WHERE number = 2",
            CheckpointFault(2, FaultKind.CHANGED),
        ),
        (
            "UPDATE accounts_auditcheckpoint SET made_at = '2031-02-01 00:00:00+00:00' WHERE number = 2",
            CheckpointFault(2, FaultKind.CHANGED),
        ),
        ("UPDATE accounts_auditcheckpoint SET number = 9 WHERE number = 3", CheckpointFault(9, FaultKind.AFTER_A_GAP)),
    ],
)
def test_checkpoint_that_was_tampered_with_is_named(log: Log, sql: str, fault: CheckpointFault) -> None:
    execute(sql)

    assert fault in faults()


def tampering(log: Log, draw: random.Random) -> str:
    """One attack of somebody who can write all tables, has copies of all that was there, and no key; never all of the log."""
    last = len(log.moments) - 1
    moment = log.moments[at := draw.randrange(last)]
    victim = draw.choice([log.kitchen.pk, None])
    old = next(one for one in moment.chains if one.station_id == victim)
    way = draw.choice(["chain", "chain and checkpoints", "forged chain", "entry", "checkpoint"])
    if way == "entry":
        return Tamperer(draw).change()
    if way == "checkpoint":
        number = draw.randrange(1, 4)
        execute("DELETE FROM accounts_auditcheckpoint WHERE number >= %s", [number])
        return f"checkpoints from {number} cut off"
    if way == "forged chain":
        old.seal = bytes(32)
    log.put_back(old)
    if way == "chain and checkpoints":
        execute("DELETE FROM accounts_auditcheckpoint WHERE number > %s", [moment.checkpoint])
    return f"{way} of {victim} at moment {at}"


def rows() -> list[Any]:
    """All that was sealed. Which checkpoint a chain names next is sealed by the entry that names it."""
    chains = AuditChain.objects.order_by("pk").values_list("station", "count", "head", "seal")
    return [
        *chains,
        *(list(model._base_manager.order_by("pk").values_list()) for model in (AuditEntry, AuditCheckpoint)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("count", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_every_rollback_of_a_part_is_found(log: Log, count: int) -> None:
    draw, before, missed, done = random.Random(count), rows(), [], 0

    while done < count:
        with transaction.atomic():
            told = tampering(log, draw)
            if rows() != before:  # some put back what was there
                done += 1
                missed += [] if faults() else [told]
            transaction.set_rollback(True)

    assert missed == []
    assert faults() == []


def put_all_back(log: Log, moment: int) -> None:
    """The whole log as it was: what no database can find by itself."""
    for chain in log.moments[moment].chains:
        log.put_back(chain)
    execute("DELETE FROM accounts_auditcheckpoint WHERE number > %s", [log.moments[moment].checkpoint])


def test_whole_log_put_back_is_found_by_a_head_that_was_written_down(log: Log) -> None:
    noted = checkpoints.newest()
    assert noted
    put_all_back(log, 3)
    assert faults() == []  # the limit, which docs/security.md states

    done = run("verify_audit", "--head", checkpoints.name_of(noted))

    assert (done.status, done.out) == (1, "Checkpoint 3 is missing.\n")


def test_log_that_went_on_after_it_was_put_back_is_found_by_a_head_that_was_written_down(log: Log) -> None:
    noted = checkpoints.newest()
    assert noted
    put_all_back(log, 3)
    log.checkpointer = Checkpointer()
    log.work(0, 1)
    log.seal()
    assert faults() == []

    done = run("verify_audit", "--head", checkpoints.name_of(noted))

    assert (done.status, done.out) == (
        1,
        "Checkpoint 3 differs from a record outside the database: the audit log was reset to an earlier state and continued.\n",
    )


def test_command_confirms_what_was_written_down(log: Log) -> None:
    heads = [checkpoints.name_of(one) for one in AuditCheckpoint.objects.order_by("number")]

    done = run("verify_audit", *(word for head in heads for word in ("--head", head)))

    assert (done.status, done.out.splitlines()) == (
        0,
        [
            f"All {AuditEntry.objects.count()} entries of the audit log are unaltered.",
            "Combined heads recorded elsewhere: 3. All of them match.",
            f"Newest checkpoint: {heads[-1]}, made at 2031-03-01T12:05:00+00:00.",
        ],
    )


@pytest.mark.parametrize("text", ["", "3", "3:abc", "x:" + "0" * 64, "3:" + "G" * 64])
def test_command_refuses_what_is_no_head(db: None, text: str) -> None:
    done = run("verify_audit", "--head", text)

    assert done.status == 1
    assert "A combined head is a number, a colon and 64 characters" in done.err


@pytest.mark.parametrize("form", ["json", "line"])
def test_worker_writes_each_head_to_the_log_and_the_command_reads_it_there(
    log: Log, form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from config.observability.logging import JsonFormatter, TextFormatter

    caplog.set_level(logging.INFO)
    log.work(0)
    made = log.seal()
    [record] = [one for one in caplog.records if one.getMessage() == "audit checkpoint"]
    line = {"json": JsonFormatter, "line": TextFormatter}[form]().format(record)
    (file := tmp_path / "log").write_text(f"something else\n{line}\n")

    done = run("verify_audit", "--log", file)

    assert (done.status, done.out.splitlines()[1]) == (
        0,
        "Combined heads recorded elsewhere: 1. All of them match.",
    )
    if form == "json":
        told = json.loads(line)
        assert (told["checkpoint"], told["chains"]) == (f"{made.number}:{bytes(made.mac).hex()}", 2)
        assert "time" in told


def test_file_of_the_log_without_a_checkpoint_proves_nothing(log: Log, tmp_path: Path) -> None:
    (file := tmp_path / "log").write_text('{"event":"request"}\n')

    done = run("verify_audit", "--log", file)

    assert (done.status, done.out, done.err) == (1, "", f"{file} holds no checkpoint of the audit log.")


def test_worker_that_sees_the_log_shortened_says_so(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.seal()
    put_all_back(log, 1)

    log.checkpointer.make(NOW)

    assert [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR] == [
        "The audit log was cut since its last checkpoint. Run manage.py verify_audit."
    ]


def test_worker_makes_checkpoints_as_often_as_the_setting_says(log: Log, settings: Any) -> None:
    settings.AUDIT_CHECKPOINT_SECONDS = 60
    rounds = worker.housekeeping()

    for seconds in (0, 30, 61):
        log.work(0)
        for one in rounds:
            one.run_if_due(timezone.now() + timedelta(seconds=seconds))

    assert AuditCheckpoint.objects.count() == 5


@pytest.mark.parametrize(
    "touch",
    [
        lambda one: one.save(),
        lambda one: one.delete(),
        lambda one: AuditCheckpoint.objects.filter(pk=one.pk).update(counts=[]),
        lambda one: AuditCheckpoint.objects.filter(pk=one.pk).delete(),
    ],
)
def test_no_code_changes_or_deletes_a_checkpoint(log: Log, touch: Callable[[AuditCheckpoint], object]) -> None:
    one = AuditCheckpoint.objects.get(number=2)

    with pytest.raises(AppendOnlyError), transaction.atomic():
        touch(one)

    assert faults() == []


def test_checkpoints_under_an_older_key_of_the_ring_are_sound_and_counted(log: Log, settings: Any) -> None:
    older = settings.AUDIT_KEYS[0]
    settings.AUDIT_KEYS = [new_key(), older]
    log.work(0)
    log.seal()

    assert faults() == []
    uses = AUDIT.uses()
    assert [uses[key_id(key)]["accounts.AuditCheckpoint"] for key in settings.AUDIT_KEYS] == [1, 3]


def test_entries_of_a_release_without_checkpoints_are_sound(log: Log) -> None:
    """The release before knows no such column: it writes NULL, and seals without it."""
    AuditChain.objects.update(checkpoint=0)
    log.work(0)

    assert AuditEntry.objects.filter(station=log.kitchen).latest("number").checkpoint is None
    assert faults() == []

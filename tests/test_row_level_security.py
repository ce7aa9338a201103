"""Row-level security on PostgreSQL: what the database shows to a request whose queries forgot to ask whose the rows are."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import roles
from accounts.audit.checkpoints import Checkpointer
from accounts.auth.authentication import issue_tokens
from accounts.customers import Contact
from accounts.models import AuditEntry, Customer, User
from accounts.rls import policies, session
from bookings.models import Booking, Hold
from config.middleware import RowLevelSecurity
from core.db import sql as statements
from stations.access import Scope
from stations.models import Station
from stations.querysets import OfStationQuerySet, StationQuerySet
from tests.factories import UserFactory, booking, open_station, person
from tests.test_access import NAME, ROWS, World, new_world, undone, world  # noqa: F401

pytestmark = pytest.mark.postgresql

DAYS = "date_from=2031-03-03&date_to=2031-03-09"


@contextmanager
def serving(method: str = "GET") -> Iterator[None]:
    with session.rls_session(RequestFactory().generic(method, "/")):
        yield


def asked() -> tuple[str, str]:
    """Which role and which stations the database holds this connection to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, coalesce(current_setting('stationbook.stations', true), '')")
        role, stations = cursor.fetchone()
    return role, stations


@pytest.fixture
def built(db: None) -> World:
    """For each test, as most here have a kitchen of their own."""
    return new_world()


@pytest.fixture
def no_queryset_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every query of the product without its filter by person."""

    def everything(rows: QuerySet[Any], person: Any) -> QuerySet[Any]:
        return rows

    for kind in (OfStationQuerySet, StationQuerySet):
        monkeypatch.setattr(kind, "visible_to", everything)


def leaks_to_a_stranger(world: World) -> list[str]:  # noqa: F811
    """Each call of a stranger's in whose answer something of the kitchen's stands that they did not name."""
    leaks = []
    for row in (row for row in ROWS if row.route != "feeds/<str:secret>.ics"):
        answer = undone(world, "stranger", row.method, row.route)
        marks = {NAME, str(world.booking.pk), str(world.booking.customer_id)}
        named = {mark for mark in marks if mark in answer.wsgi_request.path}
        content = b"".join(answer) if answer.streaming else answer.content
        leaks += [f"{row.method} {row.route}" for mark in marks - named if mark.encode() in content]
    return leaks


def test_without_the_queryset_filter_nothing_leaks_to_a_stranger(world: World, no_queryset_filter: None) -> None:  # noqa: F811
    assert leaks_to_a_stranger(world) == []


def test_without_either_filter_a_lot_leaks_to_a_stranger(
    world: World,  # noqa: F811
    no_queryset_filter: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the test above would find."""
    monkeypatch.setattr(session, "activate", lambda person: None)

    assert len(set(leaks_to_a_stranger(world))) > 10


def test_without_the_queryset_filter_a_stranger_still_changes_nothing(world: World, no_queryset_filter: None) -> None:  # noqa: F811
    before = Booking.objects.values().get(), Station.objects.values().get(code="kitchen"), Customer.objects.count()

    for row in ROWS:
        world.call("stranger", row.method, row.route)

    assert before == (
        Booking.objects.values().get(pk=world.booking.pk),
        Station.objects.values().get(code="kitchen"),
        Customer.objects.count(),
    )


def test_every_table_with_a_station_is_held_to_its_policies_and_its_owner_too(db: None) -> None:
    """By the database's own foreign keys, whatever the models say."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.relname, c.relrowsecurity AND c.relforcerowsecurity FROM pg_constraint f"
            " JOIN pg_class c ON c.oid = f.conrelid WHERE f.contype = 'f' AND f.confrelid = 'stations_station'::regclass"
        )
        held = dict(cursor.fetchall())

    assert set(held.values()) == {True}
    assert {one.table for one in policies.protected_tables()} == {*held, "stations_station"}


@pytest.fixture
def two(db: None) -> tuple[Booking, Booking]:
    """A booking in the kitchen, and one in the bar."""
    return (
        booking(open_station(code="kitchen"), customer=Contact("Ana")),
        booking(open_station(code="bar"), customer=Contact("Bo")),
    )


def test_person_sees_their_stations_and_the_operator_all(two: tuple[Booking, Booking]) -> None:
    mine, other = two
    with serving():
        session.activate(person(roles.STAFF, mine.station))
        seen = {kind: set(kind.objects.values_list("pk", flat=True)) for kind in (Booking, Customer, Station)}
        held = set(Hold.objects.values_list("booking", flat=True))

    assert seen == {Booking: {mine.pk}, Customer: {mine.customer_id}, Station: {mine.station_id}}
    assert held == {mine.pk}
    assert set(Booking.objects.values_list("pk", flat=True)) == {mine.pk, other.pk}


@pytest.mark.parametrize("who", ["nobody", "outsider", "gone"])
def test_whoever_has_no_station_sees_none(two: tuple[Booking, Booking], who: str) -> None:
    people: dict[str, Any] = {
        "nobody": None,
        "outsider": person(roles.STAFF),
        "gone": person(roles.STAFF, two[0].station, is_active=False),
    }
    with serving():
        session.activate(people[who])

        assert Booking.objects.count() == Station.objects.count() == 0


def test_whoever_has_the_right_to_all_stations_sees_all_and_their_api_key_its_own(two: tuple[Booking, Booking]) -> None:
    root = User.objects.create_superuser("root@example.com", "seven green horses")
    with serving():
        session.activate(root)
        seen = Booking.objects.count()
    root.scope = Scope(frozenset({two[0].station_id}), frozenset({roles.VIEW}))
    with serving():
        session.activate(root)
        by_key = set(Booking.objects.values_list("pk", flat=True))

    assert (seen, by_key) == (2, {two[0].pk})


def test_api_key_does_not_widen_what_its_person_has(two: tuple[Booking, Booking]) -> None:
    staff = person(roles.STAFF, two[0].station)
    staff.scope = Scope(frozenset(one.station_id for one in two), frozenset({roles.VIEW}))
    with serving():
        session.activate(staff)

        assert set(Booking.objects.values_list("pk", flat=True)) == {two[0].pk}


def test_nothing_is_written_into_anothers_station(two: tuple[Booking, Booking]) -> None:
    mine, other = two
    with serving("POST"):
        session.activate(person(roles.STAFF, mine.station))
        changed = Booking.objects.filter(pk=other.pk).update(party_adults=9)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Booking.objects.filter(pk=mine.pk).update(station=other.station_id)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            User.stations.through.objects.create(user=person(roles.STAFF), station_id=other.station_id)

    assert changed == 0


def test_audit_trail_can_be_written_and_never_changed(two: tuple[Booking, Booking]) -> None:
    mine, _other = two
    with serving("POST"):
        session.activate(person(roles.MANAGERS, mine.station))
        with connection.cursor() as cursor:
            for change in ("UPDATE accounts_auditentry SET event = ''", "DELETE FROM accounts_auditentry"):
                with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                    cursor.execute(change)

    assert AuditEntry.objects.filter(station=mine.station).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT counts FROM accounts_auditcheckpoint",
        "INSERT INTO accounts_auditcheckpoint VALUES (9, now(), '[]', '')",
        "UPDATE accounts_auditcheckpoint SET counts = '[]'",
        "DELETE FROM accounts_auditcheckpoint",
    ],
)
@pytest.mark.parametrize("group", [roles.MANAGERS, "superuser"])
def test_no_request_touches_checkpoints_of_the_audit_log(
    two: tuple[Booking, Booking], group: str, statement: str
) -> None:
    mine, _other = two
    Checkpointer().make(timezone.now())
    with serving("POST"):
        session.activate(UserFactory(is_superuser=True) if group == "superuser" else person(group, mine.station))
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            statements.execute(statement, [])


@pytest.mark.parametrize("statement", ["UPDATE {} SET number = 1", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["accounts_auditentry", "accounts_auditcheckpoint"])
def test_role_of_workers_may_change_neither_entries_nor_checkpoints(
    two: tuple[Booking, Booking], table: str, statement: str
) -> None:
    with transaction.atomic():
        statements.execute(f"SET LOCAL ROLE {session.WORKER_ROLE}", [])
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            statements.execute(statement.format(table), [])
        transaction.set_rollback(True)


def test_policies_hold_after_a_rollback_and_in_the_next_transaction(transactional_db: None) -> None:
    mine, other = booking(open_station(code="kitchen")), booking(open_station(code="bar"))
    staff = person(roles.STAFF, mine.station)

    def seen() -> set[Any]:
        return set(Booking.objects.values_list("pk", flat=True))

    found = []
    with serving("POST"):
        session.activate(staff)
        found.append(seen())  # each statement by itself
        with transaction.atomic():
            try:
                with transaction.atomic():
                    found.append(seen())
                    raise KeyError
            except KeyError:
                found.append(seen())
        with pytest.raises(KeyError), transaction.atomic():
            raise KeyError
        with transaction.atomic():
            found.append(seen())
    assert found == [{mine.pk}] * 4
    assert seen() == {mine.pk, other.pk}


def test_connection_carries_nothing_over_to_the_next_request(transactional_db: None) -> None:
    mine, other = booking(open_station(code="kitchen")), booking(open_station(code="bar"))
    before, found = asked(), []
    for who in (person(roles.STAFF, mine.station), person(roles.STAFF, other.station), None):
        for method in ("GET", "POST"):
            with serving(method):
                session.activate(who)
                found.append(set(Booking.objects.values_list("pk", flat=True)))
                if method == "POST":
                    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
                        cursor.execute("SELECT nonsense")
            assert asked() == before

    assert found == [{mine.pk}, {mine.pk}, {other.pk}, {other.pk}, set(), set()]


def test_pages_of_two_people_over_one_connection_show_each_their_own(transactional_db: None) -> None:
    before = asked()
    names = {}
    for code in ("kitchen", "bar"):
        made = booking(open_station(code=code), customer=Contact(f"Guest of the {code}"))
        client = Client()
        client.force_login(person(roles.STAFF, made.station))
        html = client.get(f"/calendar/week/?station={code}&date={made.date}").content.decode()
        names[code] = [other for other in ("kitchen", "bar") if f"Guest of the {other}" in html]

    assert names == {"kitchen": ["kitchen"], "bar": ["bar"]}
    assert asked() == before


def test_streamed_response_is_subject_to_policies(two: tuple[Booking, Booking]) -> None:
    mine, _other = two
    staff = person(roles.STAFF, mine.station)

    def serve(request: Any) -> StreamingHttpResponse:
        session.activate(staff)
        return StreamingHttpResponse(str(one.pk) for one in Booking.objects.iterator())

    response = RowLevelSecurity(serve)(RequestFactory().get("/"))  # type: ignore[arg-type]
    content = b"".join(response).decode()

    assert content == str(mine.pk)
    assert Booking.objects.count() == 2


@pytest.mark.parametrize("around", [transaction.atomic, nullcontext])
def test_policies_hold_for_each_statement_of_a_pipeline(transactional_db: None, around: Any) -> None:
    mine, _other = booking(open_station(code="kitchen")), booking(open_station(code="bar"))
    with serving("POST"):
        session.activate(person(roles.STAFF, mine.station))
        with around(), statements.pipeline():
            first, second = (statements.submit_rows(Booking, "true", []) for _part in range(2))
            early = first()
        late = second()

    assert (early, late) == ([mine], [mine])
    assert Booking.objects.count() == 2


def test_nothing_runs_where_the_role_cannot_be_taken_on(transactional_db: None) -> None:
    made = booking(open_station(code="kitchen"))
    with serving("POST"):
        session.activate(person(roles.STAFF, made.station))
        session._current.get().statement = ("SELECT set_config('role', %s, true)", ["stationbook_nobody"])  # type: ignore[union-attr]
        with pytest.raises(DatabaseError, match="stationbook_nobody"):
            Booking.objects.update(party_adults=9)

    assert Booking.objects.get().party_adults == made.party_adults


def test_connection_that_dies_under_a_read_is_reported_once_and_not_used_again(transactional_db: None) -> None:
    made = booking(open_station(code="kitchen"))
    headers = {"Authorization": f"Bearer {issue_tokens(person(roles.STAFF, made.station))['access']}"}
    params = connection.get_connection_params()
    known_by = {name: params[name] for name in ("dbname", "user", "host", "port") if name in params}

    def kill(execute: Any, sql: str, *call: Any) -> Any:
        if "bookings_booking" in sql:
            with psycopg.connect(**known_by, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])
        return execute(sql, *call)

    with connection.execute_wrapper(kill):
        first = Client().get(f"/api/bookings/admin/weekly?{DAYS}", headers=headers)
        connection.close_if_unusable_or_obsolete()  # as the end of each request does, but for a test's
    second = Client().get(f"/api/bookings/admin/weekly?{DAYS}", headers=headers)

    assert (first.status_code, second.status_code) == (503, 200)


@contextmanager
def waits(folder: Path) -> Iterator[list[str]]:
    """Each time that somebody waited for the database, for everything that was sent until then: as libpq writes it down."""
    waited: list[str] = []
    connection.ensure_connection()
    with (folder / "trace").open("w+") as written:
        connection.connection.pgconn.trace(written.fileno())
        yield waited
        connection.connection.pgconn.untrace()
        waited += [line for line in (folder / "trace").read_text().splitlines() if "ReadyForQuery" in line]


@pytest.mark.parametrize(("address", "times"), [("/api/stations/", 3), (f"/api/bookings/admin/weekly?{DAYS}", 3)])
def test_read_waits_for_who_asks_how_often_and_its_rows(
    transactional_db: None, tmp_path: Path, address: str, times: int
) -> None:
    made = booking(open_station(code="kitchen"))
    headers = {"Authorization": f"Bearer {issue_tokens(person(roles.STAFF, made.station))['access']}"}
    Client().get(address, headers=headers)  # the first within an hour, which the audit log tells of afterwards
    with waits(tmp_path) as waited:
        answer = Client().get(address, headers=headers)

    assert (answer.status_code, len(waited)) == (200, times)


def test_user_of_the_database_who_may_not_create_roles_is_told_what_to_do(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stationbook_test_weak; SET LOCAL ROLE stationbook_test_weak")
        with (
            pytest.raises(policies.CannotCreateRoles, match="as an administrator of the database"),
            transaction.atomic(),
        ):
            policies._create_roles(cursor)

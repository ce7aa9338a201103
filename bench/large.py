"""The same requests on a database of a million bookings, at 200 stations over five years around the measured month.

The database itself multiplies what the product has written: each new booking has a customer of its own, whose ciphertext is that
of another (ciphertext is bound to its column, not to its row), and index entries of the right length whose digests are chance.
They are cancelled, and so hold nothing. What is searched for was written by the product.
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

from bench.cases import MONTH, Curve
from bench.measurement import Ratio, at_most
from bench.testbed import Side, Testbed
from tests.servers import free_port

STATIONS: Final = 200
YEARS_OF_DAYS: Final = 5 * 365
SEARCHES: Final = {
    "email": "guest3@mail",
    "phone": "+14152000003",
    "last four": "0003",
    "name beginning": "Tanaka",
}
REPEATS: Final = 30
PARTS: Final = (100, 10, 3)
"""Of the bookings, at which a curve has its points."""
SEARCH: Final = "/api/customers/search"

_STATIONS: Final = """
INSERT INTO stations_station (code, name, time_zone, country, currency, first_weekday, language, email, phone, address, mail_from,
  mail_reply_to, mail_signature, reminder_hours, retention_months, is_active, changes)
SELECT 'L' || n, 'Large ' || n, time_zone, country, currency, first_weekday, language, email, phone, address, mail_from,
  mail_reply_to, mail_signature, reminder_hours, retention_months, is_active, changes
FROM stations_station, generate_series(1, {stations}) n WHERE code = 'S001'"""
_GROWN: Final = """
CREATE TABLE grown AS
WITH s AS (SELECT array_agg(id ORDER BY id) AS ids, count(*) AS many FROM stations_station)
SELECT n, gen_random_uuid() AS booking, gen_random_uuid() AS customer, s.ids[1 + n % s.many] AS station,
  date '{first}' - 30 - (n / s.many)::int % {days} AS day, time '11:00' + make_interval(hours => (n / 7)::int % 11) AS slot
FROM generate_series({begin}, {end}) n, s"""
_FILL: Final = (
    """
INSERT INTO accounts_customer (id, station_id, name, email, email_bounced, phone, phone_is_valid, language, notes, created_at,
  updated_at)
SELECT g.customer, g.station, c.name, c.email, false, c.phone, true, '', c.notes, now(), now()
FROM grown g, (SELECT * FROM accounts_customer LIMIT 1) c""",
    """
INSERT INTO bookings_booking (id, station_id, customer_id, date, slot, slots, starts_at, ends_at, status, needs_place,
  party_adults, party_kids, total_due_cents, deposit_due_cents, source, external_ref, version, created_at, updated_at)
SELECT booking, station, customer, day, slot, 1, day + slot, day + slot + interval '1 hour', 'cancelled', false, 2, 0, 9000, 0,
  'phone', 'L' || n, 1, now(), now()
FROM grown""",
    """
INSERT INTO accounts_blindindex (customer_id, station_id, digest)
SELECT customer, station, substring(d.digest FOR 4) || decode(md5(n || '-' || k), 'hex')
FROM grown, generate_series(1, 7) k, (SELECT digest FROM accounts_blindindex LIMIT 1) d""",
    "DROP TABLE grown",
    "VACUUM ANALYZE",
)


def compare_at_size(testbed: Testbed, bookings: int, rounds: int, curve: Curve | None) -> list[Ratio]:
    """The month, and searches, in a copy of the database that has grown so far, in turn with the database as it was. Where a
    `curve` is wanted, what they take on the way there goes into it."""
    testbed.copy("product", "large")
    with testbed.admin("large") as admin:
        admin.execute(_STATIONS.format(stations=STATIONS - testbed.stations))
    large = Side("large", free_port(), "large")
    testbed.serve(large)
    try:
        for side in (large, testbed.product):
            testbed.sign_in(side=side)
        month, searches = testbed.range(MONTH), _searches(testbed)
        sizes = [0, *(bookings // part for part in PARTS if curve is not None), bookings]
        for begin, end in itertools.pairwise(sizes):
            count = _add_bookings(testbed, begin + 1, end)
            if curve is not None:
                curve[f"month of {MONTH} days"].append((count, _median(large, month)))
                curve["search by email"].append((count, _median(large, SEARCH, {"q": searches["email"]})))
        return list(_compare(testbed, large, bookings, rounds, month, searches))
    finally:
        testbed.stop(large)


def _add_bookings(testbed: Testbed, begin: int, end: int) -> int:
    """Lays the bookings of these numbers; returns how many there are now."""
    with testbed.admin("large") as admin:
        grown = _GROWN.format(first=testbed.first, days=YEARS_OF_DAYS, begin=begin, end=end)
        for statement in (grown, *_FILL):
            admin.execute(statement)
        [(count,)] = admin.execute("SELECT count(*) FROM bookings_booking").fetchall()
    return int(count)


def _searches(testbed: Testbed) -> dict[str, str]:
    """What is searched for, by what it is."""
    first = testbed.product.request(testbed.range(MONTH))[0]["data"][0]["customer"]
    searches = {**SEARCHES, "email": first["email"], "phone": first["phone"], "last four": first["phone"][-4:]}
    for name, words in searches.items():
        if not testbed.product.request(SEARCH, {"q": words})[0]["data"]:
            raise SystemExit(f"The search by {name} found nobody.")
    return searches


def _compare(
    testbed: Testbed, large: Side, bookings: int, rounds: int, month: str, searches: dict[str, str]
) -> Iterator[Ratio]:
    yield at_most(f"month among {bookings:,} bookings", 1.15, _pairs(testbed, large, rounds, month), "ms")
    for name, words in searches.items():
        pairs = _pairs(testbed, large, rounds, SEARCH, {"q": words})
        yield at_most(f"customer by {name} among {bookings:,}", 1.5, pairs, "ms")


def _median(side: Side, path: str, body: Any = None) -> float:
    """Milliseconds."""
    return statistics.median(_request_ms(side, path, body) for _time in range(REPEATS))


def _request_ms(side: Side, path: str, body: Any) -> float:
    began = time.perf_counter()
    side.request(path, body)
    return (time.perf_counter() - began) * 1000


def _pairs(testbed: Testbed, large: Side, rounds: int, path: str, body: Any = None) -> list[tuple[float, float]]:
    """Medians in milliseconds, of the large and of the small, asked one after the other so that both meet the same machine."""
    pairs = []
    for _round in range(rounds):
        taken: dict[str, list[float]] = {side.name: [] for side in (large, testbed.product)}
        for _time in range(REPEATS):
            for side in (large, testbed.product):
                taken[side.name].append(_request_ms(side, path, body))
        pairs.append((statistics.median(taken[large.name]), statistics.median(taken[testbed.product.name])))
    return pairs

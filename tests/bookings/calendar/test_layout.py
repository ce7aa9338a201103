"""Which slots and bookings are in which cell of the week's table, and how its rows relate to time."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from bookings.calendar.layout import MAX_LANES, Day, Occupancy, Period, WeekTable, make_days, week_table
from bookings.calendar.read_model import Row, SlotAvailability
from bookings.calendar.rendering import scale
from stations.timetable import Slot
from tests.factories import FRIDAY, SATURDAY

NOON = datetime(2031, 3, 7, 12, tzinfo=UTC)
"""The station's clock is UTC here."""


def slot(start: time, minutes: int = 60, *, day: date = FRIDAY, capacity: int = 3, closed: bool = False) -> Slot:
    begin = datetime.combine(day, start, UTC)
    return Slot(day, start, minutes, begin, begin + timedelta(minutes=minutes), capacity, None, closed, "")


def row(start: time, number: int = 1, *, slots: int = 1, day: date = FRIDAY) -> Row:
    begin = datetime.combine(day, start, UTC)
    return Row(
        booking_id=UUID(int=number), customer=None, date=day, slot=start, total_guests=2, status="confirmed", total_due_cents=0,
        balance_due_cents=0, special_requests=None, source="", created_at=begin, updated_at=begin, station="kitchen",
        starts_at=begin, ends_at=begin + timedelta(hours=slots), slots=slots, version=1, needs_place=False, party_adults=2,
        party_kids=0, deposit_due_cents=0, external_ref="",
    )  # fmt: skip


def day(slots: list[Slot], rows: list[Row] | None = None, *, taken: int = 0, today: date = FRIDAY) -> Day:
    available = [SlotAvailability(one, taken, taken) for one in slots]
    [made] = make_days([slots[0].date], {slots[0].date: available}, rows or [], today=today)
    return made


def lengths(table: WeekTable) -> list[tuple[time, int]]:
    return [(one.start, one.minutes) for one in table.rows]


def test_periods_of_a_day_are_parted_by_its_breaks() -> None:
    lunch, dinner = [slot(time(12)), slot(time(13))], [slot(time(17)), slot(time(18), closed=True), slot(time(19))]

    found = day([*lunch, *dinner], taken=1).periods

    assert found == [
        Period(time(12), time(14), Occupancy(2, 6)),
        Period(time(17), time(18), Occupancy(1, 3)),
        Period(time(19), time(20), Occupancy(1, 3)),
    ]


def test_short_gap_between_slots_parts_no_period() -> None:
    assert len(day([slot(time(9), 45), slot(time(10), 45)]).periods) == 1


def test_row_lasts_until_the_next_start_or_until_the_break_before_it() -> None:
    table = week_table([day([slot(time(12)), slot(time(13), 90), slot(time(17))])])

    assert lengths(table) == [(time(12), 60), (time(13), 90), (time(17), 60)]
    assert [one.break_until for one in table.rows] == [None, time(17), None]


def test_days_with_other_starts_share_the_rows_and_continue_their_slots() -> None:
    friday = day([slot(time(9)), slot(time(10))])
    saturday = day([slot(time(9, 30), day=SATURDAY)])

    table = week_table([friday, saturday])

    assert lengths(table) == [(time(9), 30), (time(9, 30), 30), (time(10), 60)]
    assert [[cell.state(NOON) for cell in one.cells] for one in table.rows] == [
        ["open", "none"],
        ["continued", "open"],
        ["open", "continued"],
    ]


def test_last_row_of_a_slot_past_midnight_ends_with_the_day() -> None:
    assert lengths(week_table([day([slot(time(15), 19 * 60)])])) == [(time(15), 9 * 60)]


def test_booking_whose_slot_is_gone_has_a_row_of_its_own() -> None:
    table = week_table([day([slot(time(12))], [row(time(16))])])

    assert lengths(table) == [(time(12), 60), (time(16), 60)]
    assert [one.booking_id for one in table.rows[1].cells[0].bookings] == [UUID(int=1)]


def test_long_booking_covers_its_own_rows_alone() -> None:
    slots = [slot(time(hour)) for hour in range(9, 14)]

    table = week_table([day(slots, [row(time(10), slots=2), row(time(12), 2)])])

    cells = [one.cells[0] for one in table.rows]
    assert [(one.minutes, one.lane) for one in cells[1].long_bookings] == [(120, 0)]
    assert [cell.lanes for cell in cells] == [0, 1, 1, 0, 0]
    assert [one.booking_id for one in cells[3].bookings] == [UUID(int=2)]


def test_long_bookings_that_overlap_have_lanes_of_their_own() -> None:
    slots = [slot(time(hour)) for hour in range(9, 14)]
    rows = [row(time(9), 1, slots=2), row(time(10), 2, slots=2), row(time(11), 3, slots=2)]

    cells = [one.cells[0] for one in week_table([day(slots, rows)]).rows]

    assert [[(one.booking.booking_id.int, one.lane) for one in cell.long_bookings] for cell in cells] == [
        [(1, 0)], [(2, 1)], [(3, 0)], [], []
    ]  # fmt: skip
    assert [cell.lanes for cell in cells] == [2, 2, 2, 2, 0]


def test_more_long_bookings_than_lanes_are_listed_with_the_others() -> None:
    slots = [slot(time(9), capacity=9), slot(time(10), capacity=9)]
    rows = [row(time(9), number, slots=2) for number in range(1, MAX_LANES + 3)]

    cell = week_table([day(slots, rows)]).rows[0].cells[0]

    assert (len(cell.long_bookings), len(cell.bookings)) == (MAX_LANES, 2)


def test_rows_of_today_that_have_passed_are_those_before_now() -> None:
    table = week_table([day([slot(time(10)), slot(time(11)), slot(time(12))])])

    assert [one.start for one in table.past_rows(NOON)] == [time(10), time(11)]
    assert table.past_rows(NOON + timedelta(hours=1)) == []  # all of them: nothing would be left to show
    assert week_table([day([slot(time(10))], today=SATURDAY)]).past_rows(NOON) == []


def test_hour_is_high_enough_for_the_cards_of_the_most_crowded_slot() -> None:
    slots = [slot(time(18), capacity=9), slot(time(19), capacity=9)]
    few = week_table([day(slots, [row(time(18))])])
    many = week_table([day(slots, [row(time(18), number) for number in range(1, 6)])])

    assert (scale.steps(few), scale.steps(many)) == (0, 6)
    height = scale.HOUR_PIXELS + 6 * scale.STEP_PIXELS
    assert height - scale.STEP_PIXELS < scale.HEAD_PIXELS + 5 * scale.CARD_PIXELS <= height


def test_crowded_slot_stretches_the_week_only_so_far() -> None:
    slots = [slot(time(18), 15, capacity=99)]

    assert scale.steps(week_table([day(slots, [row(time(18), number) for number in range(1, 60)])])) == scale.MAX_STEPS


def test_card_has_two_lines_where_all_of_its_slot_have_room() -> None:
    table = week_table([day([slot(time(18), capacity=9)], [row(time(18), 1), row(time(18), 2)])])
    [only] = table.rows

    assert [scale.has_two_lines(only.cells[0], only, steps) for steps in (0, 3)] == [False, True]
    assert scale.has_two_lines(replace(only.cells[0], bookings=[]), only, 0)

"""What slots a day has: openings, exceptions, rows of slots. No database."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from core.dates import FIRST_DATE, LAST_DATE
from stations.errors import NoSuchSlot, SlotClosed
from stations.models import Opening, Station, TimetableException
from stations.timetable import Slot, Timetable, local_now

BERLIN = ZoneInfo("Europe/Berlin")
THURSDAY, FRIDAY, NEXT_FRIDAY = date(2031, 3, 6), date(2031, 3, 7), date(2031, 3, 14)


def opening(start: str, minutes: int = 60, weekday: int = 4, **fields: object) -> Opening:
    return Opening(start=time.fromisoformat(start), minutes=minutes, weekday=weekday, **{"capacity": 3, **fields})


def exception(slot: str | None = None, day: date = FRIDAY, **fields: object) -> TimetableException:
    return TimetableException(date=day, slot=time.fromisoformat(slot) if slot else None, **fields)


def timetable(*openings: Opening, exceptions: tuple[TimetableException, ...] = ()) -> Timetable:
    return Timetable(BERLIN, openings, exceptions, "DE")


def starts(slots: list[Slot]) -> list[str]:
    return [f"{slot.start:%H:%M}" for slot in slots]


def offered(table: Timetable, start: str = "18:00") -> tuple[int, int | None, bool, str]:
    slot = table.find(FRIDAY, time.fromisoformat(start))
    assert slot is not None
    return slot.capacity, slot.guest_capacity, slot.closed, slot.reason


def test_slots_of_gives_each_opening_of_the_weekday_as_a_whole_slot() -> None:
    assert timetable(opening("18:00", 90, guest_capacity=8)).slots_of(FRIDAY) == [
        Slot(
            date=FRIDAY,
            start=time(18),
            minutes=90,
            starts_at=datetime(2031, 3, 7, 17, tzinfo=UTC),
            ends_at=datetime(2031, 3, 7, 18, 30, tzinfo=UTC),
            capacity=3,
            guest_capacity=8,
            closed=False,
            reason="",
        )
    ]


def test_slots_of_orders_by_start_however_the_openings_come() -> None:
    assert starts(timetable(opening("19:00"), opening("09:00"), opening("18:00")).slots_of(FRIDAY)) == [
        "09:00",
        "18:00",
        "19:00",
    ]


def test_slots_of_another_weekday_is_empty() -> None:
    assert timetable(opening("18:00")).slots_of(THURSDAY) == []


@pytest.mark.parametrize(
    ("first", "last", "counts"),
    [
        (None, None, True),
        (FRIDAY, None, True),
        (None, FRIDAY, True),
        (FRIDAY, FRIDAY, True),
        (date(2031, 3, 8), None, False),
        (None, date(2031, 3, 6), False),
    ],
)
def test_an_opening_counts_from_its_first_to_its_last_date(first: date | None, last: date | None, counts: bool) -> None:
    table = timetable(opening("18:00", first_date=first, last_date=last))

    assert (table.find(FRIDAY, time(18)) is not None) is counts


def test_a_new_timetable_takes_over_on_its_first_date() -> None:
    table = timetable(opening("18:00", capacity=2, last_date=THURSDAY), opening("18:00", capacity=5, first_date=FRIDAY))

    assert [table.slots_of(day)[0].capacity for day in (date(2031, 2, 28), FRIDAY)] == [2, 5]


def test_find_knows_no_slot_between_two_starts() -> None:
    assert timetable(opening("18:00")).find(FRIDAY, time(18, 30)) is None


def test_a_closed_day_closes_each_slot_with_its_reason() -> None:
    table = timetable(opening("18:00"), opening("19:00"), exceptions=(exception(reason="Stocktaking"),))

    assert [(slot.closed, slot.reason) for slot in table.slots_of(FRIDAY)] == [(True, "Stocktaking")] * 2


def test_a_closed_day_leaves_other_days_alone() -> None:
    table = timetable(opening("18:00"), exceptions=(exception(),))

    assert [slot.closed for slot in table.slots_of(NEXT_FRIDAY)] == [False]


def test_a_closed_slot_leaves_the_other_slots_alone() -> None:
    table = timetable(opening("18:00"), opening("19:00"), exceptions=(exception("18:00", reason="Party"),))

    assert [(slot.closed, slot.reason) for slot in table.slots_of(FRIDAY)] == [(True, "Party"), (False, "")]


def test_a_slot_that_stays_open_beats_its_closed_day() -> None:
    day_and_slot = (exception(reason="Stocktaking"), exception("18:00", closed=False, capacity=1, reason="One table"))
    table = timetable(opening("18:00"), exceptions=day_and_slot)

    assert offered(table) == (1, None, False, "One table")


def test_a_closed_slot_beats_its_open_day() -> None:
    day_and_slot = (exception(closed=False, capacity=9), exception("18:00", reason="Private"))
    table = timetable(opening("18:00", capacity=4), exceptions=day_and_slot)

    assert offered(table) == (4, None, True, "Private")


def test_another_capacity_keeps_the_opening_s_guest_capacity() -> None:
    table = timetable(opening("18:00", guest_capacity=8), exceptions=(exception(closed=False, capacity=1),))

    assert offered(table) == (1, 8, False, "")


def test_another_guest_capacity_keeps_the_opening_s_capacity() -> None:
    table = timetable(opening("18:00"), exceptions=(exception("18:00", closed=False, guest_capacity=5),))

    assert offered(table) == (3, 5, False, "")


def test_an_exception_for_a_slot_that_is_none_makes_no_slot() -> None:
    table = timetable(opening("18:00"), exceptions=(exception("20:00", closed=False, capacity=1),))

    assert starts(table.slots_of(FRIDAY)) == ["18:00"]


def test_slots_of_answers_with_a_list_of_the_caller_s_own() -> None:
    table = timetable(opening("18:00"))
    table.slots_of(FRIDAY).clear()

    assert starts(table.slots_of(FRIDAY)) == ["18:00"]


def test_row_of_slots_follows_the_ends_of_slots_of_any_length() -> None:
    table = timetable(opening("18:00", 90), opening("19:30", 30), opening("20:00", 60))

    assert starts(table.consecutive_slots(FRIDAY, time(18), 3)) == ["18:00", "19:30", "20:00"]


def test_row_of_slots_does_not_jump_a_gap() -> None:
    table = timetable(opening("18:00", 45), opening("19:00"))

    with pytest.raises(NoSuchSlot, match=r"Only 1 of 2 slots follow each other from 18:00 on Fri 7 Mar 2031\."):
        table.consecutive_slots(FRIDAY, time(18), 2)


def test_row_of_slots_says_where_there_is_none_at_all() -> None:
    with pytest.raises(NoSuchSlot, match=r"There is no slot at 20:00 on Fri 7 Mar 2031\. Choose another slot\."):
        timetable(opening("18:00")).consecutive_slots(FRIDAY, time(20), 1)


def test_row_of_slots_does_not_cross_midnight() -> None:
    table = timetable(opening("23:00"), opening("00:00", weekday=5))

    with pytest.raises(NoSuchSlot):
        table.consecutive_slots(FRIDAY, time(23), 2)


def test_row_of_slots_does_not_come_round_to_the_same_date() -> None:
    table = timetable(opening("00:00"), opening("23:00"))

    with pytest.raises(NoSuchSlot):
        table.consecutive_slots(FRIDAY, time(23), 2)


def test_row_of_slots_may_begin_at_midnight() -> None:
    table = timetable(opening("00:00"), opening("01:00"))

    assert starts(table.consecutive_slots(FRIDAY, time(0), 2)) == ["00:00", "01:00"]


def test_the_last_of_a_row_may_pass_midnight() -> None:
    table = timetable(opening("22:00"), opening("23:00", 180))

    assert [slot.ends_at for slot in table.consecutive_slots(FRIDAY, time(22), 2)] == [
        datetime(2031, 3, 7, 22, tzinfo=UTC),
        datetime(2031, 3, 8, 1, tzinfo=UTC),
    ]


def test_a_slot_as_long_as_a_day_has_none_after_it() -> None:
    table = timetable(opening("00:00", 24 * 60))

    with pytest.raises(NoSuchSlot):
        table.consecutive_slots(FRIDAY, time(0), 2)


def test_row_of_slots_says_why_one_of_them_is_closed() -> None:
    table = timetable(opening("18:00"), opening("19:00"), exceptions=(exception("19:00", reason="Staff meeting"),))

    with pytest.raises(SlotClosed, match="19:00 on Fri 7 Mar 2031 is closed: Staff meeting"):
        table.consecutive_slots(FRIDAY, time(18), 2)


def test_row_of_slots_says_closed_where_nobody_gave_a_reason() -> None:
    table = timetable(opening("18:00"), exceptions=(exception(),))

    with pytest.raises(SlotClosed, match=r"18:00 on Fri 7 Mar 2031 is closed\.$"):
        table.consecutive_slots(FRIDAY, time(18), 1)


def test_row_of_slots_names_the_missing_slot_before_the_closed_one() -> None:
    table = timetable(opening("18:00"), exceptions=(exception(),))

    with pytest.raises(NoSuchSlot):
        table.consecutive_slots(FRIDAY, time(18), 2)


def test_row_of_slots_takes_closed_ones_where_it_is_told_to() -> None:
    table = timetable(opening("18:00"), exceptions=(exception(),))

    assert [slot.closed for slot in table.consecutive_slots(FRIDAY, time(18), 1, allow_closed=True)] == [True]


def test_a_refusal_speaks_the_language_of_the_reader() -> None:
    with translation.override("de"), pytest.raises(NoSuchSlot, match="2031") as refused:
        timetable().consecutive_slots(FRIDAY, time(18), 1)

    assert "Fri 7 March" not in str(refused.value)


def test_local_now_is_the_station_s_date() -> None:
    auckland = Station(time_zone="Pacific/Auckland")

    assert local_now(auckland, datetime(2031, 3, 7, 23, tzinfo=UTC)).date() == date(2031, 3, 8)


@given(
    made=st.lists(
        st.builds(
            Opening,
            weekday=st.integers(0, 6),
            start=st.times().map(lambda start: start.replace(second=0, microsecond=0)),
            minutes=st.integers(1, 24 * 60),
            capacity=st.integers(1, 10),
            first_date=st.none() | st.dates(),
            last_date=st.none() | st.dates(),
        ),
        max_size=12,
    ),
    day=st.dates(FIRST_DATE, LAST_DATE),
)
def test_slots_are_those_of_the_openings_that_count_on_the_day(made: list[Opening], day: date) -> None:
    expected = {
        one.start
        for one in made
        if one.weekday == day.weekday()
        and (one.first_date is None or one.first_date <= day)
        and (one.last_date is None or day <= one.last_date)
    }

    found = Timetable(ZoneInfo("UTC"), made, []).slots_of(day)

    assert {slot.start for slot in found} == expected
    assert [slot.start for slot in found] == sorted(slot.start for slot in found)


@given(lengths=st.lists(st.integers(1, 200), min_size=1, max_size=8), taken=st.integers(1, 8))
def test_a_row_s_slots_touch_each_other(lengths: list[int], taken: int) -> None:
    clock, made = 0, []
    for minutes in lengths:
        made.append(opening(f"{clock // 60:02d}:{clock % 60:02d}", minutes))
        clock = min(clock + minutes, 24 * 60 - 1)
    table = timetable(*made)

    try:
        row = table.consecutive_slots(FRIDAY, time(0), taken)
    except NoSuchSlot:
        assert taken > len(table.slots_of(FRIDAY)) or sum(lengths) >= 24 * 60 - 1
    else:
        assert [before.ends_at for before in row[:-1]] == [after.starts_at for after in row[1:]]
        assert len(row) == taken


def test_count_slots_until_says_on_which_day_slots_end_that_run_past_midnight() -> None:
    bar = timetable(opening("22:00", 180))

    with pytest.raises(NoSuchSlot, match="The slots from 22:00 on Fri 7 Mar 2031 end at Sat 8 Mar 01:00, before the"):
        bar.count_slots_until(FRIDAY, time(22), datetime(2031, 3, 8, 1, tzinfo=UTC))

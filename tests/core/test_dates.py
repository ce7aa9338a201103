from datetime import time

import pytest

from core.dates import minute_of_day, sample_week, time_of_minute


@pytest.mark.parametrize(("moment", "minute"), [(time(0), 0), (time(1, 30), 90), (time(23, 59), 1439)])
def test_minutes_are_counted_from_midnight(moment: time, minute: int) -> None:
    assert minute_of_day(moment) == minute
    assert time_of_minute(minute) == moment


def test_clock_goes_on_after_midnight() -> None:
    assert time_of_minute(24 * 60) == time(0)
    assert time_of_minute(25 * 60 + 30) == time(1, 30)


@pytest.mark.parametrize("first_weekday", range(7))
def test_sample_week_begins_with_its_first_weekday(first_weekday: int) -> None:
    weekdays = [day.weekday() for day in sample_week(first_weekday)]

    assert weekdays == [(first_weekday + more) % 7 for more in range(7)]

"""The range of dates that the product supports, days of the week, and times of day as minutes since midnight."""

from datetime import date, time, timedelta
from typing import Final

FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2999, 12, 31)
"""The range is well within that of `datetime`, so that the whole week and month of any date can be rendered."""
DAYS_A_WEEK: Final = 7
MINUTES_A_DAY: Final = 24 * 60
_MONDAY: Final = date(2024, 1, 1)


def sample_week(first_weekday: int) -> list[date]:
    """Return seven successive dates, the first of them on that weekday, to format the names of weekdays."""
    return [_MONDAY + timedelta(days=first_weekday + more) for more in range(DAYS_A_WEEK)]


def minute_of_day(moment: time) -> int:
    """Return the minutes since midnight: 90 for 01:30."""
    return moment.hour * 60 + moment.minute


def time_of_minute(minute: int) -> time:
    """Return the time of day so many minutes after midnight. It goes on after a day: 01:30 for 90 and for 1530."""
    return time(*divmod(minute % MINUTES_A_DAY, 60))

"""A week of openings at once: “every 30 minutes from 08:00 to 20:00, Monday to Friday, capacity 2”."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from django.db.models import Q

from core.dates import FIRST_DATE, LAST_DATE
from stations.models import MINUTES_A_DAY, Opening, Station


@dataclass(frozen=True, slots=True)
class Week:
    """What to build. `end` is when the last slot ends; midnight (00:00) is the end of the day."""

    weekdays: Sequence[int]
    start: time
    end: time
    minutes: int
    capacity: int
    guest_capacity: int | None
    first_date: date
    last_date: date | None
    replace: bool
    """Whether what is open on these weekdays gives way for these dates; what was before stays as it was."""

    def starts(self) -> Iterator[time]:
        """The start of each slot that fits whole between start and end."""
        begin = self.start.hour * 60 + self.start.minute
        end = self.end.hour * 60 + self.end.minute or MINUTES_A_DAY
        for minute in range(begin, end - self.minutes + 1, self.minutes):
            yield time(minute // 60, minute % 60)


def build(station: Station, week: Week) -> list[Opening]:
    """Write the openings.

    To be called inside `bookings.services.timetable_changes.timetable_change`, which settles what it does to bookings.
    """
    if week.replace:
        _give_way(station, week)
    return Opening.objects.bulk_create(
        Opening(
            station=station,
            weekday=weekday,
            start=start,
            minutes=week.minutes,
            capacity=week.capacity,
            guest_capacity=week.guest_capacity,
            first_date=week.first_date,
            last_date=week.last_date,
        )
        for weekday in week.weekdays
        for start in week.starts()
    )


def _give_way(station: Station, week: Week) -> None:
    """End the openings of these weekdays the day before, and let them go on the day after, so that no other date changes."""
    still = Q(last_date__isnull=True) | Q(last_date__gte=week.first_date)
    begun = Q(first_date__isnull=True) | Q(first_date__lte=week.last_date or date.max)
    for opening in Opening.objects.filter(still, begun, station=station, weekday__in=week.weekdays):
        _cut(opening, week)


def _cut(opening: Opening, week: Week) -> None:
    goes_on = week.last_date and (opening.last_date or LAST_DATE) > week.last_date
    before = (opening.first_date or FIRST_DATE) < week.first_date
    if goes_on and week.last_date:
        after = Opening.objects.get(pk=opening.pk)
        after.pk, after.first_date = None, week.last_date + timedelta(days=1)
        after._state.adding = True
        after.save()
    if before:
        opening.last_date = week.first_date - timedelta(days=1)
        opening.save()
    else:
        opening.delete()

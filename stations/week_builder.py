"""Creates a week of openings at once, such as “every 30 minutes from 08:00 to 20:00, Monday to Friday, capacity 2”."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from django.db.models import Q

from core.dates import FIRST_DATE, LAST_DATE, MINUTES_A_DAY, minute_of_day, time_of_minute
from stations.models import Opening, Station


@dataclass(frozen=True, slots=True)
class Week:
    """The openings to create. `end` is when the last slot ends; midnight (00:00) is the end of the day."""

    weekdays: Sequence[int]
    start: time
    end: time
    minutes: int
    capacity: int
    guest_capacity: int | None
    first_date: date
    last_date: date | None
    replace: bool
    """Whether existing openings on these weekdays are replaced for these dates. They stay valid before and after."""

    def starts(self) -> Iterator[time]:
        """The starts of all slots that fit between start and end."""
        begin = minute_of_day(self.start)
        end = minute_of_day(self.end) or MINUTES_A_DAY
        for minute in range(begin, end - self.minutes + 1, self.minutes):
            yield time_of_minute(minute)


def build(station: Station, week: Week) -> list[Opening]:
    """Create the openings. Call it inside `bookings.services.timetable_changes`, which handles affected bookings."""
    if week.replace:
        _remove_existing(station, week)
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


def _remove_existing(station: Station, week: Week) -> None:
    """End existing openings the day before the week's first date and resume them the day after its last."""
    not_over = Q(last_date__isnull=True) | Q(last_date__gte=week.first_date)
    not_later = Q(first_date__isnull=True) | Q(first_date__lte=week.last_date or date.max)
    for opening in Opening.objects.filter(not_over, not_later, station=station, weekday__in=week.weekdays):
        _cut_out(opening, week)


def _cut_out(opening: Opening, week: Week) -> None:
    """Remove the week's dates from an opening, which splits it in two if it was valid before and after."""
    if week.last_date and (opening.last_date or LAST_DATE) > week.last_date:
        rest = Opening.objects.get(pk=opening.pk)
        rest.pk, rest.first_date = None, week.last_date + timedelta(days=1)
        rest._state.adding = True
        rest.save()
    if (opening.first_date or FIRST_DATE) < week.first_date:
        opening.last_date = week.first_date - timedelta(days=1)
        opening.save()
    else:
        opening.delete()

"""The HTML of a calendar, rendered once for all who may see the same: by station, rights, language and view.

Whatever differs from person to person is not part of it: `bookings.views.calendar_page` puts that around it for each
request. Whether the person sees the station is decided for each request, too, before anything is looked up here.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import get_language

from accounts import roles
from accounts.models import User
from accounts.rls import session
from bookings.calendar import replica
from bookings.calendar.layout import Totals
from bookings.calendar.read_model import Row
from bookings.calendar.rendering import grids
from bookings.calendar.rendering.cards import Page
from bookings.views.calendar_url import View
from core import metrics
from core.memory_cache import MemoryCache

MAX_AGE_SECONDS: Final = 300
"""For how long the text of a calendar stays in memory, with customers' names in it, whether or not somebody looks at it."""
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class CalendarContents(NamedTuple):
    """What a view has read of the database, and how it is rendered."""

    grid: Callable[[Page], str]
    """Renders it, without reading anything more."""
    heading: str
    title: str
    previous: date
    next: date
    carry: str
    """How far to the next, for a booking in the hand: `7d`, `1m`."""
    totals: Totals | None = None
    displaced: Sequence[Row] = ()
    roomy: bool = False
    turning_points: Sequence[datetime] = ()
    """The instants at which the same rows look otherwise: slots begin and end."""


class RenderedCalendar(NamedTuple):
    """The HTML of a calendar, without anything of the person who reads it."""

    heading: str
    title: str
    previous: date
    next: date
    carry: str
    totals: str
    displaced: str
    grid: str
    counters: tuple[tuple[int, int], ...]
    """The change counters of the stations, by their keys, as they were before the rows were read."""
    since: datetime
    until: datetime
    """It looks like this from `since` on, and no longer at `until`."""

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(sys.getsizeof, (self.heading, self.title, self.totals, self.displaced, self.grid)))


class _Key(NamedTuple):
    """All that the HTML depends on, except for the stations' change counters and the time, of which only the latest is kept."""

    kind: str
    station: int
    stations: tuple[int, ...]
    day: date
    today: date
    status: str
    customer: UUID | None
    may_see_personal_data: bool
    may_change: bool
    language: str


_cache: Final = MemoryCache[RenderedCalendar](
    max_bytes=settings.CALENDAR_CACHE_MB * 2**20, max_age=MAX_AGE_SECONDS, size_of=lambda rendered: rendered.size
)
clear: Final = _cache.clear


def get_or_render(person: User, view: View, read: Callable[[], CalendarContents]) -> RenderedCalendar:
    """The calendar of a view whose stations the person sees. `read` is called where nobody rendered it since the last change."""
    key = _Key(
        kind=view.kind,
        station=view.station.pk,
        stations=tuple(station.pk for station in view.watched),
        day=view.day,
        today=view.today,
        status=view.status,
        customer=view.customer.pk if view.customer else None,
        may_see_personal_data=person.has_perm(roles.PII),
        may_change=person.has_perm(roles.CHANGE),
        language=get_language() or "",
    )
    now, counters = timezone.now(), _counters(view)

    def is_valid(rendered: RenderedCalendar) -> bool:
        return rendered.counters == counters and rendered.since <= now < rendered.until

    return _cache.get_or_make(key, partial(_render, person, view, read, now), is_valid)


def _counters(view: View) -> tuple[tuple[int, int], ...]:
    return tuple((station.pk, station.changes) for station in view.watched)


def _render(person: User, view: View, read: Callable[[], CalendarContents], now: datetime) -> RenderedCalendar:
    metrics.CALENDARS_RENDERED.labels(view.kind).inc()
    counters = _counters(view)
    # By its own rights a person who loses the station in this moment would read no rows, and those who share them see none.
    with session.limited_to(pk for pk, _changes in counters):
        contents = replica.near(person, view.watched, read)
    page = _page(person, view, contents, now)
    return RenderedCalendar(
        heading=contents.heading,
        title=contents.title,
        previous=contents.previous,
        next=contents.next,
        carry=contents.carry,
        totals=grids.totals(contents.totals, page) if contents.totals else "",
        displaced=grids.displaced(contents.displaced, page),
        grid=contents.grid(page),
        counters=counters,
        since=max((at for at in contents.turning_points if at <= now), default=_FIRST),
        until=min((at for at in contents.turning_points if at > now), default=_LAST),
    )


def _page(person: User, view: View, contents: CalendarContents, now: datetime) -> Page:
    may_change = person.has_perm(roles.CHANGE)
    return Page(
        station=view.station,
        code=quote(view.station.code),
        here=quote(view.on(view.day), safe=""),
        now=now,
        may_change=may_change,
        may_book=may_change and view.station.is_active,
        language=get_language() or "",
        roomy=contents.roomy,
    )

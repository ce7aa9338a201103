"""A cache of rendered calendars, shared by all users with the same permissions, language and view.

Nothing in a cached calendar depends on the user: `bookings.views.calendar_page` adds that part for each request. Access to
the station is also checked for each request, before the cache is used.
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
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from accounts import roles
from accounts.models import User
from accounts.rls import session
from bookings.calendar import replica
from bookings.calendar.layout import Totals
from bookings.calendar.read_model import Row
from bookings.calendar.rendering import cards, grids
from bookings.calendar.rendering.context import PageContext
from bookings.views.calendar_url import CalendarView
from core import metrics
from core.memory_cache import MemoryCache

MAX_AGE_SECONDS: Final = 300
"""How long a calendar, with customers' names in it, may stay in memory, used or not."""
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class CalendarContents(NamedTuple):
    """The data of a calendar view, read from the database."""

    grid: Callable[[PageContext], SafeString]
    """Renders the grid without further queries."""
    heading: str
    title: str
    previous: date
    next: date
    carry: str
    """Distance to the next page while a booking is dragged: `7d`, `1m`."""
    totals: Totals | None = None
    unassigned: Sequence[Row] = ()
    is_roomy: bool = False
    turning_points: Sequence[datetime] = ()
    """Instants at which the same rows render differently, such as the start and end of a slot."""


class RenderedCalendar(NamedTuple):
    """The HTML of a calendar, without anything that depends on the user."""

    heading: str
    title: str
    previous: date
    next: date
    carry: str
    totals: SafeString
    unassigned: SafeString
    unassigned_dates: Sequence[date]
    """Of each unassigned booking."""
    grid: SafeString
    counters: tuple[tuple[int, int], ...]
    """Each station's primary key and its change counter, taken before the rows were read."""
    since: datetime
    until: datetime
    """The HTML is valid from `since`, inclusive, to `until`, exclusive."""

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(map(sys.getsizeof, (self.heading, self.title, self.totals, self.unassigned, self.grid)))


class _Key(NamedTuple):
    """All inputs of the HTML except change counters and time: only the latest rendering is kept for each key."""

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


def get_or_render(person: User, view: CalendarView, read: Callable[[], CalendarContents]) -> RenderedCalendar:
    """Return the calendar of a view whose stations `person` may see. `read` is called only if it is not cached."""
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


def _counters(view: CalendarView) -> tuple[tuple[int, int], ...]:
    return tuple((station.pk, station.changes) for station in view.watched)


def _render(person: User, view: CalendarView, read: Callable[[], CalendarContents], now: datetime) -> RenderedCalendar:
    metrics.CALENDARS_RENDERED.labels(view.kind).inc()
    counters = _counters(view)
    # If `person` lost access just now, their own row-level security would hide the rows, and the empty calendar would be
    # cached for others.
    with session.limited_to(pk for pk, _changes in counters):
        contents = replica.read_from_replica(person, view.watched, read)
    page = _page_context(person, view, contents, now)
    return RenderedCalendar(
        heading=contents.heading,
        title=contents.title,
        previous=contents.previous,
        next=contents.next,
        carry=contents.carry,
        totals=grids.totals(contents.totals, page) if contents.totals else SafeString(""),
        unassigned=cards.unassigned_list(contents.unassigned, page),
        unassigned_dates=[row.date for row in contents.unassigned],
        grid=contents.grid(page),
        counters=counters,
        since=max((at for at in contents.turning_points if at <= now), default=_FIRST),
        until=min((at for at in contents.turning_points if at > now), default=_LAST),
    )


def _page_context(person: User, view: CalendarView, contents: CalendarContents, now: datetime) -> PageContext:
    may_change = person.has_perm(roles.CHANGE)
    return PageContext(
        station=view.station,
        station_code=escape(quote(view.station.code)),
        page_url=escape(quote(view.on(view.day), safe="")),
        now=now,
        may_change=may_change,
        may_book=may_change and view.station.is_active,
        language=get_language() or "",
        is_roomy=contents.is_roomy,
    )

"""The filter and the pagination of the list of bookings."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from bookings.calendar import pagination
from bookings.calendar.commit_watermark import commit_watermark
from bookings.calendar.pagination import Sort
from bookings.models import Booking
from bookings.models.querysets import BookingQuerySet
from core.api.responses import success

LOOKUPS: Final = {
    "status": "status__in",
    "ids": "pk__in",
    "customer": "customer",
    "external_ref": "external_ref",
    "source": "source",
    "needs_place": "needs_place",
    "updated_since": "updated_at__gte",
}
"""Query parameters that filter bookings, with the lookups that they stand for."""


class BookingFilter(BaseFilterBackend):
    """Filters bookings by the view's stations and query."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        query = view.query
        bookings: BookingQuerySet[Booking] = queryset.filter(station__in=[station.pk for station in view.stations])
        if "date_from" in query or "date_to" in query:
            bookings = bookings.between(query.get("date_from", date.min), query.get("date_to", date.max))
        bookings = bookings.filter(**{lookup: query[name] for name, lookup in LOOKUPS.items() if name in query})
        if _sort_order(query) == Sort.UPDATED or "updated_since" in query:
            until = commit_watermark()
            return bookings.filter(updated_at__lte=until) if until else bookings
        return bookings


class BookingPagination(BasePagination):
    """Signed cursors, with the URLs of the next and the previous page."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        query = dict(view.query)
        self.request, sort = request, _sort_order(query)
        cursor, limit = query.pop("cursor", ""), query.pop("limit", pagination.DEFAULT_PAGE_SIZE)
        query.pop("sort", None)
        self.page = pagination.paginate(
            request.user, queryset, cursor, sort=sort, limit=limit, query=repr(sorted(query.items()))
        )
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return success(data, next=self._url(self.page.next), previous=self._url(self.page.previous))

    def _url(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = self.request.query_params.copy()
        query["cursor"] = cursor
        return str(self.request.build_absolute_uri(f"{self.request.path}?{query.urlencode()}"))


def _sort_order(query: Mapping[str, Any]) -> Sort:
    return Sort(query.get("sort", Sort.UPDATED if "updated_since" in query else Sort.PLACE))

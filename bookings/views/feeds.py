"""Calendar feeds: the page where people manage their own, and the address that calendar apps read."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import roles
from accounts.auth.rate_limits import count_feed_read
from accounts.models import User
from accounts.rls import session
from accounts.views.post_only import does, post_only
from accounts.views.reauthentication import require
from bookings.forms import FeedForm
from bookings.icalendar import feeds
from bookings.icalendar.feeds import FeedContent
from bookings.models import Feed
from bookings.views import notices
from bookings.views.base import PageRequest, page, render_page
from core import formats
from core.api.preconditions import seen_before
from core.errors import NotFound
from core.log_context import note_station
from core.web.error_pages import answer, too_many_requests
from core.web.final_answers import final
from core.web.notices import keep as keep_notice
from core.web.redisplay import redisplays
from stations.models import Station

HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
"""On every response of a secret address."""
CONTENT_DISPOSITION: Final = 'inline; filename="stationbook.ics"'


@require_http_methods(["GET", "HEAD", "POST"])
@page()
@redisplays
def listing(request: PageRequest) -> HttpResponse:
    """The person's feeds, and the form for a new one. The response has its address: a redirect would have to store it."""
    form = FeedForm(request.POST if request.method == "POST" else None, person=request.user)
    if not form.is_valid():
        return _page(request, form, status=400 if form.is_bound else 200)
    station, details = form.cleaned_data["station"], form.cleaned_data.get("details", False)
    if details:
        require(request)
    made, secret = feeds.create(station=station, details=details, by=request.user)
    return final(_page(request, FeedForm(person=request.user), new=made, secret=secret))


@post_only
@page()
@does(gettext_lazy("New address"))
def renew(request: PageRequest, feed_id: int) -> HttpResponse:
    if Feed.objects.visible_to(request.user).filter(pk=feed_id, details=True).exists():
        require(request)
    renewed, secret = feeds.renew(feed_id, by=request.user)
    return final(_page(request, FeedForm(person=request.user), new=renewed, secret=secret))


@post_only
@page()
@does(gettext_lazy("Revoke"))
def revoke(request: PageRequest, feed_id: int) -> HttpResponse:
    feeds.revoke(feed_id, by=request.user)
    keep_notice(request, _("Revoked. Calendar programs can no longer read this feed."))
    return redirect("feeds")


def _page(
    request: PageRequest, form: FeedForm, *, new: Feed | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    address = request.build_absolute_uri(reverse("feed", args=[secret])) if secret else ""
    stations = {station.pk: station for station in Station.objects.visible_to(request.user)}
    context = {
        "form": form,
        "feeds": [_as_context(feed, request.user, stations) for feed in Feed.objects.visible_to(request.user)],
        "new_feed": _as_context(new, request.user, stations) if new else None,
        "address": address,
        "notice": notices.taken_notice(request),
    }
    return render_page(request, "bookings/feeds.html", context, status=status)


def _as_context(feed: Feed, person: User, stations: Mapping[int, Station]) -> dict[str, Any]:
    """A feed for the template, without the name of a station that the person no longer has access to."""
    station = stations.get(feed.station_id or 0)
    name = (
        station.name
        if station
        else _("A station you no longer have access to")
        if feed.station_id
        else _("All my stations")
    )
    zone, country = (station.zone, station.country) if station else (UTC, formats.NO_COUNTRY)
    return {
        "pk": feed.pk,
        "name": name,
        "details": feed.details and person.has_perm(roles.PII),
        "since": formats.format_date(feed.renewed_at.astimezone(zone).date(), country),
        "ended": formats.format_date(feed.ended_at.astimezone(zone).date(), country) if feed.ended_at else "",
    }


@session.authenticates_itself
@require_safe
def read(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The calendar file, for anybody with the secret address: calendar apps cannot sign in."""
    response = _read(request, secret)
    for name, value in HEADERS.items():
        response[name] = value
    return response


def _read(request: HttpRequest, secret: str) -> HttpResponseBase:
    try:
        feed = feeds.find_by_secret(secret)
        request.log_fields.update(user=feed.user_id, feed=feed.pk)  # type: ignore[attr-defined]
        note_station(feed.station_id)
        # Unknown secrets are not rate limited: nobody guesses one of 2^256, and calendar services share IP addresses.
        if wait := count_feed_read(feed.pk, feed.user):
            return too_many_requests(request, wait)
        session.activate(feed.user)
        content = FeedContent.of(feed, now=timezone.now())
    except NotFound:
        return answer(request, 404)
    tag = content.etag
    if seen_before(request, tag):
        return HttpResponseNotModified(headers={"ETag": tag})
    if request.method == "GET":
        content.record_read(timezone.now())
    chunks = content.file() if request.method == "GET" else iter(())
    headers = {"ETag": tag, "Content-Language": feed.language, "Content-Disposition": CONTENT_DISPOSITION}
    return StreamingHttpResponse(chunks, content_type="text/calendar; charset=utf-8", headers=headers)

"""Finding customers: posted, so that no name stands in an address, and counted, so that nobody reads them all."""

from typing import Final

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts import customers, roles
from accounts.models import Customer
from accounts.throttling import Rate
from bookings.forms import SearchForm
from bookings.models import Booking
from bookings.views.access import PageRequest, draw, page
from stations.models import Station

RATE: Final = "60/minute"
SUGGESTED: Final = 8


@require_POST
@page(roles.PII)
def search(request: PageRequest) -> HttpResponse:
    """Whom the words find, at all of the person's stations, each with the latest booking."""
    words = request.POST.get("q", "").strip()
    if wait := _wait(request):
        return _too_many(request, "bookings/search.html", wait)
    found = customers.search(request.user, words) if SearchForm(request.POST).is_valid() else []
    latest = {
        booking.customer_id: booking
        for booking in Booking.objects.filter(customer__in=found).select_related("station").order_by("starts_at")
    }
    hits = [(customer, latest.get(customer.pk)) for customer in found]
    return draw(request, "bookings/search.html", {"hits": hits, "words": words})


@require_POST
@page(roles.PII)
def find(request: PageRequest) -> HttpResponse:
    """Whom the words found so far could mean at one station: the list under a field in which somebody types."""
    if wait := _wait(request):
        return _too_many(request, "bookings/_found.html", wait)
    form = SearchForm(request.POST)
    found: list[Customer] = []
    if form.is_valid():
        stations = Station.objects.visible_to(request.user).coded(form.cleaned_data["station"])
        found = customers.search(request.user, form.cleaned_data["q"], stations=stations)[:SUGGESTED]
    return draw(request, "bookings/_found.html", {"found": found})


def _wait(request: PageRequest) -> int:
    """Count a search; returns in how many seconds the next one is free, 0 where this one is."""
    window = Rate.parse(RATE).window()
    return window.wait() if window.add(f"find:{request.user.pk}", 1) > window.rate.limit else 0


def _too_many(request: PageRequest, template: str, wait: int) -> HttpResponse:
    sentence = _("Too many searches. Try again in %(wait)d seconds.") % {"wait": wait}
    response = draw(request, template, {"error": sentence}, status=429)
    response["Retry-After"] = str(wait)
    return response

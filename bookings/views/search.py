"""Finding customers: posted, so that no name stands in an address, and counted, so that nobody reads them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import customers, roles
from accounts.auth.rate_limits import count_search
from accounts.models import Customer
from accounts.views.post_only import does, post_only
from bookings.forms import SearchForm
from bookings.models import Booking
from bookings.views.base import PageRequest, draw, page
from stations.models import Station

SUGGESTED: Final = 8


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def search(request: PageRequest) -> HttpResponse:
    """Whom the words find, at all of the person's stations, each with the latest booking."""
    words = request.POST.get("q", "").strip()
    if wait := count_search(request.user):
        return _too_many(request, "bookings/search.html", wait, words=words)
    if not SearchForm(request.POST).is_valid():
        error = _("Enter a name, an email or a phone number of up to 300 characters.")
        return draw(request, "bookings/search.html", {"error": error, "words": words}, status=400)
    found = customers.search(request.user, words)
    shown = {"hits": _hits(found, words), "words": words, "may_change": request.user.has_perm(roles.CHANGE)}
    return draw(request, "bookings/search.html", shown)


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def find(request: PageRequest) -> HttpResponse:
    """Whom the words found so far could mean at one station: the list under a field in which somebody types."""
    if wait := count_search(request.user):
        return _too_many(request, "bookings/_found.html", wait)
    form = SearchForm(request.POST)
    hits: list[Hit] = []
    if form.is_valid():
        words = form.cleaned_data["q"]
        stations = Station.objects.visible_to(request.user).coded(form.cleaned_data["station"])
        hits = _hits(customers.search(request.user, words, stations=stations)[:SUGGESTED], words)
    return draw(request, "bookings/_found.html", {"hits": hits})


@dataclass(frozen=True, slots=True)
class Hit:
    """Somebody found, by what, and their latest booking: enough to tell namesakes apart. Their contact is for their page."""

    customer: Customer
    by: str
    latest: Booking | None


def _hits(found: Sequence[Customer], words: str) -> list[Hit]:
    bookings = Booking.objects.filter(customer__in=found).select_related("station").defer("special_requests")
    latest = {booking.customer_id: booking for booking in bookings.order_by("starts_at")}
    by = {customers.EMAIL: _("found by email"), customers.PHONE: _("found by phone")}
    return [Hit(one, by.get(customers.matched_field(one, words), ""), latest.get(one.pk)) for one in found]


def _too_many(request: PageRequest, template: str, wait: int, *, words: str = "") -> HttpResponse:
    sentence = _("Too many searches. Try again in %(wait)d seconds.") % {"wait": wait}
    response = draw(request, template, {"error": sentence, "words": words}, status=429)
    response["Retry-After"] = str(wait)
    return response

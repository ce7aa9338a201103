"""Customer search. It is posted, so that no name is in a URL, and rate limited, so that nobody copies all customers."""

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
from bookings.views.base import PageRequest, page, render_page
from stations.models import Station

MAX_SUGGESTIONS: Final = 8


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def search(request: PageRequest) -> HttpResponse:
    """The customers found at all of the person's stations, each with the latest booking."""
    query = request.POST.get("q", "").strip()
    if wait := count_search(request.user):
        return _too_many(request, "bookings/search.html", wait, query=query)
    if not SearchForm(request.POST).is_valid():
        error = _("Enter a name, an email or a phone number of up to 300 characters.")
        return render_page(request, "bookings/search.html", {"error": error, "query": query}, status=400)
    found = customers.search(request.user, query)
    context = {"hits": _hits(found, query), "query": query, "may_change": request.user.has_perm(roles.CHANGE)}
    return render_page(request, "bookings/search.html", context)


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def suggest(request: PageRequest) -> HttpResponse:
    """Customers of one station, suggested while their name, email or phone is typed into the form of a new booking."""
    if wait := count_search(request.user):
        return _too_many(request, "bookings/_customer_suggestions.html", wait)
    form = SearchForm(request.POST)
    hits: list[Hit] = []
    if form.is_valid():
        query = form.cleaned_data["q"]
        stations = Station.objects.visible_to(request.user).coded(form.cleaned_data["station"])
        hits = _hits(customers.search(request.user, query, stations=stations)[:MAX_SUGGESTIONS], query)
    return render_page(request, "bookings/_customer_suggestions.html", {"hits": hits})


@dataclass(frozen=True, slots=True)
class Hit:
    """A customer found, with what tells namesakes apart: how they were found, and their latest booking."""

    customer: Customer
    by: str
    latest: Booking | None


def _hits(found: Sequence[Customer], query: str) -> list[Hit]:
    bookings = Booking.objects.filter(customer__in=found).select_related("station").defer("special_requests")
    latest = {booking.customer_id: booking for booking in bookings.order_by("starts_at")}
    by = {customers.EMAIL: _("found by email"), customers.PHONE: _("found by phone")}
    return [Hit(one, by.get(customers.matched_field(one, query), ""), latest.get(one.pk)) for one in found]


def _too_many(request: PageRequest, template: str, wait: int, *, query: str = "") -> HttpResponse:
    error = _("Too many searches. Try again in %(wait)d seconds.") % {"wait": wait}
    response = render_page(request, template, {"error": error, "query": query}, status=429)
    response["Retry-After"] = str(wait)
    return response

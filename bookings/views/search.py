"""Customer search. It is posted, so that no name is in a URL, and rate limited, so that nobody copies all customers."""

from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import roles
from accounts.auth.rate_limits import count_search
from accounts.views.post_only import does, post_only
from bookings import customer_search
from bookings.customer_search import Hit
from bookings.forms import SearchForm
from bookings.views.base import PageRequest, page, render_page
from stations.models import Station

MAX_SUGGESTIONS: Final = 8


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def search(request: PageRequest) -> HttpResponse:
    """The customers found at all of the person's stations, and bookings found by their reference."""
    query = request.POST.get("q", "").strip()
    if wait := count_search(request.user):
        return _too_many(request, "bookings/search.html", wait, query=query)
    if not SearchForm(request.POST).is_valid():
        error = _("Enter a name, an email or a phone number of up to 300 characters.")
        return render_page(request, "bookings/search.html", {"error": error, "query": query}, status=400)
    hits = customer_search.find(request.user, query, now=timezone.now())
    return render_page(request, "bookings/search.html", {**_context(request, hits), "query": query})


@post_only
@page(roles.PII)
@does(gettext_lazy("Find a customer"))
def live_hits(request: PageRequest) -> HttpResponse:
    """The first hits of a search, while it is typed into the search field of the calendar of the station `station`."""
    template = "bookings/_live_hits.html"
    if wait := count_search(request.user):
        return _too_many(request, template, wait)
    form = SearchForm(request.POST)
    if not form.is_valid():
        return render_page(request, template, {"query": ""})
    query, home = form.cleaned_data["q"], form.cleaned_data["station"]
    hits = customer_search.find(request.user, query, now=timezone.now(), home=home)
    context = {**_context(request, hits[:MAX_SUGGESTIONS]), "query": query, "home": home}
    return render_page(request, template, {**context, "has_more": len(hits) > MAX_SUGGESTIONS})


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
        stations = Station.objects.visible_to(request.user).coded(form.cleaned_data["station"])
        found = customer_search.find(request.user, form.cleaned_data["q"], now=timezone.now(), stations=list(stations))
        hits = [hit for hit in found if hit.customer and not hit.customer.erased][:MAX_SUGGESTIONS]
    return render_page(request, "bookings/_customer_suggestions.html", {"hits": hits})


def _context(request: PageRequest, hits: list[Hit]) -> dict[str, Any]:
    return {"hits": hits, "may_change": request.user.has_perm(roles.CHANGE)}


def _too_many(request: PageRequest, template: str, wait: int, *, query: str = "") -> HttpResponse:
    error = _("Too many searches. Try again in %(wait)d seconds.") % {"wait": wait}
    response = render_page(request, template, {"error": error, "query": query}, status=429)
    response["Retry-After"] = str(wait)
    return response

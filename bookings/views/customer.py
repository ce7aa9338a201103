"""The page of a customer: what their bookings say of them, and a form for name, contact, language and notes."""

from typing import Any, Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import customers, roles
from accounts.models import Customer
from accounts.views.post_only import does, post_only
from bookings.contact_forms import CustomerForm
from bookings.customer_history import history_of
from bookings.models import Booking
from bookings.views.base import PageRequest, page, render_page
from bookings.views.notices import taken_notice
from bookings.views.refusals import as_form_errors
from core.errors import NotFound
from core.log_context import note_station
from core.web import notices
from core.web.redisplay import redisplays

BOOKINGS_PER_PAGE: Final = 25


@require_safe
@page()
def detail(request: PageRequest, customer_id: UUID) -> HttpResponse:
    return _customer_page(request, _visible_customer(request, customer_id))


@post_only
@page(roles.PII)
@does(gettext_lazy("Show contact"))
def contact(request: PageRequest, customer_id: UUID) -> HttpResponse:
    """The page with email and phone. Records that the person has seen them."""
    customer = customers.reveal(_visible_customer(request, customer_id).pk, by=request.user)
    return _customer_page(request, customer, revealed=True)


@require_http_methods(["GET", "HEAD", "POST"])
@page(roles.CHANGE)
@redisplays
def edit(request: PageRequest, customer_id: UUID) -> HttpResponse:
    """The form, which shows the contact: opening it is recorded."""
    customer = _visible_customer(request, customer_id)
    if customer.erased_at:
        raise NotFound
    if request.method != "POST":
        customer = customers.reveal(customer.pk, by=request.user)
    form = CustomerForm(request.POST or None, customer=customer)
    if form.is_valid():
        with as_form_errors(form):
            version = form.cleaned_data["version"]
            customers.edit(customer.pk, form.changes(), by=request.user, seen_version=version)
            notices.keep(request, _("The customer has been saved."))
            return redirect("customer", customer.pk)
    context = {"form": form, "customer": customer}
    return render_page(request, "bookings/edit_customer.html", context, status=400 if form.is_bound else 200)


def _visible_customer(request: PageRequest, customer_id: UUID) -> Customer:
    """The customer with their station. Raises NotFound for one that the person may not see."""
    found = Customer.objects.visible_to(request.user).select_related("station").filter(pk=customer_id).first()
    if found is None:
        raise NotFound
    note_station(found.station_id)
    return found


def _customer_page(request: PageRequest, customer: Customer, *, revealed: bool = False) -> HttpResponse:
    bookings = Booking.objects.filter(customer=customer).defer("special_requests").order_by("-starts_at", "-pk")
    may_read = request.user.has_perm(roles.PII)
    context: dict[str, Any] = {
        "customer": customer,
        "shown": customers.shown(customer, request.user),
        "station": customer.station,
        "history": history_of(customer, timezone.now()),
        "bookings": Paginator(bookings, BOOKINGS_PER_PAGE).get_page(request.GET.get("page")),
        "may_read": may_read,
        "may_edit": may_read and request.user.has_perm(roles.CHANGE) and not customer.erased_at,
        "revealed": revealed,
        "notice": taken_notice(request),
    }
    return render_page(request, "bookings/customer.html", context)

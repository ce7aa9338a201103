"""Requests on a customer's behalf in Django's admin: disclosure, erasure, and decisions about contacts."""

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import roles
from accounts.admin.base import ScopedAdmin
from accounts.models import Customer
from accounts.views.post_only import does, post_only
from accounts.views.reauthentication import require
from bookings.button_forms import AdminGivenContactForm
from bookings.models import Booking
from bookings.models.mail_state import Kind, State
from bookings.privacy import erasure, subject_access_export
from bookings.services import contacts
from bookings.views.contact import DECISIONS
from bookings.views.refusals import counted_sentence
from core.errors import DomainError

if TYPE_CHECKING:
    _Admin = ScopedAdmin
else:
    _Admin = object

FOLDER = "admin/accounts/customer"
BOOKINGS_SHOWN: Final = 10


class PrivacyPages(_Admin):
    """The pages behind the buttons of a customer's page, for those with `bookings.privacy.erasure.PERMISSIONS`."""

    change_form_template = f"{FOLDER}/change_form.html"

    def get_urls(self) -> list[Any]:
        def page(name: str, view: Any) -> Any:
            address = f"<uuid:customer_id>/{name}/"
            return path(address, self.admin_site.admin_view(view), name=f"accounts_customer_{name}")

        own = {
            "data": self.data_view,
            "export": self.export_view,
            "erase": self.erase_view,
            "contact": self.contact_view,
        }
        return [*(page(name, view) for name, view in own.items()), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Opening the page is recorded, as the form shows the contact."""
        customer = self.get_object(request, unquote(object_id))
        may_see = request.user.has_perms([*self.view_permissions, roles.PII])
        given = contacts.pending_of(customer) if may_see else []
        if request.method != "POST" and may_see:
            contacts.reveal(customer, given, by=request.user)
        bookings = Booking.objects.filter(customer=customer).select_related("station").order_by("-date", "-slot")
        shown = {"given": given, "bookings": bookings[:BOOKINGS_SHOWN]}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        context |= {"may_ask": request.user.has_perms(erasure.PERMISSIONS)}
        response = super().render_change_form(request, context, *args, **options)
        add_never_cache_headers(response)
        return response

    @method_decorator(post_only)
    @does(_("Page to read or print"))
    def data_view(self, request: HttpRequest, customer_id: UUID) -> HttpResponse:
        """Everything stored about the customer, to read or print. It is a POST, because it is recorded."""
        customer = self._requested_customer(request, customer_id)
        require(request)
        disclosed = subject_access_export.export_customer(customer.pk, by=request.user)
        for mail in disclosed["mails"]:
            mail |= {"about": Kind(mail["about"]).label, "state": State(mail["state"]).label}
        return self._render(request, customer, "data", {"disclosed": disclosed})

    @method_decorator(post_only)
    @does(_("All data about this customer"))
    def export_view(self, request: HttpRequest, customer_id: UUID) -> HttpResponse:
        """Everything stored about the customer as JSON. The file name does not identify the customer."""
        customer = self._requested_customer(request, customer_id)
        require(request)
        disclosed = subject_access_export.export_customer(customer.pk, by=request.user)
        response = JsonResponse(disclosed, json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = 'attachment; filename="customer.json"'
        add_never_cache_headers(response)
        return response

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    @does(_("Erase permanently"))
    def erase_view(self, request: HttpRequest, customer_id: UUID) -> HttpResponse:
        """What is erased and what remains, with the button that erases."""
        customer, error = self._requested_customer(request, customer_id), ""
        if request.method == "POST":
            require(request)
            try:
                erasure.erase(customer.pk, by=request.user)
            except DomainError as refusal:
                error = str(refusal)
            else:
                self.message_user(request, gettext("The customer is erased."), messages.SUCCESS)
                return redirect("admin:accounts_customer_change", customer.pk)
        expected = erasure.has_upcoming_booking(customer, timezone.now())
        return self._render(request, customer, "erase", {"expected": expected, "error": error})

    @method_decorator(post_only)
    @does(_("Review contact details"))
    def contact_view(self, request: HttpRequest, customer_id: UUID) -> HttpResponse:
        """Save an email or phone that came with a booking of the customer, or dismiss it."""
        customer = self.get_queryset(request).filter(pk=customer_id).first()
        if customer is None:
            raise Http404
        if not self.has_change_permission(request, customer):
            raise PermissionDenied
        form = AdminGivenContactForm(request.POST)
        if form.is_valid():
            self._decide(request, form)
        else:
            self.message_user(request, gettext("Something went wrong. Please try again."), messages.ERROR)
        return redirect("admin:accounts_customer_change", customer.pk)

    def _decide(self, request: HttpRequest, form: AdminGivenContactForm) -> None:
        wanted = form.cleaned_data
        decide, notice = DECISIONS[wanted["do"]]
        try:
            decide(wanted["booking"], wanted["field"], by=request.user, **form.seen())
        except DomainError as refused:
            self.message_user(request, counted_sentence(refused), messages.ERROR)
        else:
            self.message_user(request, str(notice), messages.SUCCESS)

    def _requested_customer(self, request: HttpRequest, customer_id: UUID) -> Customer:
        """The customer. Raises Http404 for one of another station or one who was erased, and PermissionDenied."""
        customer: Customer | None = self.get_queryset(request).filter(pk=customer_id).first()
        if customer is None:
            raise Http404
        if not request.user.has_perms(erasure.PERMISSIONS):
            raise PermissionDenied
        if customer.erased_at:
            raise Http404
        return customer

    def _render(self, request: HttpRequest, customer: Customer, name: str, shown: dict[str, Any]) -> HttpResponse:
        shown |= {**self.admin_site.each_context(request), "title": customer.name, "customer": customer}
        shown |= {"opts": self.opts, "back": reverse("admin:accounts_customer_change", args=[customer.pk])}
        response = render(request, f"{FOLDER}/{name}.html", shown)
        add_never_cache_headers(response)
        return response

"""Bookings in Django's admin, changed through the services."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import customers, roles
from accounts.admin.base import LabelledBooleanFilter, ScopedAdmin, StationFilter
from accounts.models import Customer
from accounts.views.reauthentication import require
from bookings import audit, services
from bookings.admin import labels
from bookings.admin.actions import each
from bookings.admin.forms import CONTACT, BookingForm
from bookings.admin.mails import MailAdmin
from bookings.importing import export as exporting
from bookings.models import Booking, Mail
from bookings.models.fields import EDITABLE_FIELDS, PERSONAL_FIELDS
from bookings.models.querysets import BookingQuerySet
from bookings.models.status import Status
from bookings.services import contacts
from core import formats

admin.site.register(Mail, MailAdmin)


class PlaceFilter(LabelledBooleanFilter):
    heading, labels = _("assignment"), (_("unassigned"), _("assigned"))


@admin.register(Booking)
class BookingAdmin(ScopedAdmin):
    form = BookingForm
    view_permissions, change_permissions = (roles.VIEW,), (roles.CHANGE,)
    change_form_template = "admin/bookings/booking/change_form.html"
    list_filter = (StationFilter, "status", ("needs_place", PlaceFilter), ("date", admin.DateFieldListFilter))
    date_hierarchy = "date"
    list_select_related = ("station", "customer")
    ordering = ("-date", "-slot", "-created_at")
    raw_id_fields = ("customer",)
    actions = ("confirm", "mark_arrived", "complete", "mark_no_show", "cancel", "export")

    def title_of(self, request: HttpRequest, obj: Booking) -> str:
        return labels.booking_title(obj, request.user)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("day", "time", _customer_column(request), "total_guests", "status", "station", "place")

    @admin.display(description=_("date"), ordering="date")
    def day(self, booking: Booking) -> str:
        return formats.format_date(booking.date, booking.station.country)

    @admin.display(description=_("slot"), ordering="slot")
    def time(self, booking: Booking) -> str:
        return formats.format_time(booking.slot, booking.station.country)

    @admin.display(description=_("assignment"), ordering="needs_place")
    def place(self, booking: Booking) -> str:
        return gettext("unassigned") if booking.needs_place else "–"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Without the permission to see personal data it can be entered for a new booking, but not read afterwards."""
        private, may_change = request.user.has_perm(roles.PII), self.has_change_permission(request, obj)
        names = ["station", "date", "slot", "slots", "status", "party_adults", "party_kids"]
        names += ["take_place"] if obj and obj.needs_place and may_change else []
        names += ["customer"] if private else []
        names += CONTACT if may_change and (private or obj is None) else []
        names += ["special_requests"] if private or obj is None else []
        names += [name for name in EDITABLE_FIELDS if name not in names and name not in PERSONAL_FIELDS]
        names += ["seen_version"] if obj and may_change else []
        return _in_rows(names)

    def raw_id_label(self, request: HttpRequest, chosen: Customer) -> str:
        return customers.shown(chosen, request.user).display_name

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("external_ref", "customer") if request.user.has_perm(roles.PII) else ("external_ref",)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By external reference, or by customer."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(external_ref=term)
        if request.user.has_perm(roles.PII):
            found |= queryset.filter(customer__in=[one.pk for one in customers.search(request.user, term)])
        return found, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown = self._with_history(request, object_id, extra_context)
        if request.user.has_perm(roles.PII):
            shown["given"] = contacts.pending(self.get_object(request, unquote(object_id)))
        return super().change_view(request, object_id, form_url, shown)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history of the audit log: Django's own knows less, and would show changes at other stations."""
        return super().history_view(request, object_id, self._with_history(request, object_id, extra_context))

    def _with_history(self, request: HttpRequest, object_id: str, extra: dict[str, Any] | None) -> dict[str, Any]:
        booking = self.get_object(request, unquote(object_id))
        return {**(extra or {}), "story": audit.story(booking, request.user), "station": booking.station}

    @admin.action(description=_("Confirm"), permissions=["change"])
    def confirm(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.CONFIRMED)

    @admin.action(description=_("Mark as arrived"), permissions=["change"])
    def mark_arrived(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.ARRIVED)

    @admin.action(description=_("Complete"), permissions=["change"])
    def complete(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.COMPLETED)

    @admin.action(description=_("Mark as no-show"), permissions=["change"])
    def mark_no_show(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.NO_SHOW)

    @admin.action(description=_("Cancel"), permissions=["change"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Booking]) -> None:
        self._step(request, chosen, Status.CANCELLED)

    def _step(self, request: HttpRequest, chosen: QuerySet[Booking], to: Status) -> None:
        def step(booking: Booking) -> Booking:
            return services.change_status(booking.pk, to, by=request.user)

        done = each(self, request, chosen, step, labels.place_of)
        if done:
            message = ngettext("%(count)d booking is now %(status)s.", "%(count)d bookings are now %(status)s.", done)
            self.message_user(request, message % {"count": done, "status": to.label}, messages.SUCCESS)

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, chosen: BookingQuerySet[Booking]) -> StreamingHttpResponse:
        require(request)
        response = StreamingHttpResponse(
            exporting.lines_of(chosen, request.user), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = 'attachment; filename="bookings.csv"'
        return response


ROWS: Final[tuple[tuple[str, ...], ...]] = (
    ("date", "slot", "slots"),
    ("party_adults", "party_kids"),
    ("total_due_cents", "deposit_due_cents"),
)
"""Fields that are shown side by side."""


def _in_rows(names: list[str]) -> list[str | tuple[str, ...]]:
    """The fields in order, with those of `ROWS` together at the place of the first."""
    row_of = {name: row for row in ROWS for name in row if name in names}
    return list(dict.fromkeys(row_of.get(name, name) for name in names))


def _customer_column(request: HttpRequest) -> Callable[[Booking], str]:
    """The column with the customer, as the user may see them."""

    @admin.display(description=_("customer"))
    def who(booking: Booking) -> str:
        return labels.customer_name(booking.customer, request.user)

    return who

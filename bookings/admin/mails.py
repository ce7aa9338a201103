"""Emails to customers in Django's admin: sent, waiting and failed."""

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_safe

from accounts import customers, roles
from accounts.admin.base import ScopedAdmin, StationFilter
from bookings import audit
from bookings.admin import labels
from bookings.admin.actions import each
from bookings.mails import display, preview, rendering
from bookings.mails.preview import Preview
from bookings.models import Booking, Mail
from bookings.models.mail_state import OPEN, Kind, Problem, State
from bookings.services import mail_choices
from stations.models import Station

ACTIONS: Final = {
    display.SEND_NOW: ("send_now", _("Send now")),
    display.SEND_AGAIN: ("send_again", _("Send again")),
    display.WITHHOLD: ("withhold", _("Don't send: already told")),
}
"""The action and the label of each decision."""
ID_PREFIX: Final = re.compile(r"[0-9a-f]{8,32}", re.IGNORECASE)
"""The beginning of an ID: at least as much as lists show."""


class MailAdmin(ScopedAdmin):
    """The emails of the manager's stations, to be read, sent again or withheld.

    Of a booking that was moved to another station, emails sent from here are listed without details.
    """

    view_permissions, change_permissions = (roles.VIEW,), None
    change_form_template = "admin/bookings/mail/change_form.html"
    change_list_template = "admin/bookings/mail/change_list.html"
    object_history_template = "admin/bookings/booking/object_history.html"
    list_filter = (StationFilter, "state", "kind", ("created_at", admin.DateFieldListFilter))
    ordering = ("-created_at",)
    search_fields = ("booking",)
    search_help_text = _(
        "A booking's ID or its first eight characters, its external reference, or its customer's email, phone or name."
    )
    actions = tuple(name for name, _label in ACTIONS.values())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mail]:
        """Not joined with the bookings: row-level security hides those that were moved to other stations."""
        found = super().get_queryset(request).select_related("station")
        return found.prefetch_related("booking__station", "booking__customer")

    def title_of(self, request: HttpRequest, obj: Mail) -> str:
        kind = Kind(obj.kind).label
        return f"{kind}: {labels.booking_title(obj.booking, request.user)}" if _is_here(obj) else str(kind)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("when", "kind", "status", _customer_column(request), "of_booking", "station", "due")

    @admin.display(description=_("status"), ordering="state")
    def status(self, mail: Mail) -> str:
        """The state, and why it is not sent: “failed: refused by the mail server”."""
        parts = (State(mail.state).label, Problem(mail.problem).label)
        return ": ".join(str(part) for part in parts if part)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return (*self.get_list_display(request), "attempts", "ended")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return self.get_fields(request, obj)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(booking__external_ref=term)
        hexed = term.replace("-", "")
        if ID_PREFIX.fullmatch(hexed):
            wanted |= Q(booking__pk__range=(UUID(hexed.ljust(32, "0")), UUID(hexed.ljust(32, "f"))))
        if request.user.has_perm(roles.PII):
            found = customers.search(request.user, term)
            wanted |= Q(booking__customer__in=[customer.pk for customer in found])
        return queryset.filter(wanted, booking__station=F("station")), False

    @admin.display(description=_("created"), ordering="created_at")
    def when(self, mail: Mail) -> str:
        return labels.local_moment(mail.created_at, mail.station)

    @admin.display(description=_("due"), ordering="due_at")
    def due(self, mail: Mail) -> str:
        return labels.local_moment(mail.due_at if mail.state in OPEN else None, mail.station)

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, mail: Mail) -> str:
        return labels.local_moment(mail.ended_at, mail.station)

    @admin.display(description=_("booking"))
    def of_booking(self, mail: Mail) -> str:
        if not _is_here(mail):
            return Booking.name_of(mail.booking_id)
        booking = mail.booking
        return labels.linked("bookings_booking_change", booking.pk, labels.place_of(booking), str(booking))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With its text, for those who may see personal data."""
        mail = self.get_object(request, unquote(object_id))
        more = self._read(request, mail) if _is_here(mail) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def _read(self, request: HttpRequest, mail: Mail) -> dict[str, Any]:
        booking, may_read = mail.booking, request.user.has_perm(roles.PII)
        shown = display.describe(mail, booking, request.user, timezone.now())
        return {
            "shown": shown,
            "actions": [ACTIONS[choice] for choice in shown.choices],
            "reach": bool(may_read and booking.customer and booking.customer.phone),
            "may_read": may_read,
            "words": display.content_of(mail, booking, request.user) if may_read else None,
            "names_another": display.names_another_station(mail, request.user),
            "language": rendering.language_of(booking),
        }

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The history of its booking, which records the decisions about emails."""
        mail = self.get_object(request, unquote(object_id))
        story = audit.story(mail.booking, request.user) if _is_here(mail) else []
        shown = {"story": story, "station": mail.station}
        return super().history_view(request, object_id, {**(extra_context or {}), **shown})

    def get_urls(self) -> list[Any]:
        url = path("preview/", self.admin_site.admin_view(self.preview_view), name="bookings_mail_preview")
        return [url, *super().get_urls()]

    @method_decorator(require_safe)
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Every email of a station in one language, with sample data."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        stations = list(Station.objects.visible_to(request.user))
        code = request.GET.get("station")
        station = next((one for one in stations if code in (None, one.code)), None)
        if station is None and code is not None:
            raise Http404
        requested = request.GET.get("language", "")
        language = requested if requested in dict(settings.LANGUAGES) or station is None else station.language
        shown = {
            **self.admin_site.each_context(request),
            "title": _("Emails to customers"),
            "opts": self.opts,
            "stations": stations,
            "station": station,
            "languages": settings.LANGUAGES,
            "language": language,
            "samples": _samples(station, language) if station else [],
        }
        return render(request, "admin/bookings/mail/preview.html", shown)

    def has_choose_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms([roles.MANAGE, *self.view_permissions, roles.CHANGE])

    @admin.action(description=ACTIONS[display.SEND_NOW][1], permissions=["choose"])
    def send_now(self, request: HttpRequest, chosen: QuerySet[Mail]) -> None:
        message = ngettext_lazy("%(count)d email is being sent now.", "%(count)d emails are being sent now.", "count")
        self._choose(request, chosen, mail_choices.send_now, message)

    @admin.action(description=ACTIONS[display.SEND_AGAIN][1], permissions=["choose"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Mail]) -> None:
        message = ngettext_lazy("%(count)d email will be sent again.", "%(count)d emails will be sent again.", "count")
        self._choose(request, chosen, mail_choices.send_again, message)

    @admin.action(description=ACTIONS[display.WITHHOLD][1], permissions=["choose"])
    def withhold(self, request: HttpRequest, chosen: QuerySet[Mail]) -> None:
        message = ngettext_lazy("%(count)d email will not be sent.", "%(count)d emails will not be sent.", "count")
        self._choose(request, chosen, mail_choices.withhold, message)

    def _choose(self, request: HttpRequest, chosen: QuerySet[Mail], choice: Callable[..., Mail], message: Any) -> None:
        done = each(self, request, chosen, lambda mail: choice(mail.pk, by=request.user))
        if done:
            self.message_user(request, message % {"count": done}, messages.SUCCESS)


def _samples(station: Station, language: str) -> list[Preview] | None:
    """None if the station's addresses cannot be used in an email."""
    try:
        return list(preview.previews_of(station, language, timezone.now()))
    except ValueError:
        return None


def _is_here(mail: Mail) -> bool:
    """Whether the booking is still at the station that the email was sent from."""
    try:
        return mail.booking.station_id == mail.station_id
    except Booking.DoesNotExist:  # at one that the person does not see
        return False


def _customer_column(request: HttpRequest) -> Callable[[Mail], str]:
    """The column with the customer, as the user may see them."""

    @admin.display(description=_("customer"))
    def who(mail: Mail) -> str:
        return labels.customer_name(mail.booking.customer, request.user) if _is_here(mail) else "–"

    return who

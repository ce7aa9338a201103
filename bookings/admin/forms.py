"""The form of a booking in Django's admin: calls the services, and shows their refusals at its fields."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.base import ServiceForm
from accounts.customers import Contact
from accounts.forms import LineField, LinesField, PastedEmailField
from bookings import services
from bookings.errors import Duplicate, InvalidStep, NotReschedulable, Past, SlotFull, TooEarly
from bookings.forms import AmountField
from bookings.models import Booking
from bookings.models.fields import EDITABLE_FIELDS
from bookings.models.status import NEW, RESCHEDULABLE, Status
from bookings.services.inputs import Draft, Place
from bookings.services.status_steps import next_steps
from bookings.views.refusals import counted_sentence
from core.errors import DomainError, Invalid
from core.limits import MAX_EMAIL, MAX_NAME, MAX_NOTES, MAX_PHONE, MAX_REFERENCE, MAX_SOURCE
from stations.access import Person
from stations.errors import NoSuchSlot, SlotClosed
from stations.models import Station

CONTACT = ("customer_name", "customer_email", "customer_phone")


class BookingForm(ServiceForm):
    """A booking with its place and status. Several changes at once are one transaction: the edit, then the step and the move.

    `seen_version` is the version that the form was filled with: it is refused if the booking has changed since.
    """

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    take_place = forms.BooleanField(
        label=_("Assign its slot again"),
        required=False,
        help_text=_("This booking no longer has a slot. Tick this, or choose another date or slot."),
    )
    customer_name = forms.CharField(label=_("New customer: name"), required=False, max_length=MAX_NAME)
    customer_email = PastedEmailField(label=_("New customer: email"), required=False, max_length=MAX_EMAIL)
    customer_phone = forms.CharField(label=_("New customer: phone"), required=False, max_length=MAX_PHONE)
    special_requests = LinesField(label=_("Special requests"), required=False, max_length=MAX_NOTES)
    total_due_cents = AmountField(label=_("Total"))
    deposit_due_cents = AmountField(label=_("Deposit"))
    source = LineField(label=_("Source"), required=False, max_length=MAX_SOURCE)
    external_ref = LineField(label=_("External reference"), required=False, max_length=MAX_REFERENCE)

    field_aliases = {
        "customer_id": "customer",
        "name": "customer_name",
        "email": "customer_email",
        "phone": "customer_phone",
    }
    error_fields = {
        Past: "slot",
        NoSuchSlot: "slot",
        SlotClosed: "slot",
        SlotFull: "slot",
        Duplicate: "external_ref",
        InvalidStep: "status",
        TooEarly: "status",
        NotReschedulable: "date",
    }

    class Meta:
        model = Booking
        fields = ("station", "date", "slot", "status", "customer", *sorted(EDITABLE_FIELDS))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = Booking.objects.filter(pk=self.instance.pk).select_related("station").first()
        if "seen_version" in self.fields:
            self.fields["seen_version"].initial = self.before.version if self.before else None
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.station = self._station()
        if "status" in self.fields:
            # Choices of the widget only: the service refuses other steps, after it has checked whether the form is stale.
            self.fields["status"].widget.choices = [(one.value, one.label) for one in self._steps()]

    def _station(self) -> Station:
        """Whose currency and decimal mark amounts are written in: the booking's station, or the one chosen for a new booking."""
        if self.before:
            return self.before.station
        stations: Any = self.fields["station"]
        try:
            chosen = stations.to_python(self.data.get(self.add_prefix("station")))
        except ValidationError:
            chosen = None
        return chosen or stations.queryset.first() or Station()

    def _steps(self) -> tuple[Status, ...]:
        if self.before is None:
            return NEW
        return Status(self.before.status), *next_steps(self.before, now=timezone.now())

    def clean_special_requests(self) -> str | None:
        return self.cleaned_data["special_requests"] or None

    def clean(self) -> dict[str, Any]:
        cleaned_data = super().clean() or {}
        chosen = cleaned_data.get("customer") if "customer" in self.changed_data else None
        if chosen and self._contact(cleaned_data):
            self.add_error("customer", gettext("Choose a customer or enter a new one, not both."))
        return cleaned_data

    def error_message(self, error: DomainError) -> str:
        return counted_sentence(error)

    def write(self, cleaned_data: Mapping[str, Any]) -> Booking:
        return self._change(self.before, cleaned_data) if self.before else self._create(cleaned_data)

    def _create(self, cleaned_data: Mapping[str, Any]) -> Booking:
        chosen = cleaned_data.get("customer")
        draft = Draft(
            station=cleaned_data["station"].code,
            date=cleaned_data["date"],
            slot=cleaned_data["slot"],
            status=Status(cleaned_data["status"]),
            customer=self._contact(cleaned_data),
            customer_id=chosen.pk if chosen else None,
            **{name: cleaned_data[name] for name in EDITABLE_FIELDS},
        )
        return services.create(draft, by=self.person)

    def _change(self, before: Booking, cleaned_data: Mapping[str, Any]) -> Booking:
        version = cleaned_data["seen_version"]
        if version is None:
            raise Invalid(gettext("This form is incomplete. Reload the page."))
        booking = before
        for change in self._changes(before, cleaned_data):
            booking = change(by=self.person, seen_version=version)
            version = booking.version
        return booking

    def _changes(self, before: Booking, cleaned_data: Mapping[str, Any]) -> list[Callable[..., Booking]]:
        """The service calls, in order. A step comes before the move if it leads to a status in which bookings can be moved."""
        to, status = (
            Place(cleaned_data["date"], cleaned_data["slot"], cleaned_data["station"].code),
            Status(cleaned_data["status"]),
        )
        changes: list[Callable[..., Booking]] = [partial(services.edit, before.pk, self._edits(cleaned_data))]
        if to != Place(before.date, before.slot, before.station.code) or cleaned_data.get("take_place"):
            changes.append(partial(_reschedule, before.pk, to=to))
        if status != before.status:
            step = partial(services.change_status, before.pk, status)
            changes.insert(1 if status in RESCHEDULABLE else len(changes), step)
        return changes

    def _edits(self, cleaned_data: Mapping[str, Any]) -> dict[str, Any]:
        """Only the fields that were changed on the form, as it may not show others, or not exactly."""
        edits: dict[str, Any] = {name: cleaned_data[name] for name in EDITABLE_FIELDS if name in self.changed_data}
        if contact := self._contact(cleaned_data):
            return {**edits, "customer": contact}
        if "customer" in self.changed_data:
            edits |= {"customer_id": cleaned_data["customer"].pk} if cleaned_data["customer"] else {"customer": None}
        return edits

    def _contact(self, cleaned_data: Mapping[str, Any]) -> Contact | None:
        contact = Contact(*(cleaned_data.get(name) or "" for name in CONTACT))
        return contact if contact.given else None


def _reschedule(booking_id: UUID, *, to: Place, by: Person, seen_version: int) -> Booking:
    return services.reschedule(booking_id, to=to, by=by, seen_version=seen_version, allow_running=True).booking

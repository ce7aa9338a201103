"""What people type into the pages, parsed and no more: the rules are the services'."""

from collections.abc import Collection, Sequence
from datetime import time
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.customers import Contact
from accounts.forms import LineField, LinesField, PastedEmailField
from accounts.models import Customer, User
from bookings.calendar.availability_text import describe_availability
from bookings.calendar.layout import MONTH_DAYS
from bookings.calendar.read_model import SlotAvailability
from bookings.models import Booking
from bookings.models.status import NEW, Status
from bookings.services.slot_offers import SlotOffer
from core import formats, money, validators
from core.limits import (
    MAX_CENTS,
    MAX_EMAIL,
    MAX_NAME,
    MAX_NOTES,
    MAX_PHONE,
    MAX_PLACES,
    MAX_REFERENCE,
    MAX_SLOTS,
    MAX_SOURCE,
)
from core.web.redisplay import RedisplayMixin
from stations.models import Station


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class IsoDateField(forms.DateField):
    """A date as browsers send it."""

    widget = DateInput
    input_formats = ("%Y-%m-%d",)
    default_validators = [validators.known_date]


class SlotField(forms.TimeField):
    """A slot's start, `HH:MM`."""

    input_formats = ("%H:%M",)


class AmountField(forms.Field):
    """An amount as the person writes it, in minor units of the station's currency. Empty is nothing due.

    A text field: browsers drop the comma from a number field where they know another decimal mark.
    """

    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    station: Station
    """Set by the form."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, initial=0, **options)

    def to_python(self, value: Any) -> int:
        if value in self.empty_values:
            return 0
        try:
            found = money.minor_units(str(value), self.station.currency, decimal_mark=self._decimal_mark())
        except ValueError as refusal:
            raise forms.ValidationError(str(refusal)) from None
        if found > MAX_CENTS:
            raise forms.ValidationError(_("This amount is too large."))
        return found

    def prepare_value(self, value: Any) -> Any:
        return (
            formats.format_amount(value, self.station.currency, self.station.country)
            if isinstance(value, int)
            else value
        )

    def _decimal_mark(self) -> str:
        """The person's own where an amount is written with three decimals as a rule, else only what the amount itself shows."""
        return formats.decimal_mark(self.station.country) if money.exponent(self.station.currency) > 2 else ""


class SlotSelect(forms.Select):
    """The slots of a day. Full and closed ones are shown, and cannot be chosen."""

    disabled_values: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        if value in self.disabled_values:
            option["attrs"]["disabled"] = True
        return option


class CalendarForm(forms.Form):
    """What stands in a calendar's address."""

    station = forms.CharField(required=False)
    date = IsoDateField(required=False)
    status = forms.ChoiceField(choices=[("", _("All statuses")), *Status.choices], required=False)
    customer = forms.UUIDField(required=False)
    booking = forms.UUIDField(required=False)


class SearchForm(forms.Form):
    q = forms.CharField(max_length=300)
    station = forms.CharField(required=False)


class StatusForm(forms.Form):
    status = forms.ChoiceField(choices=Status.choices)
    version = forms.IntegerField(min_value=1, max_value=10**9)


class GivenContactForm(forms.Form):
    """What becomes of an email or phone that came with a booking, with the versions of both that the person has seen."""

    do = forms.ChoiceField(choices=[("use", ""), ("dismiss", "")])
    field = forms.ChoiceField(choices=[("email", ""), ("phone", "")])
    version = forms.IntegerField(min_value=1, max_value=10**9)
    customer_version = forms.IntegerField(required=False, min_value=1, max_value=10**9)

    def seen(self) -> dict[str, int | None]:
        """As a service takes them."""
        return {
            "seen_version": self.cleaned_data["version"],
            "seen_customer": self.cleaned_data["customer_version"],
        }


class AdminGivenContactForm(GivenContactForm):
    """The same on a customer's page, where several bookings may have come with one."""

    booking = forms.UUIDField()


class MoveForm(forms.Form):
    """Where a booking shall go. `version` is the one that the person has seen."""

    station = forms.CharField(required=False)
    date = IsoDateField(label=_("Date"))
    slot = SlotField(label=_("Slot"))
    version = forms.IntegerField(required=False, min_value=1, max_value=10**9)
    next = forms.CharField(required=False)


class OutlookForm(forms.Form):
    """Which part of a calendar the person looks at while a booking is in their hand."""

    station = forms.CharField(required=False)
    first = IsoDateField()
    last = IsoDateField()

    def clean(self) -> dict[str, Any]:
        """The cleaned words, whose dates are as many as a month shows."""
        words = super().clean() or {}
        first, last = words.get("first"), words.get("last")
        if first and last and not 0 <= (last - first).days < MONTH_DAYS:
            raise forms.ValidationError(_("Request 1 to 42 days."))
        return words


class PartyForm(forms.Form):
    """What a booking says besides its place and its customer."""

    party_adults = forms.IntegerField(label=_("Adults"), min_value=0, max_value=MAX_PLACES, initial=2)
    party_kids = forms.IntegerField(label=_("Children"), min_value=0, max_value=MAX_PLACES, initial=0)
    slots = forms.IntegerField(label=_("Slots in a row"), min_value=1, max_value=MAX_SLOTS, initial=1)
    special_requests = LinesField(
        label=_("Special requests"), required=False, max_length=MAX_NOTES, widget=forms.Textarea(attrs={"rows": 3})
    )
    total_due_cents = AmountField(label=_("Total"))
    deposit_due_cents = AmountField(label=_("Deposit"))
    source = LineField(label=_("Source"), required=False, max_length=MAX_SOURCE)
    external_ref = LineField(label=_("External reference"), required=False, max_length=MAX_REFERENCE)

    def __init__(self, *args: Any, station: Station, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.station = station

    def party(self) -> dict[str, Any]:
        """The cleaned words as a service takes them."""
        names = PartyForm.base_fields
        found = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        if "special_requests" in found:
            found["special_requests"] = found["special_requests"] or None
        return found


class ContactForm(forms.Form):
    """Who a booking is for; all empty for a walk-in."""

    name = forms.CharField(
        label=_("Name"), required=False, max_length=MAX_NAME, widget=forms.TextInput(attrs={"dir": "auto"})
    )
    email = PastedEmailField(label=_("Email"), required=False, max_length=MAX_EMAIL)
    phone = forms.CharField(label=_("Phone"), required=False, max_length=MAX_PHONE)

    def contact(self) -> Contact | None:
        contact = Contact(*(self.cleaned_data[name] for name in ("name", "email", "phone")))
        return contact if contact.given else None


class KnownContactForm(forms.Form):
    """Another email or phone of a customer who is known, and whether it shall be on file from now on."""

    new_email = PastedEmailField(label=_("New email"), required=False, max_length=MAX_EMAIL)
    new_phone = forms.CharField(label=_("New phone"), required=False, max_length=MAX_PHONE)
    save_contact = forms.BooleanField(label=_("Save for the customer"), required=False)

    service_names: ClassVar = {"email": "new_email", "phone": "new_phone"}
    """What a service calls them, and the form."""

    def new_contact(self, customer: Customer) -> Contact | None:
        contact = Contact(customer.name, self.cleaned_data["new_email"], self.cleaned_data["new_phone"])
        return contact if contact.email or contact.phone else None


class NewBookingForm(RedisplayMixin, PartyForm, ContactForm, KnownContactForm):
    """A new booking at a station, with the slots of its day to choose from.

    A slot that is no longer offered is read all the same, so that the rules say what is wrong with it.
    """

    field_order = ("date", "slot", "slots", "party_adults", "party_kids", "name", "email", "phone")
    date = IsoDateField(label=_("Date"))
    slot = forms.TypedChoiceField(label=_("Slot"), coerce=time.fromisoformat, widget=SlotSelect)
    status = forms.TypedChoiceField(
        label=_("Status"),
        coerce=Status,
        choices=[(one.value, one.label) for one in NEW],
        initial=Status.CONFIRMED,
    )

    def __init__(self, *args: Any, offer: SlotOffer, station: Station, **options: Any) -> None:
        preselected = f"{offer.preselected:%H:%M}" if offer.preselected else ""
        initial = {"date": offer.day, "slot": preselected}
        super().__init__(*args, station=station, **{"initial": initial, **options})
        slot = self.fields["slot"]
        slot.choices = slot_choices(offer.cells, station.country)  # type: ignore[attr-defined]
        offered = slot_choices(offer.bookable, station.country)
        if self["slot"].value() not in dict(offered):
            offered.insert(0, ("", _no_slot(station, offer)))
        slot.widget.choices = offered
        slot.widget.disabled_values = {f"{cell.slot.start:%H:%M}" for cell in offer.bookable if not cell.parties_left}

    def place_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("date", "slot", "slots", "party_adults", "party_kids")]

    def contact_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ContactForm.base_fields]

    def known_contact_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in KnownContactForm.service_names.values()]

    def other_fields(self) -> list[forms.BoundField]:
        shown = {*ContactForm.base_fields, *KnownContactForm.base_fields, *(one.name for one in self.place_fields())}
        return [one for one in self.visible_fields() if one.name not in shown]


class EditBookingForm(RedisplayMixin, PartyForm):
    """A booking's own words, without those that the person may not see."""

    version = forms.IntegerField(min_value=1, max_value=10**9, widget=forms.HiddenInput)

    def __init__(self, *args: Any, booking: Booking, **options: Any) -> None:
        initial = {name: getattr(booking, name) for name in [*PartyForm.base_fields, "version"]}
        super().__init__(*args, station=booking.station, **{"initial": initial, **options})

    def edits(self) -> dict[str, Any]:
        """Only what was changed on the form: what it cannot show exactly stays as it is."""
        return {name: value for name, value in self.party().items() if name in self.changed_data}


def _no_slot(station: Station, offer: SlotOffer) -> str:
    """What stands in the place of a slot that is not there to be chosen."""
    if not station.is_active:
        return str(_("This station takes no new bookings."))
    return str(_("Choose a slot") if offer.preselected else _("No free slots on this day. Choose another date."))


def slot_choices(cells: Sequence[SlotAvailability], country: str) -> list[tuple[str, str]]:
    """The slots of a day with what is left of each, closed ones with their reason."""
    return [
        (f"{cell.slot.start:%H:%M}", f"{formats.format_time(cell.slot.start, country)} · {describe_availability(cell)}")
        for cell in cells
    ]


class FeedForm(RedisplayMixin, forms.Form):
    """Which calendar another program shall read. Details are offered to those who may see them."""

    station = forms.ModelChoiceField(
        Station.objects.none(), label=_("Station"), required=False, empty_label=_("All my stations")
    )
    details = forms.BooleanField(label=_("With names, phone numbers, email and special requests"), required=False)

    def __init__(self, *args: Any, person: User, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["station"].queryset = Station.objects.visible_to(person)  # type: ignore[attr-defined]
        if not person.has_perm(roles.PII):
            del self.fields["details"]

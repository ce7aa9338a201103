"""Stations with their timetables in Django's admin; bookings are adapted to every change."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.admin.base import DATE_AND_TIME_INPUTS, ScopedAdmin
from accounts.admin.edit_conflicts import EditConflictMixin
from accounts.forms import LinesField
from accounts.models import AuditEntry
from bookings.errors import WouldDisplace, WouldRetime
from bookings.forms import IsoDateField, SlotField
from bookings.models import Booking
from bookings.privacy import retention
from bookings.services.timetable_changes import timetable_change
from core import formats
from core.errors import DomainError
from core.limits import MAX_PLACES
from core.mail import addresses
from core.web.redisplay import RedisplayMixin, redisplays
from stations.access import ALL_STATIONS
from stations.errors import Stale
from stations.models import MINUTES_A_DAY, Opening, Station, TimetableException, Versions, Weekday
from stations.timetable import local_now
from stations.week_builder import Week, build

if TYPE_CHECKING:
    _StationForm = ModelForm[Station]
    _Inline = admin.TabularInline[Any, Station]
    _FormSet = BaseInlineFormSet[Any, Station, Any]
else:
    _StationForm, _Inline, _FormSet = ModelForm, admin.TabularInline, BaseInlineFormSet

MAX_LISTED: Final = 50
"""Bookings listed in a refusal; the rest are counted."""


class StationForm(_StationForm):
    """A station's own fields, and the manager's consent to changes of upcoming bookings."""

    displace = forms.BooleanField(
        label=_("Displace bookings that no longer fit"),
        required=False,
        help_text=_("They are listed next to the calendar until moved. No booking is deleted."),
    )
    retime = forms.BooleanField(
        label=_("Recalculate the start of upcoming bookings"),
        required=False,
        help_text=_("With another time zone they keep their local time."),
    )
    refusal: DomainError | None = None

    class Meta:
        model = Station
        fields = (
            "code", "name", "time_zone", "country", "currency", "first_weekday", "language", "email", "phone", "address",
            "mail_from", "mail_reply_to", "mail_signature", "reminder_hours", "retention_months",
            "print_phone_numbers", "is_active",
        )  # fmt: skip
        field_classes = {"address": LinesField, "mail_signature": LinesField}

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        for name in ("email", "mail_from", "mail_reply_to"):
            if words.get(name) and not addresses.is_header_safe(words[name]):
                self.add_error(name, gettext("Emails can't be sent with this address. Enter another one."))
        if self.refusal:
            self.add_error(None, list(sentences_of(self.refusal)))
        return words


def sentences_of(refusal: DomainError) -> Iterable[str]:
    """A refusal for the form: its message and the bookings concerned, by place and number of guests."""
    yield str(refusal)
    bookings: Sequence[Booking] = refusal.data if isinstance(refusal, WouldDisplace | WouldRetime) else ()
    for booking in bookings[:MAX_LISTED]:
        country = booking.station.country
        place = f"{formats.format_date(booking.date, country)} {formats.format_time(booking.slot, country)}"
        guests = ngettext("%(count)d guest", "%(count)d guests", booking.total_guests) % {"count": booking.total_guests}
        yield f"{place}, {guests}: {booking}"
    if len(bookings) > MAX_LISTED:
        yield gettext("… and %(count)d more.") % {"count": len(bookings) - MAX_LISTED}


class TimetableFormSet(_FormSet):
    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if DELETION_FIELD_NAME in form.fields:
            form.fields[DELETION_FIELD_NAME].widget.attrs["aria-label"] = gettext("Delete")


class TimetableInline(_Inline):
    """Rows of a station's timetable, for the managers of the station."""

    extra = 0
    formset = TimetableFormSet
    formfield_overrides = DATE_AND_TIME_INPUTS

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """With the column's heading as its label, which Django's table does not repeat for each row."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field:
            field.widget.attrs["aria-label"] = capfirst(db_field.verbose_name)
        return field

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(roles.MANAGE)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(roles.MANAGE)


class ExceptionInline(TimetableInline):
    model = TimetableException
    fields = ("date", "slot", "closed", "capacity", "guest_capacity", "reason")
    ordering = ("-date", "slot")


class OpeningInline(TimetableInline):
    """Openings that are valid now or later. Past ones are left out: each new timetable adds hundreds of rows."""

    model = Opening
    fields = ("weekday", "start", "minutes", "capacity", "guest_capacity", "first_date", "last_date")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Opening]:
        yesterday = timezone.now().date() - timedelta(days=1)  # today in the westernmost time zone
        return super().get_queryset(request).filter(Q(last_date__isnull=True) | Q(last_date__gte=yesterday))


@admin.register(Station)
class StationAdmin(EditConflictMixin, ScopedAdmin):
    """The manager's stations. They are never deleted; only users with access to all stations add new ones."""

    form = StationForm
    change_form_template = "admin/stations/station/change_form.html"
    inlines = (ExceptionInline, OpeningInline)
    list_display = ("name", "code", "time_zone", "is_active")
    search_fields = ("name", "code")
    ordering = ("name", "code")
    fieldsets = (
        (None, {"fields": ("code", "name", "is_active")}),
        (_("Time and money"), {"fields": ("time_zone", "first_weekday", "country", "currency", "language")}),
        (_("Contact"), {"fields": ("email", "phone", "address")}),
        (_("Emails to customers"), {"fields": ("mail_from", "mail_reply_to", "mail_signature", "reminder_hours")}),
        (_("Customers' data"), {"fields": ("retention_months", "print_phone_numbers")}),
        (_("Effect on upcoming bookings"), {"fields": ("displace", "retime")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.has_perm(ALL_STATIONS)

    def versions_of(self, obj: Station) -> list[int]:
        return [obj.version, obj.timetable_version]

    def entries_about(self, obj: Station) -> QuerySet[AuditEntry]:
        kinds = ContentType.objects.get_for_models(Station, Opening, TimetableException).values()
        found: QuerySet[AuditEntry] = AuditEntry.objects.filter(station=obj, content_type__in=kinds)
        return found

    def latest_entry(self, obj: Station) -> int:
        """The newest entry of any kind at the station: searching for one about the timetable could take long."""
        latest: int | None = AuditEntry.objects.filter(station=obj).order_by("-id").values_list("id", flat=True).first()
        return latest or 0

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        return type(form.__name__, (form,), {"refusal": getattr(request, "refusal", None)})

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """A domain error rolls everything back and is shown on the form."""
        try:
            return super().changeform_view(request, *args, **options)
        except DomainError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **options)

    def save_model(self, request: HttpRequest, obj: Station, form: Any, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save station and timetable in one change, which also adapts the bookings."""
        agreed = {name: form.cleaned_data[name] for name in ("displace", "retime")}
        with timetable_change(form.instance, by=request.user, seen=Versions(*form.seen_versions or ()), **agreed):
            if change:
                self._save_changed(form)
            super().save_related(request, form, formsets, change)
        if "retention_months" in form.changed_data and form.instance.retention_months:
            self._warn_about_erasure(request, form.instance)

    def _warn_about_erasure(self, request: HttpRequest, station: Station) -> None:
        """Show how many customers will be erased, so that a mistyped number of months is noticed in time."""
        first = retention.first_retained_day(station, timezone.now())
        if count := retention.expired_customers(station, first).count():
            message = ngettext(
                "%(count)d customer had their last booking before %(day)s and will be erased within a day.",
                "%(count)d customers had their last booking before %(day)s and will be erased within a day.",
                count,
            )
            facts = {"count": count, "day": formats.format_date(first, station.country)}
            self.message_user(request, message % facts, messages.WARNING)

    def _save_changed(self, form: Any) -> None:
        """Only the fields that the form changed: the change counter may have grown since the station was read."""
        columns = {field.name for field in Station._meta.fields}
        changed = [name for name in form.changed_data if name in columns]
        if changed:
            form.instance.save(update_fields=changed)

    def get_urls(self) -> list[Any]:
        build_address = path(
            "<int:station_id>/build/", self.admin_site.admin_view(self.build_view), name="stations_station_build"
        )
        return [build_address, *super().get_urls()]

    @redisplays
    def build_view(self, request: HttpRequest, station_id: int) -> HttpResponse:
        """Preview a week of openings and the bookings that it would displace, then create it."""
        station = self.get_queryset(request).filter(pk=station_id).first()
        if station is None:
            raise Http404
        if not self.has_change_permission(request, station):
            raise PermissionDenied
        seen = {"timetable_version": station.timetable_version, "latest_entry": self.latest_entry(station)}
        today = local_now(station, timezone.now()).date()
        form = WeekForm(request.POST or None, initial={"first_date": today, **seen})
        made: list[Opening] = []
        if form.is_valid():
            is_confirmed = "build" in request.POST
            made = self._build(request, station, form, keep=is_confirmed)
            if made and is_confirmed:
                message = ngettext("%(count)d opening created.", "%(count)d openings created.", len(made))
                message = message % {"count": len(made)}
                self.message_user(request, message, messages.SUCCESS)
                return redirect(reverse("admin:stations_station_change", args=[station.pk]))
        shown = {**self.admin_site.each_context(request), "title": gettext("Build a week"), "station": station}
        shown |= {"form": form, "made": made, "opts": self.opts}
        return render(request, "admin/stations/station/build.html", shown)

    def _build(self, request: HttpRequest, station: Station, form: "WeekForm", *, keep: bool) -> list[Opening]:
        """Create the openings, or roll them back for a preview. Domain errors are shown on the form."""
        try:
            with transaction.atomic():
                seen = Versions(timetable=form.cleaned_data["timetable_version"])
                with timetable_change(station, by=request.user, displace=form.cleaned_data["displace"], seen=seen):
                    made = build(station, form.week())
                transaction.set_rollback(not keep)
        except Stale as refusal:
            who = self.who_changed(request, station, form.cleaned_data["latest_entry"] or 0)
            form.go_on_from(request.POST, refusal.data.timetable_version, self.latest_entry(station))
            message = gettext("%(who)s changed the opening hours meanwhile. Check them, then preview and build again.")
            form.add_error(None, message % {"who": who})
            return []
        except DomainError as refusal:
            form.add_error(None, list(sentences_of(refusal)))
            return []
        if not made:
            form.add_error(None, gettext("No slot of that length fits between these times."))
        return made


class WeekForm(RedisplayMixin, forms.Form):
    """“Every 30 minutes from 08:00 to 20:00, Monday to Friday, capacity 2.”"""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days"), coerce=int, choices=Weekday.choices, widget=forms.CheckboxSelectMultiple
    )
    start = SlotField(label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}))
    end = SlotField(label=_("To"), widget=forms.TimeInput(attrs={"type": "time"}))
    minutes = forms.IntegerField(label=_("Every … minutes"), min_value=5, max_value=MINUTES_A_DAY, initial=60)
    capacity = forms.IntegerField(label=_("Capacity, in parties"), min_value=1, max_value=MAX_PLACES, initial=1)
    guest_capacity = forms.IntegerField(
        label=_("Capacity, in guests"),
        min_value=1,
        max_value=MAX_PLACES,
        required=False,
        help_text=_("Leave empty for no limit."),
    )
    first_date = IsoDateField(label=_("First date"))
    last_date = IsoDateField(label=_("Last date"), required=False, help_text=_("Leave empty for no end date."))
    replace = forms.BooleanField(
        label=_("Replace the opening hours of these days"),
        required=False,
        initial=True,
        help_text=_("From the first date on. Earlier dates stay as they are."),
    )
    displace = forms.BooleanField(label=_("Displace bookings that no longer fit"), required=False)
    timetable_version = forms.IntegerField(required=False, max_value=10**9, widget=forms.HiddenInput)
    latest_entry = forms.IntegerField(required=False, max_value=10**18, widget=forms.HiddenInput)
    """The newest audit entry when the page was opened."""

    def go_on_from(self, posted: QueryDict, timetable_version: int, latest_entry: int) -> None:
        """Fill the form with the posted values and the current versions."""
        words = posted.copy()
        words["timetable_version"], words["latest_entry"] = str(timetable_version), str(latest_entry)
        self.data = words

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        first, last = words.get("first_date"), words.get("last_date")
        if first and last and last < first:
            self.add_error("last_date", gettext("The last date is before the first."))
        return words

    def week(self) -> Week:
        others = ("displace", "timetable_version", "latest_entry")
        return Week(**{name: value for name, value in self.cleaned_data.items() if name not in others})

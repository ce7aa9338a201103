"""Stations with their timetables in Django's admin; bookings are adapted to every change."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.forms.formsets import DELETION_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.choices import flatten_choices
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.admin.base import DATE_AND_TIME_INPUTS, ScopedAdmin
from accounts.admin.edit_conflicts import EditConflictMixin
from accounts.forms import LinesField
from accounts.models import AuditEntry
from bookings.admin.opening_hours import OpeningHoursPages
from bookings.admin.timetable_refusals import sentences_of
from bookings.privacy import retention
from bookings.services.timetable_changes import timetable_change
from core import formats, regions
from core.errors import DomainError
from core.mail import addresses
from stations.access import ALL_STATIONS
from stations.models import Opening, Station, TimetableException, Versions, Weekday

if TYPE_CHECKING:
    _StationForm = ModelForm[Station]
    _Inline = admin.TabularInline[Any, Station]
    _FormSet = BaseInlineFormSet[Any, Station, Any]
else:
    _StationForm, _Inline, _FormSet = ModelForm, admin.TabularInline, BaseInlineFormSet


class CountrySelect(forms.Select):
    """The countries, each with what is usual there, for the page's script."""

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        usual = {"currency": regions.usual_currency(value), "weekday": regions.usual_first_weekday(value)}
        option["attrs"] |= {f"data-{fact}": text for fact, text in usual.items()}
        return option


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
    person: Any = None
    """The user; `ScopedAdmin` sets it."""

    class Meta:
        model = Station
        fields = (
            "code", "name", "time_zone", "country", "currency", "first_weekday", "language", "email", "phone", "address",
            "mail_from", "mail_reply_to", "mail_signature", "reminder_hours", "retention_months",
            "print_phone_numbers", "is_active",
        )  # fmt: skip
        field_classes = {"address": LinesField, "mail_signature": LinesField}
        help_texts: ClassVar = {"country": _("Used for phone numbers without a country code.")}
        widgets: ClassVar = {
            "time_zone": forms.Select,
            "country": CountrySelect,
            "currency": forms.Select,
            "address": forms.Textarea(attrs={"rows": 3}),
            "mail_signature": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        choices: dict[str, list[Any]] = {
            "time_zone": regions.time_zones(),
            "country": regions.countries(),
            "currency": regions.currencies(),
        }
        for name in choices.keys() & self.fields.keys():
            self._offer(name, choices[name])
        if self.instance._state.adding and "first_weekday" in self.fields:
            self._follow_the_country()

    def _offer(self, name: str, choices: list[Any]) -> None:
        """Set what is offered, and keep a value that is not among it, such as the old name of a time zone."""
        current = self.data.get(self.add_prefix(name)) or getattr(self.instance, name)
        is_known = any(current == value for value, _label in flatten_choices(choices))  # type: ignore[var-annotated]
        widget: Any = self.fields[name].widget
        widget.choices = choices if is_known else [(current, current), *choices]

    def _follow_the_country(self) -> None:
        weekday: Any = self.fields["first_weekday"]
        weekday.required, weekday.initial = False, None
        weekday.widget.choices = [("", _("as usual in the country")), *Weekday.choices]
        self.initial.pop("first_weekday", None)

    def clean(self) -> dict[str, Any]:
        words = super().clean() or {}
        if words.get("first_weekday") in self.fields["first_weekday"].empty_values and words.get("country"):
            words["first_weekday"] = regions.usual_first_weekday(words["country"])
        for name in ("email", "mail_from", "mail_reply_to"):
            if words.get(name) and not addresses.is_header_safe(words[name]):
                self.add_error(name, gettext("Emails can't be sent with this address. Enter another one."))
        if self.refusal:
            self.add_error(None, list(sentences_of(self.refusal, self.person)))
        return words


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
    ordering = ("date", "slot")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TimetableException]:
        return super().get_queryset(request).filter(date__gte=_yesterday())


class OpeningInline(TimetableInline):
    """Openings that are valid now or later. Past ones are left out: each new timetable adds hundreds of rows."""

    classes = ("collapse",)
    model = Opening
    fields = ("weekday", "start", "minutes", "capacity", "guest_capacity", "first_date", "last_date")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Opening]:
        return super().get_queryset(request).filter(Q(last_date__isnull=True) | Q(last_date__gte=_yesterday()))


def _yesterday() -> date:
    """Today in the westernmost time zone, or the day before it."""
    return timezone.now().date() - timedelta(days=1)


@admin.register(Station)
class StationAdmin(OpeningHoursPages, EditConflictMixin, ScopedAdmin):
    """The manager's stations. They are never deleted; only users with access to all stations add new ones."""

    form = StationForm
    change_form_template = "admin/stations/station/change_form.html"
    inlines = (ExceptionInline, OpeningInline)
    list_display = ("name", "code", "time_zone", "is_active")
    search_fields = ("name", "code")
    ordering = ("name", "code")
    fieldsets = (
        (None, {"fields": (("name", "code", "is_active"),)}),
        (_("Time and money"), {"fields": (("country", "time_zone"), ("currency", "first_weekday", "language"))}),
        (_("Contact"), {"fields": (("email", "phone"), "address")}),
        (
            _("Emails to customers"),
            {"fields": (("mail_from", "mail_reply_to"), ("mail_signature", "reminder_hours"))},
        ),
        (_("Customers' data"), {"fields": (("retention_months", "print_phone_numbers"),)}),
        (_("Effect on upcoming bookings"), {"fields": (("displace", "retime"),)}),
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

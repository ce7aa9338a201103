"""The audit log in Django's admin, read-only: who changed what, when, and from where."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Max, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import delegation, roles
from accounts.admin.base import ScopedAdmin, StationFilter, local_zone, rendered
from accounts.audit import bulk_reads, visibility
from accounts.audit.bulk_reads import Read, ReadEvent
from accounts.audit.origin import REDACTED, Channel, CustomerEvent
from accounts.audit.recorder import MOVED_FROM, describe_customer_entry, field_label
from accounts.audit.visibility import VisibleStations
from accounts.models import AuditEntry, Customer
from accounts.views.reauthentication import require
from bookings import audit
from bookings.admin import labels
from bookings.audit import Event
from bookings.importing import export as exporting
from bookings.models import Booking
from core import formats
from stations.models import Station

if TYPE_CHECKING:
    from django.db.models import Model

BATCH_SIZE = 500
MAX_CHARACTERS_LISTED: Final = 130
EMPTY_VALUES: Final = (None, "None", "")
"""How auditlog writes a missing value."""
WITH_OWN_SENTENCE = (CustomerEvent.REVEALED, CustomerEvent.EXPORTED, CustomerEvent.ERASED)
"""Events that are described by a sentence of their own instead of by the fields that changed."""
EXPORT_HEADER: Final = ("when", "who", "from", "address", "station", "of", "id", "event", "what")


class ActorFilter(admin.SimpleListFilter):
    """Colleagues of the manager; others can be searched by email."""

    title = _("user")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        return list(delegation.visible_people(request.user).values_list("pk", "email"))  # type: ignore[arg-type]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if not wanted:
            return queryset
        colleagues = delegation.visible_people(request.user)  # type: ignore[arg-type]
        return queryset.filter(~_from_elsewhere(request), actor__in=colleagues.filter(pk=wanted).values("pk"))


class ChannelFilter(admin.ChoicesFieldListFilter):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = gettext("channel")


class EventFilter(admin.SimpleListFilter):
    title = _("type")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        others = [
            ("password", gettext("New password")),
            ("password_link", gettext("Link for a new password")),
            ("ended", gettext("All access revoked")),
            ("session_ended", gettext("Session ended")),
            ("factor", gettext("Two-factor authentication set up")),
            ("factor_gone", gettext("Two-factor authentication removed")),
            ("recovery_codes", gettext("New recovery codes")),
            ("renewed", gettext("New address of a feed")),
            ("retention_notice", gettext("Notice before customers are erased")),
        ]
        own = {one.value: str(one.label) for one in (*CustomerEvent, *Event, *ReadEvent)}
        return [*own.items(), *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


class AuditChangeList(ChangeList):
    """Adds to each entry shown the name and address of what it is about (`subject`), with one query for each kind."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        attach_subjects(self.result_list, request.user)


def attach_subjects(entries: Sequence[Any], person: Any) -> None:
    """Set `subject` on each entry: a link to what it is about, or its text where the person may not see that now."""
    subjects = subjects_of(entries, person)
    for entry in entries:
        entry.subject = subjects.get((entry.content_type_id, entry.object_pk), entry.object_repr)


def subjects_of(entries: Iterable[AuditEntry], person: Any) -> dict[tuple[int, str], str]:
    """Links to the bookings and customers of the entries that the person may see now, with their names, by type and key."""
    if not person.has_perm(roles.VIEW):
        return {}
    found: dict[tuple[int, str], str] = {}
    of_bookings, bookings = _keys(entries, Booking)
    for booking in Booking.objects.visible_to(person).filter(pk__in=bookings).select_related("customer"):
        name = labels.customer_name(booking.customer, person)
        found[of_bookings, str(booking.pk)] = labels.linked("bookings_booking_change", booking.pk, name, str(booking))
    of_customers, known = _keys(entries, Customer)
    for customer in Customer.objects.visible_to(person).filter(pk__in=known):
        name = labels.customer_name(customer, person)
        found[of_customers, str(customer.pk)] = labels.linked(
            "accounts_customer_change", customer.pk, name, str(customer)
        )
    return found


def _keys(entries: Iterable[AuditEntry], model: "type[Model]") -> tuple[int, set[str]]:
    """The model's content type, and the keys of its objects that the entries are about."""
    kind: int = ContentType.objects.get_for_model(model).pk
    return kind, {entry.object_pk for entry in entries if entry.content_type_id == kind}


class AuditAdmin(ScopedAdmin):
    """The entries of the manager's stations. Entries without a station are for users with access to all stations."""

    change_permissions = None
    list_filter = (
        StationFilter,
        ActorFilter,
        ("channel", ChannelFilter),
        EventFilter,
        ("timestamp", admin.DateFieldListFilter),
    )
    list_select_related = ("station",)
    date_hierarchy = "timestamp"
    search_fields = ("object_pk__exact", "actor_email__iexact")
    search_help_text = _("The full ID of a booking, customer or station, or the email of the person who changed it.")
    ordering = ("-id",)
    actions = ("export",)

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return AuditChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """“Today” and the days to choose from are those of the stations, where they share a time zone."""
        with timezone.override(local_zone(request)):
            return rendered(super().changelist_view(request, extra_context))

    def title_of(self, request: HttpRequest, obj: AuditEntry) -> str:
        return describe(obj, Station.objects.visible_codes(request.user))

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        what, who, channel = _columns(request, "what", "who", "channel")
        return ("when", _shortened(what), "subject", who, "station", channel)

    @admin.display(description=_("when"), ordering="timestamp")
    def when(self, entry: AuditEntry) -> str:
        return labels.local_moment(entry.timestamp, entry.station)

    @admin.display(description=_("about"))
    def subject(self, entry: AuditEntry) -> str:
        return str(getattr(entry, "subject", entry.object_repr))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        who, channel, address, request_id, what = _columns(
            request, "who", "channel", "remote_addr", "request_id", "what"
        )
        return ("when", what, "subject", who, channel, "station", address, request_id, "object_pk")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuditEntry:
        entry: AuditEntry = super().get_object(request, object_id, from_field)
        attach_subjects([entry], request.user)
        return entry

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """A search by person does not find entries whose origin the manager may not see."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        by_id = Q(object_pk=search_term.strip())
        return (found.filter(by_id | ~_from_elsewhere(request)) if search_term else found), has_duplicates

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, chosen: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        require(request)
        bulk_reads.record(_reads(chosen))
        seen = Station.objects.visible_codes(request.user)
        entries = chosen.select_related("station").iterator(chunk_size=BATCH_SIZE)
        lines: Iterator[str] = exporting.csv_lines(EXPORT_HEADER, (_row(entry, seen) for entry in entries))
        headers = {"Content-Disposition": 'attachment; filename="audit-trail.csv"'}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as one person may see it: the origin is left out if it is a station that they may not see."""

    who: str
    channel: str
    remote_addr: str
    request_id: str
    what: str


LABELS: Final = {
    "who": _("user"),
    "channel": _("channel"),
    "remote_addr": _("address"),
    "request_id": _("request"),
    "what": _("what"),
}


def shown(entry: AuditEntry, seen: VisibleStations) -> ShownEntry:
    """`seen` are the codes of the stations that the person may see, None for all."""
    if visibility.hides_origin(entry, seen):
        return ShownEntry(gettext("someone at another station"), "", "", "", describe(entry, seen))
    who = entry.actor_email or (gettext("a command") if entry.channel == Channel.COMMAND else "–")
    return ShownEntry(who, entry.channel, entry.remote_addr or "", entry.cid or "", describe(entry, seen))


def _columns(request: HttpRequest, *names: str) -> Iterator[Callable[[AuditEntry], str]]:
    """Columns with what the user may see."""
    seen = Station.objects.visible_codes(request.user)
    return (_column(name, seen) for name in names)


def _column(name: str, seen: VisibleStations) -> Callable[[AuditEntry], str]:
    @admin.display(description=LABELS[name], ordering="channel" if name == "channel" else None)
    def column(entry: AuditEntry) -> str:
        shown_entry = shown(entry, seen)
        if name == "channel" and shown_entry.channel:
            return str(Channel(shown_entry.channel).label)
        return getattr(shown_entry, name) or "–"

    column.__name__ = name
    return column


def _shortened(column: Callable[[AuditEntry], str]) -> Callable[[AuditEntry], str]:
    """The column for a list: at most three lines. The entry's own page has all of it."""

    @admin.display(description=LABELS["what"])
    def what(entry: AuditEntry) -> str:
        return Truncator(column(entry)).chars(MAX_CHARACTERS_LISTED)

    return what


def _from_elsewhere(request: HttpRequest) -> Q:
    """The entries whose origin the user may not see, as in `accounts.audit.visibility.hides_origin`."""
    seen = Station.objects.visible_codes(request.user)
    if seen is None:
        return Q(pk__in=[])
    of_bookings = Q(event=Event.CAME) & ~Q(changes__station__0__in=[*seen])
    of_customers = Q(changes__moved_from__0__isnull=False) & ~Q(changes__moved_from__0__in=[*seen])
    return of_bookings | of_customers


def _row(entry: AuditEntry, seen: VisibleStations) -> list[str]:
    shown_entry = shown(entry, seen)
    return [
        entry.timestamp.isoformat(),
        shown_entry.who,
        shown_entry.channel,
        shown_entry.remote_addr,
        entry.station.code if entry.station else "",
        entry.object_repr,
        entry.object_pk,
        entry.event,
        shown_entry.what,
    ]


def _reads(chosen: QuerySet[AuditEntry]) -> Iterator[Read]:
    """The number of entries by station."""
    at_each = chosen.order_by().values_list("station").annotate(Count("pk"), Min("timestamp"), Max("timestamp"))
    for station_id, count, first, last in at_each:
        yield Read(ReadEvent.LOG_EXPORTED, station_id, bulk_reads.STAFF_FIELDS, count, first.date(), last.date())


def describe(entry: AuditEntry, seen: VisibleStations) -> str:
    """The sentence of an entry."""
    changes = entry.changes if isinstance(entry.changes, dict) else {}
    model = ContentType.objects.get_for_id(entry.content_type_id).model_class()
    if model is Booking and entry.event != Event.EDITED:
        return audit.entry_sentence(entry, entry.station.country if entry.station else formats.NO_COUNTRY, seen)
    if entry.event in ReadEvent.values:
        return bulk_reads.describe(entry.event, changes)
    if entry.action == AuditEntry.Action.DELETE:
        return gettext("Deleted")
    if model is Customer and entry.event in WITH_OWN_SENTENCE:
        return describe_customer_entry(entry.event, changes)
    if entry.action == AuditEntry.Action.CREATE:
        return f"{gettext('Created')}: {'; '.join(_given(model, changes))}"
    if entry.event == "retention_notice":
        facts = {"count": changes["customers_due"][1], "date": changes["erased_from"][1]}
        return gettext("Notice to managers: %(count)s customers due, erased from %(date)s") % facts
    named = {name: change for name, change in changes.items() if name != MOVED_FROM}
    return capfirst("; ".join(_changed(field_label(model, name), change) for name, change in named.items()))


def _given(model: "type[Model] | None", changes: Mapping[str, Any]) -> Iterator[str]:
    """The values that an object was created with, except its key, what is off, and the rows that refer to it."""
    own = {field.name for field in model._meta.concrete_fields if not field.primary_key} if model else set(changes)
    for name, (_old, new) in changes.items():
        if name in own and new not in (*EMPTY_VALUES, "False"):
            yield field_label(model, name) if new == REDACTED else f"{field_label(model, name)}: {new}"


def _changed(label: str, change: Any) -> str:
    if isinstance(change, Mapping):
        message = (
            gettext("%(field)s: added %(things)s")
            if change["operation"] == "add"
            else gettext("%(field)s: removed %(things)s")
        )
        return message % {"field": label, "things": ", ".join(map(str, change["objects"]))}
    old, new = ("–" if one in EMPTY_VALUES else one for one in change)
    return label if new == REDACTED else f"{label}: {old} → {new}"

"""The audit trail in Django's admin: who changed what, when, and from where; to be read, never to be written."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import bulk_reads, people
from accounts.audit import HIDDEN, Channel, CustomerEvent, field_label, sentence
from accounts.bulk_reads import Read, ReadEvent
from accounts.models import AuditEntry, Customer
from accounts.scoping import ScopedAdmin, StationFilter
from accounts.views.reauthentication import require
from bookings import audit, exporting
from bookings.audit import Event
from bookings.models import Booking
from stations import wording

if TYPE_CHECKING:
    from django.db.models import Model

ROWS_AT_ONCE = 500
NOTHING = (None, "None", "")
"""auditlog writes what is not there as a word."""
TOLD_BY_NAME = (CustomerEvent.REVEALED, CustomerEvent.EXPORTED, CustomerEvent.ERASED)
"""What is more, or less, than a change of the fields it names."""
EXPORTED = ("when", "who", "from", "address", "station", "of", "id", "event", "what")


class ActorFilter(admin.SimpleListFilter):
    """Colleagues of the manager; anybody else who was there is found by e-mail."""

    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        return list(people.visible_people(request.user).values_list("pk", "email"))  # type: ignore[arg-type]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if not wanted:
            return queryset
        colleagues = people.visible_people(request.user)  # type: ignore[arg-type]
        return queryset.filter(actor__in=colleagues.filter(pk=wanted).values("pk"))


class EventFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        others = [
            ("password", gettext("New password")),
            ("password_link", gettext("Link for a new password")),
            ("ended", gettext("Ended everywhere")),
            ("session_ended", gettext("Session ended")),
            ("factor", gettext("Second factor set up")),
            ("factor_gone", gettext("Second factor taken away")),
            ("recovery_codes", gettext("New recovery codes")),
            ("renewed", gettext("New address of a feed")),
        ]
        own = {one.value: str(one.label) for one in (*CustomerEvent, *Event, *ReadEvent)}
        return [*own.items(), *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(event=self.value()) if self.value() else queryset


class AuditAdmin(ScopedAdmin):
    """The entries of the manager's stations; those of no station are for whoever has every station."""

    to_change = None
    list_display = ("timestamp", "who", "channel", "station", "object_repr", "what")
    list_filter = (StationFilter, "channel", EventFilter, ActorFilter, ("timestamp", admin.DateFieldListFilter))
    list_select_related = ("station",)
    date_hierarchy = "timestamp"
    search_fields = ("object_pk__exact", "actor_email__iexact")
    search_help_text = _("The whole id of a booking, customer or station, or the e-mail of who changed it.")
    ordering = ("-id",)
    fields = ("timestamp", "who", "channel", "remote_addr", "cid", "station", "object_repr", "object_pk", "what")
    readonly_fields = fields
    actions = ("export",)

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_email or (gettext("a command") if entry.channel == Channel.COMMAND else "–")

    @admin.display(description=_("what"))
    def what(self, entry: AuditEntry) -> str:
        return told(entry)

    @admin.action(description=_("Export as CSV"), permissions=["export"])
    def export(self, request: HttpRequest, chosen: QuerySet[AuditEntry]) -> StreamingHttpResponse:
        require(request)
        bulk_reads.record(_reads(chosen))
        rows = (self._row(entry) for entry in chosen.select_related("station").iterator(chunk_size=ROWS_AT_ONCE))
        lines: Iterator[str] = exporting.csv_lines(EXPORTED, rows)
        headers = {"Content-Disposition": 'attachment; filename="audit-trail.csv"'}
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)

    def _row(self, entry: AuditEntry) -> list[str]:
        return [
            entry.timestamp.isoformat(),
            self.who(entry),
            entry.channel,
            entry.remote_addr or "",
            entry.station.code if entry.station else "",
            entry.object_repr,
            entry.object_pk,
            entry.event,
            told(entry),
        ]


def _reads(chosen: QuerySet[AuditEntry]) -> Iterator[Read]:
    """How many entries of each station, and of none, there are."""
    at_each = chosen.order_by().values_list("station").annotate(Count("pk"), Min("timestamp"), Max("timestamp"))
    for station_id, count, first, last in at_each:
        yield Read(ReadEvent.LOG_EXPORTED, station_id, bulk_reads.STAFF, count, first.date(), last.date())


def told(entry: AuditEntry) -> str:
    """What an entry says, in a sentence. A booking that left is followed no further than the door: where it went is theirs."""
    changes = entry.changes if isinstance(entry.changes, dict) else {}
    model = ContentType.objects.get_for_id(entry.content_type_id).model_class()
    if model is Booking and entry.event != Event.EDITED:
        return audit.sentence(entry.event, changes, entry.station.country if entry.station else wording.ANYWHERE)
    if entry.event in ReadEvent.values:
        return bulk_reads.sentence(entry.event, changes)
    if entry.action == AuditEntry.Action.DELETE:
        return gettext("Deleted")
    if model is Customer and entry.event in TOLD_BY_NAME:
        return sentence(entry.event, changes)
    if entry.action == AuditEntry.Action.CREATE:
        return f"{gettext('Created')}: {'; '.join(_given(model, changes))}"
    return capfirst("; ".join(_changed(field_label(model, name), change) for name, change in changes.items()))


def _given(model: "type[Model] | None", changes: Mapping[str, Any]) -> Iterator[str]:
    """What something was made with, but for what it does not say itself: its key, and the rows that point at it."""
    own = {field.name for field in model._meta.concrete_fields if not field.primary_key} if model else set(changes)
    for name, (_old, new) in changes.items():
        if name in own and new not in NOTHING:
            yield field_label(model, name) if new == HIDDEN else f"{field_label(model, name)}: {new}"


def _changed(label: str, change: Any) -> str:
    if isinstance(change, Mapping):
        said = (
            gettext("%(field)s: added %(things)s")
            if change["operation"] == "add"
            else gettext("%(field)s: took away %(things)s")
        )
        return said % {"field": label, "things": ", ".join(map(str, change["objects"]))}
    old, new = ("–" if one in NOTHING else one for one in change)
    return label if new == HIDDEN else f"{label}: {old} → {new}"

"""Two people with the same page of Django's admin open: the second to save is told what changed, and keeps what they typed.

A page carries what it was filled with (`Loaded`): the versions of what it shows, where it has any, and the value of every field.
If that is no longer so when it comes back, nothing is saved. The page is shown again with who changed what: fields that the
person touched have what they typed, all others what is there now, and the next save is about that.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from django import forms
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BoundField
from django.forms.formsets import DEFAULT_MAX_NUM, DELETION_FIELD_NAME
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.choices import flatten_choices
from django.utils.text import capfirst
from django.utils.translation import gettext

from accounts import delegation
from accounts.admin.base import ScopedAdmin
from accounts.audit import visibility
from accounts.models import AuditEntry, User
from stations.models import Station

if TYPE_CHECKING:
    _Admin = ScopedAdmin
else:
    _Admin = object

FIELD: Final = "loaded"
MAIN: Final = ""
"""The row of the form itself, beside those of its formsets."""
LINES_SHOWN: Final = 20
ABSOLUTE_MAX: Final = DEFAULT_MAX_NUM + 1000
"""Of the forms of a formset, as Django has it: nobody posts more."""

MAX_ID: Final = 2**63 - 1

Values = dict[str, list[str]]
"""By a field's name what a browser posts for it where nobody touches it."""


@dataclass(frozen=True, slots=True)
class Row:
    """A form on the page: what people call it, and its fields. `form` is there where it is about now."""

    label: str
    values: Values
    form: Any = field(default=None, compare=False)

    @classmethod
    def of(cls, label: str, form: Any) -> Self:
        shown = (one for one in form.visible_fields() if not one.field.disabled and one.name != DELETION_FIELD_NAME)
        return cls(label, {one.name: _posted_for(one) for one in shown}, form)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a page was filled with. `entry` is the latest audit entry about it by then: later ones say who changed it since."""

    versions: list[int] = field(default_factory=list)
    entry: int = 0
    rows: dict[str, Row] = field(default_factory=dict)

    def as_text(self) -> str:
        rows = {key: [row.label, row.values] for key, row in self.rows.items()}
        return json.dumps({"versions": self.versions, "entry": self.entry, "rows": rows})

    @classmethod
    def read(cls, text: str) -> "Loaded | None":
        """None for what `as_text` did not write: a program that posts without it has seen no page."""
        try:
            said = json.loads(text)
            rows = {key: Row(str(label), _checked(values)) for key, (label, values) in said["rows"].items()}
            return cls([int(one) for one in said["versions"]], min(max(int(said["entry"]), 0), MAX_ID), rows)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


def _checked(values: Mapping[str, list[str]]) -> Values:
    return {name: [str(one) for one in each] for name, each in values.items()}


class ConflictPages(_Admin):
    """Pages of an admin whose second writer is told. What they show is locked while it is compared and saved."""

    def locked(self, request: HttpRequest, obj: Any) -> Any:
        """The object, read again and locked. Override it where the services that change it lock another row."""
        return type(obj)._default_manager.select_for_update(no_key=True, of=("self",)).get(pk=obj.pk)

    def versions_of(self, obj: Any) -> list[int]:
        """What the services look at; empty where there is nothing such."""
        return []

    def entries_about(self, obj: Any) -> QuerySet[AuditEntry]:
        """What the audit log says of all that the page shows."""
        found: QuerySet[AuditEntry] = AuditEntry.objects.filter(object_pk=str(obj.pk))
        return found.filter(content_type__app_label=self.opts.app_label, content_type__model=self.opts.model_name)

    def latest_entry(self, obj: Any) -> int:
        """After which entries are news; 0 before any."""
        return self.entries_about(obj).order_by("-id").values_list("id", flat=True).first() or 0

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        loaded = Loaded.read(request.POST.get(FIELD, "")) if request.method == "POST" and object_id else None
        with transaction.atomic():
            if loaded and object_id:
                self._compare(request, self.get_object(request, unquote(object_id)), loaded)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _compare(self, request: HttpRequest, obj: Any, loaded: Loaded) -> None:
        """Notes on the request what the form has to know: the versions that it is about, and the conflict where there is one."""
        if not self.has_change_permission(request, obj):
            return
        obj = self.locked(request, obj)
        versions = self.versions_of(obj)
        if versions and versions == loaded.versions:
            request.seen_versions = versions  # type: ignore[attr-defined]
            return
        now = self._loaded_now(request, obj)
        if now.rows == loaded.rows:  # what changed is not on the page
            request.seen_versions = versions  # type: ignore[attr-defined]
            return
        request.conflict = Conflict(self.who_changed(request, obj, loaded.entry), loaded, now)  # type: ignore[attr-defined]
        request.POST = rebased(request.POST, loaded, now)  # type: ignore[assignment]

    def _loaded_now(self, request: HttpRequest, obj: Any) -> Loaded:
        """What the page would be filled with."""
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        form = self.get_form(request, obj, change=True, fields=fields)(instance=obj)
        formsets = []
        for formset, inline in self.get_formsets_with_inlines(request, obj):
            rows = {"instance": obj, "prefix": formset.get_default_prefix(), "queryset": inline.get_queryset(request)}
            formsets.append((formset(**rows), inline.opts))
        return self._loaded(obj, form, formsets)

    def _loaded(self, obj: Any, form: Any, formsets: Iterable[tuple[Any, Any]]) -> Loaded:
        rows = {MAIN: Row.of("", form)}
        for formset, opts in formsets:
            for one in formset.initial_forms:
                label = f"{capfirst(opts.verbose_name)} {one.instance}"
                rows[f"{formset.prefix}:{one.instance.pk}"] = Row.of(label, one)
        return Loaded(self.versions_of(obj), self.latest_entry(obj), rows)

    def who_changed(self, request: HttpRequest, obj: Any, entry: int) -> str:
        """Who changed it after that entry, by their emails: those whom the person may know of."""
        seen = Station.objects.codes_seen_by(request.user)
        changes = self.entries_about(obj).exclude(action=AuditEntry.Action.ACCESS)
        since = changes.filter(id__gt=entry).order_by("id").select_related("actor")
        return ", ".join(dict.fromkeys(_actor(one, request.user, seen) for one in since)) or gettext("someone")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        known = {name: getattr(request, name, None) for name in ("seen_versions", "conflict")}
        return type(form.__name__, (_Refusing, form), known)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """With what it is filled with; a form that is wrong in another way, with what it was filled with before."""
        obj, conflict = context.get("original"), getattr(request, "conflict", None)
        if conflict:
            context[FIELD] = conflict.now.as_text()
        elif request.method == "POST":
            context[FIELD] = request.POST.get(FIELD, "")
        elif obj is not None and self.has_change_permission(request, obj):
            formsets = ((one.formset, one.opts.opts) for one in context["inline_admin_formsets"])
            context[FIELD] = self._loaded(obj, context["adminform"].form, formsets).as_text()
        return super().render_change_form(request, context, *args, **options)


class _Refusing:
    """A form that is not valid where there is a conflict."""

    conflict: "Conflict | None"

    def clean(self) -> Any:
        words = super().clean()  # type: ignore[misc]
        if self.conflict:
            self.add_error(None, list(self.conflict.sentences()))  # type: ignore[attr-defined]
        return words


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who changed what since the page was opened."""

    who: str
    loaded: Loaded
    now: Loaded

    def sentences(self) -> Iterator[str]:
        yield gettext("%(who)s changed this while you had it open:") % {"who": self.who}
        lines = list(self._lines())
        yield from lines[:LINES_SHOWN]
        if len(lines) > LINES_SHOWN:
            yield gettext("… and %(count)d more.") % {"count": len(lines) - LINES_SHOWN}
        yield gettext("What you changed is kept, and everything else is as it is now. Check it, then save again.")

    def _lines(self) -> Iterator[str]:
        before, after = self.loaded.rows, self.now.rows
        for key in [*before, *(key for key in after if key not in before)]:
            if key not in after:
                yield gettext("%(thing)s: removed") % {"thing": before[key].label}
            elif key not in before:
                yield gettext("%(thing)s: added") % {"thing": after[key].label}
            else:
                yield from _differences(before[key], after[key])


def _differences(before: Row, after: Row) -> Iterator[str]:
    for name, new in after.values.items():
        old, bound = before.values.get(name, []), after.form[name]
        if old != new:
            where = ", ".join(filter(None, [after.label, capfirst(str(bound.label))]))
            yield f"{where}: {_shown(bound, old)} → {_shown(bound, new)}"


def _shown(bound: BoundField, values: Iterable[str]) -> str:
    """As the page shows it: the names of choices, and yes or no for a box."""
    if isinstance(bound.field, forms.BooleanField):
        return gettext("yes") if values else gettext("no")
    choices: Any = getattr(bound.field, "choices", ())
    labels: dict[str, str] = {str(value): str(label) for value, label in flatten_choices(choices)}  # type: ignore[var-annotated]
    return ", ".join(labels.get(one, one) for one in values) or "–"


def _actor(entry: AuditEntry, person: Any, seen: visibility.VisibleStations) -> str:
    if visibility.hides_origin(entry, seen):
        return gettext("someone at another station")
    actor: User | None = entry.actor
    if actor is None:
        return gettext("a command")
    may_know = actor.is_superuser or delegation.visible_people(person).filter(pk=actor.pk).exists()
    return actor.email if may_know else gettext("someone")


def _posted_for(bound: BoundField) -> list[str]:
    widget: Any = getattr(bound.field.widget, "widget", bound.field.widget)  # the admin wraps those of relations
    value = bound.value()
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if widget.check_test(value) else []
    formatted = widget.format_value(value)
    return _plain(formatted if isinstance(formatted, list | tuple) else [formatted])


def _plain(values: Iterable[Any]) -> list[str]:
    """To be compared: as a set, with one kind of line break."""
    return sorted({str(one).replace("\r\n", "\n") for one in values if one not in (None, "")})


def rebased(posted: QueryDict, loaded: Loaded, now: Loaded) -> QueryDict:
    """What was posted, with every field that the person left alone as it is now; rows that are gone are marked as deleted."""
    words = posted.copy()
    for prefix, key in _forms_of(posted, loaded):
        if key not in now.rows:
            words[f"{prefix}DELETE"] = "on"
            continue
        current = now.rows[key].values
        for name, before in loaded.rows[key].values.items():
            if _plain(posted.getlist(prefix + name)) == before and name in current:
                words.setlist(prefix + name, current[name])
    return words


def _forms_of(posted: QueryDict, loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Each form that came back of those that were there: the prefix of its names, and its row."""
    if MAIN in loaded.rows:
        yield "", MAIN
    for prefix in dict.fromkeys(key.partition(":")[0] for key in loaded.rows if key != MAIN):
        count = posted.get(f"{prefix}-TOTAL_FORMS", "")
        for index in range(min(int(count), ABSOLUTE_MAX) if count.isdecimal() else 0):
            key = f"{prefix}:{posted.get(f'{prefix}-{index}-id', '')}"
            if key in loaded.rows:
                yield f"{prefix}-{index}-", key

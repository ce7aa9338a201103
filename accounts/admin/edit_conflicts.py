"""Edit conflicts in Django's admin: the second person to save sees what changed, and keeps what they typed.

A page contains the state that it was filled with (`PageState`): the versions of the objects shown, if they have any, and the
value of each field. If that is outdated when the form is submitted, nothing is saved. The page is shown again with who changed
what; fields that the user edited keep their input, all others show the current values.
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
MAIN_FORM: Final = ""
"""The key of the main form, next to those of the formsets."""
MAX_LINES_SHOWN: Final = 20
ABSOLUTE_MAX: Final = DEFAULT_MAX_NUM + 1000
"""Django's limit for the number of forms in a formset."""

MAX_ID: Final = 2**63 - 1

Values = dict[str, list[str]]
"""What a browser posts for each field if nobody edits it."""


@dataclass(frozen=True, slots=True)
class FormState:
    """The label and values of a form on the page. `form` is set for the current state only."""

    label: str
    values: Values
    form: Any = field(default=None, compare=False)

    @classmethod
    def of(cls, label: str, form: Any) -> Self:
        shown = (one for one in form.visible_fields() if not one.field.disabled and one.name != DELETION_FIELD_NAME)
        return cls(label, {one.name: _posted_values(one) for one in shown}, form)


@dataclass(frozen=True, slots=True)
class PageState:
    """The state that a page was filled with. `entry` is the latest audit entry about it, so later ones say who changed it."""

    versions: list[int] = field(default_factory=list)
    entry: int = 0
    rows: dict[str, FormState] = field(default_factory=dict)

    def to_json(self) -> str:
        rows = {key: [row.label, row.values] for key, row in self.rows.items()}
        return json.dumps({"versions": self.versions, "entry": self.entry, "rows": rows})

    @classmethod
    def from_json(cls, text: str) -> "PageState | None":
        """None for anything that `to_json` did not write: a program that posts without a state has seen no page."""
        try:
            data = json.loads(text)
            rows = {key: FormState(str(label), _checked(values)) for key, (label, values) in data["rows"].items()}
            return cls([int(one) for one in data["versions"]], min(max(int(data["entry"]), 0), MAX_ID), rows)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


def _checked(values: Mapping[str, list[str]]) -> Values:
    return {name: [str(one) for one in each] for name, each in values.items()}


class EditConflictMixin(_Admin):
    """Detects edit conflicts on the pages of an admin. The objects are locked while they are compared and saved."""

    def locked(self, request: HttpRequest, obj: Any) -> Any:
        """Read the object again, locked. Override this if the services that change it lock another row."""
        return type(obj)._default_manager.select_for_update(no_key=True, of=("self",)).get(pk=obj.pk)

    def versions_of(self, obj: Any) -> list[int]:
        """The versions that the services compare; empty if the object has none."""
        return []

    def entries_about(self, obj: Any) -> QuerySet[AuditEntry]:
        """The audit entries about everything on the page."""
        found: QuerySet[AuditEntry] = AuditEntry.objects.filter(object_pk=str(obj.pk))
        return found.filter(content_type__app_label=self.opts.app_label, content_type__model=self.opts.model_name)

    def latest_entry(self, obj: Any) -> int:
        """The ID of the latest entry about the object; 0 for none."""
        return self.entries_about(obj).order_by("-id").values_list("id", flat=True).first() or 0

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        loaded = PageState.from_json(request.POST.get(FIELD, "")) if request.method == "POST" and object_id else None
        with transaction.atomic():
            if loaded and object_id:
                self._detect_conflict(request, self.get_object(request, unquote(object_id)), loaded)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def _detect_conflict(self, request: HttpRequest, obj: Any, loaded: PageState) -> None:
        """Set `seen_versions` on the request or, if there is a conflict, `conflict`. The form reads both."""
        if not self.has_change_permission(request, obj):
            return
        obj = self.locked(request, obj)
        versions = self.versions_of(obj)
        if versions and versions == loaded.versions:
            request.seen_versions = versions  # type: ignore[attr-defined]
            return
        now = self._current_state(request, obj)
        if now.rows == loaded.rows:  # the change is not visible on the page
            request.seen_versions = versions  # type: ignore[attr-defined]
            return
        request.conflict = Conflict(self.who_changed(request, obj, loaded.entry), loaded, now)  # type: ignore[attr-defined]
        request.POST = rebase(request.POST, loaded, now)  # type: ignore[assignment]

    def _current_state(self, request: HttpRequest, obj: Any) -> PageState:
        """The state that the page would be filled with now."""
        fields = flatten_fieldsets(self.get_fieldsets(request, obj))
        form = self.get_form(request, obj, change=True, fields=fields)(instance=obj)
        formsets = []
        for formset, inline in self.get_formsets_with_inlines(request, obj):
            rows = {"instance": obj, "prefix": formset.get_default_prefix(), "queryset": inline.get_queryset(request)}
            formsets.append((formset(**rows), inline.opts))
        return self._page_state(obj, form, formsets)

    def _page_state(self, obj: Any, form: Any, formsets: Iterable[tuple[Any, Any]]) -> PageState:
        rows = {MAIN_FORM: FormState.of("", form)}
        for formset, opts in formsets:
            for one in formset.initial_forms:
                label = f"{capfirst(opts.verbose_name)} {one.instance}"
                rows[f"{formset.prefix}:{one.instance.pk}"] = FormState.of(label, one)
        return PageState(self.versions_of(obj), self.latest_entry(obj), rows)

    def who_changed(self, request: HttpRequest, obj: Any, entry: int) -> str:
        """Who changed the object after that entry, by email as far as the user may know them."""
        seen = Station.objects.visible_codes(request.user)
        changes = self.entries_about(obj).exclude(action=AuditEntry.Action.ACCESS)
        since = changes.filter(id__gt=entry).order_by("id").select_related("actor")
        return ", ".join(dict.fromkeys(_actor(one, request.user, seen) for one in since)) or gettext("someone")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        attributes = {name: getattr(request, name, None) for name in ("seen_versions", "conflict")}
        return type(form.__name__, (_ConflictFormMixin, form), attributes)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Add the page's state: the current one, or the original one if the form is shown again for another error."""
        obj, conflict = context.get("original"), getattr(request, "conflict", None)
        if conflict:
            context[FIELD] = conflict.now.to_json()
        elif request.method == "POST":
            context[FIELD] = request.POST.get(FIELD, "")
        elif obj is not None and self.has_change_permission(request, obj):
            formsets = ((one.formset, one.opts.opts) for one in context["inline_admin_formsets"])
            context[FIELD] = self._page_state(obj, context["adminform"].form, formsets).to_json()
        return super().render_change_form(request, context, *args, **options)


class _ConflictFormMixin:
    """Makes a form invalid if there is a conflict."""

    conflict: "Conflict | None"

    def clean(self) -> Any:
        cleaned_data = super().clean()  # type: ignore[misc]
        if self.conflict:
            self.add_error(None, list(self.conflict.sentences()))  # type: ignore[attr-defined]
        return cleaned_data


@dataclass(frozen=True, slots=True)
class Conflict:
    """Who has changed what since the page was opened."""

    who: str
    loaded: PageState
    now: PageState

    def sentences(self) -> Iterator[str]:
        yield gettext("%(who)s changed this while you had it open:") % {"who": self.who}
        lines = list(self._lines())
        yield from lines[:MAX_LINES_SHOWN]
        if len(lines) > MAX_LINES_SHOWN:
            yield gettext("… and %(count)d more.") % {"count": len(lines) - MAX_LINES_SHOWN}
        yield gettext("What you changed is kept, and everything else is as it is now. Check it, then save again.")

    def _lines(self) -> Iterator[str]:
        before, after = self.loaded.rows, self.now.rows
        for key in [*before, *(key for key in after if key not in before)]:
            if key not in after:
                yield gettext("%(thing)s: removed") % {"thing": before[key].label}
            elif key not in before:
                yield gettext("%(thing)s: added") % {"thing": after[key].label}
            else:
                yield from _field_changes(before[key], after[key])


def _field_changes(before: FormState, after: FormState) -> Iterator[str]:
    for name, new in after.values.items():
        old, bound = before.values.get(name, []), after.form[name]
        if old != new:
            where = ", ".join(filter(None, [after.label, capfirst(str(bound.label))]))
            yield f"{where}: {_display(bound, old)} → {_display(bound, new)}"


def _display(bound: BoundField, values: Iterable[str]) -> str:
    """Values as the page shows them: labels of choices, and yes or no for a checkbox."""
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


def _posted_values(bound: BoundField) -> list[str]:
    widget: Any = getattr(bound.field.widget, "widget", bound.field.widget)  # the admin wraps those of relations
    value = bound.value()
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if widget.check_test(value) else []
    formatted = widget.format_value(value)
    return _comparable(formatted if isinstance(formatted, list | tuple) else [formatted])


def _comparable(values: Iterable[Any]) -> list[str]:
    """Values in a form that can be compared: sorted and unique, with one kind of line break."""
    return sorted({str(one).replace("\r\n", "\n") for one in values if one not in (None, "")})


def rebase(posted: QueryDict, loaded: PageState, now: PageState) -> QueryDict:
    """The posted data, with current values in the fields that the user left alone. Deleted objects are marked as such."""
    data = posted.copy()
    for prefix, key in _submitted_forms(posted, loaded):
        if key not in now.rows:
            data[f"{prefix}DELETE"] = "on"
            continue
        current = now.rows[key].values
        for name, before in loaded.rows[key].values.items():
            if _comparable(posted.getlist(prefix + name)) == before and name in current:
                data.setlist(prefix + name, current[name])
    return data


def _submitted_forms(posted: QueryDict, loaded: PageState) -> Iterator[tuple[str, str]]:
    """The submitted forms that were on the page: prefix of their field names, and key in the state."""
    if MAIN_FORM in loaded.rows:
        yield "", MAIN_FORM
    for prefix in dict.fromkeys(key.partition(":")[0] for key in loaded.rows if key != MAIN_FORM):
        count = posted.get(f"{prefix}-TOTAL_FORMS", "")
        for index in range(min(int(count), ABSOLUTE_MAX) if count.isdecimal() else 0):
            key = f"{prefix}:{posted.get(f'{prefix}-{index}-id', '')}"
            if key in loaded.rows:
                yield f"{prefix}-{index}-", key

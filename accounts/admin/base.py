"""Base classes of Django's admin: limited to the manager's stations, and saving through the services.

A service validates and writes while the form is cleaned, inside a savepoint of the admin's transaction. So its refusal becomes a
form error like any other, and nothing is half saved. When the admin saves the form afterwards, the work is done.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.core.exceptions import BadRequest, ValidationError
from django.db import NotSupportedError, models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.audit import origin
from core import metrics
from core.errors import DomainError, Sentence
from core.log_context import note_station
from core.web.final_answers import final
from core.web.inputs import DateInput, TimeInput
from core.web.redisplay import RedisplayMixin, redisplays
from stations.models import Station

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _Form = ModelForm[Any]
    _ModelMultipleChoiceField = forms.ModelMultipleChoiceField[Any]
else:
    _Admin = admin.ModelAdmin
    _Form = ModelForm
    _ModelMultipleChoiceField = forms.ModelMultipleChoiceField

PRESERVED_FILTERS_PARAM = "_changelist_filters"
"""The query parameter in which the admin keeps a list's filters on the pages opened from it."""


DATE_AND_TIME_INPUTS: Final[dict[Any, dict[str, Any]]] = {
    models.DateField: {"widget": DateInput},
    models.TimeField: {"widget": TimeInput},
}
"""The browser's own inputs: Django's shortcuts compare the browser's clock with the server's, and stations have a third."""


class ScopedAdmin(_Admin):
    """Objects of the manager's stations, for users with the permission to manage. Nothing can be deleted.

    `view_permissions` and `change_permissions` are needed in addition; None for `change_permissions` makes an admin read-only.
    Objects that are not visible to the user are a 404.
    """

    view_permissions: Sequence[str] = ()
    change_permissions: Sequence[str] | None = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    formfield_overrides = DATE_AND_TIME_INPUTS

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = self.model._default_manager.visible_to(request.user)
        return found.order_by(*self.get_ordering(request))

    def get_urls(self) -> list[Any]:
        """The usual URLs; forms are shown again after signing in."""
        urls = super().get_urls()
        for url in urls:
            if (url.name or "").endswith(("_add", "_change")):
                redisplays(url.callback)
        return urls

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field or None)
        if found is None:
            raise Http404
        note_station(origin.station_of(found))
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.MANAGE)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms([roles.MANAGE, *self.view_permissions])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_permissions is not None and request.user.has_perms(
            [roles.MANAGE, *self.view_permissions, *self.change_permissions]
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.EXPORT)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Offer only objects that are visible to the manager; any other posted ID is invalid."""
        manager = db_field.remote_field.model._default_manager
        if hasattr(manager, "visible_to"):
            options["queryset"] = manager.visible_to(request.user)
            if db_field.name in self.raw_id_fields:
                options["widget"] = ScopedRawIdWidget(db_field.remote_field, self, request, options["queryset"])
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **{"form_class": MultipleObjectsField, **options})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return final(super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return final(super().response_change(request, obj))

    def response_action(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse | None:
        """Refuse primary keys that are invalid for this table, which no browser sends."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.run_validators(self.opts.pk.to_python(key))
        except ValidationError as error:
            raise BadRequest from error
        return super().response_action(request, *args, **options)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(
            request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        )

    def title_of(self, request: HttpRequest, obj: Any) -> str:
        """What the pages of an object are called. It is shown only: unlike `str(obj)` it may be personal data."""
        return str(obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        if obj := context.get("original"):
            context["subtitle"] = self.title_of(request, obj)
        return super().render_change_form(request, context, *args, **options)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        name = self.title_of(request, obj)
        shown = {"title": gettext("Change history: %s") % name, "name": name}
        with timezone.override(local_zone(request, obj)):
            return rendered(super().history_view(request, object_id, {**shown, **(extra_context or {})}))

    def raw_id_label(self, request: HttpRequest, chosen: Any) -> str:
        """The label next to a raw ID."""
        return str(chosen)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Set `person` on the form class, and remove fields that are not offered, so that they cannot be posted."""
        form = super().get_form(request, obj, change=change, **options)
        offered = options.get("fields", form.base_fields)
        hidden = dict.fromkeys(name for name in form.declared_fields if offered is not None and name not in offered)
        return type(form.__name__, (RedisplayMixin, form), {"person": request.user, **hidden})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not isinstance(form, ServiceForm):
            super().save_model(request, obj, form, change)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only what the list's urls filters ask: any other question could be about what the person may not see."""
        return lookup.partition("__")[0] in self._filter_names(request) and super().lookup_allowed(
            lookup, value, request
        )

    def _filter_names(self, request: HttpRequest) -> set[str]:
        filters = [one[0] if isinstance(one, tuple) else one for one in self.get_list_filter(request)]
        names = {one if isinstance(one, str) else getattr(one, "parameter_name", "") for one in filters}
        return {*names, self.date_hierarchy or ""}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Treat values that the database cannot compare like other invalid parameters: show the list without filters."""
        if any("\0" in text for texts in request.GET.lists() for text in texts[1]):
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError, NotSupportedError) as error:
            raise IncorrectLookupParameters from error

    def get_preserved_filters(self, request: HttpRequest) -> str:
        """Leave out the search term, which may be personal data and must not spread to other URLs."""
        kept = dict(parse_qsl(super().get_preserved_filters(request))).get(PRESERVED_FILTERS_PARAM, "")
        filters = [(name, value) for name, value in parse_qsl(kept) if name != SEARCH_VAR]
        return urlencode({PRESERVED_FILTERS_PARAM: urlencode(filters)}) if filters else ""


def rendered(response: HttpResponse) -> HttpResponse:
    """The response, rendered now rather than after the view: in the time zone that is active here."""
    return response.render() if isinstance(response, TemplateResponse) else response


def local_zone(request: HttpRequest, obj: Any = None) -> ZoneInfo:
    """The zone of a station, of the one that a list is filtered by, or of all that the user sees if they share one; else UTC."""
    if isinstance(obj, Station):
        return obj.zone
    stations = Station.objects.visible_to(request.user)
    code = request.GET.get("station")
    zones = set((stations.coded(code) if code else stations).values_list("time_zone", flat=True))
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")


class ScopedRawIdWidget(ForeignKeyRawIdWidget):
    """The name of an object with a link, if the user may see that; behind “Change”, its ID to look up or type."""

    def __init__(self, rel: Any, page: ScopedAdmin, request: HttpRequest, visible: models.QuerySet[Any]) -> None:
        super().__init__(rel, page.admin_site)
        self._page, self._request, self._visible = page, request, visible

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        label, url = self.label_and_url_for_value(value) if value else ("", "")
        return format_html(
            '<span class="chosen">{}</span><details class="choose"><summary>{}</summary>{}</details>',
            format_html('<a href="{}">{}</a>', url, label) if url else label,
            gettext("Change") if label else gettext("Choose"),
            super().render(name, value, attrs, renderer),
        )

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Without the label that Django puts behind the ID."""
        return {**super().get_context(name, value, attrs), "link_label": "", "link_url": ""}

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        try:
            chosen = self._visible.filter(pk=value).first()
        except (ValueError, ValidationError):
            chosen = None
        if chosen is None:
            return "", ""
        return self._page.raw_id_label(self._request, chosen), str(super().label_and_url_for_value(value)[1])


class MultipleObjectsField(_ModelMultipleChoiceField):
    """A multiple choice of objects; primary keys that are too large for the column are invalid choices."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid_list"], code="invalid_list") from None


class LabelledBooleanFilter(admin.BooleanFieldListFilter):
    """A filter for a Boolean field with descriptive labels instead of “Yes” and “No”."""

    heading: ClassVar[Sentence]
    labels: ClassVar[tuple[Sentence, Sentence]]
    """For True and for False."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = str(self.heading)

    def choices(self, changelist: Any) -> Iterator[Any]:
        everything, *both = super().choices(changelist)
        yield everything
        for choice, label in zip(both, self.labels, strict=False):
            yield {**choice, "display": label}


class StationFilter(admin.SimpleListFilter):
    """The manager's urls stations; a filter on the relation itself would name everybody's, and ask about any."""

    title = _("station")
    parameter_name = "station"
    relation = "station"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[Any, str]]:
        return list(Station.objects.visible_to(request.user).values_list("code", "name"))

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        code = self.value()
        if not code:
            return queryset
        return queryset.filter(**{f"{self.relation}__in": Station.objects.visible_to(request.user).coded(code)})


class ServiceForm(_Form):
    """A form that is saved by a service: `write` calls it while the form is cleaned.

    A refusal of the service becomes a form error. `person` is the user; `ScopedAdmin` sets it. `field_aliases` maps the service's
    field names to the form's where they differ; `error_fields` names the field for refusals that name none.
    """

    person: Any
    field_aliases: Mapping[str, str] = {}
    error_fields: Mapping[type[DomainError], str] = {}

    def write(self, cleaned_data: Mapping[str, Any]) -> models.Model:
        """Call the service, and return the object that it wrote."""
        raise NotImplementedError

    def error_message(self, refusal: DomainError) -> str:
        """The message for the whole form, if the refusal names none of its fields."""
        return " ".join([str(refusal), *(str(text) for texts in refusal.fields.values() for text in texts)])

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.instance = self.write(self.cleaned_data)
        except DomainError as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: DomainError) -> None:
        metrics.count_refusal(refusal.code)
        errors = {
            self.field_aliases.get(name, name): [str(text) for text in texts] for name, texts in refusal.fields.items()
        }
        if not errors.keys() & self.fields.keys():
            errors = {self.error_fields.get(type(refusal), ""): [self.error_message(refusal)]}
        for name, texts in errors.items():
            self.add_error(name if name in self.fields else None, texts)

    def save(self, commit: bool = True) -> Any:
        return self.instance

    def save_m2m(self) -> None:
        """The service has saved everything."""

"""What every page of Django's admin shares: each manager's own stations, and saving through the services.

A service decides and writes while the form is being cleaned, inside a savepoint of the admin's transaction: its refusal is then a
form error like any other, and nothing is half saved. What the admin calls afterwards to save finds the work done.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.core.exceptions import BadRequest, ValidationError
from django.db import NotSupportedError, models, transaction
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts import roles
from accounts.audit import origin
from core import metrics
from core.errors import DomainError, Sentence
from core.log_context import note_station
from core.web.final_answers import final
from core.web.redisplay import RedisplayMixin, redisplays
from stations.models import Station

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _Form = ModelForm[Any]
    _ManyField = forms.ModelMultipleChoiceField[Any]
else:
    _Admin = admin.ModelAdmin
    _Form = ModelForm
    _ManyField = forms.ModelMultipleChoiceField

PRESERVED = "_changelist_filters"
"""How the admin carries a list's filters through the pages opened from it."""


class ScopedAdmin(_Admin):
    """Rows of the manager's stations, for those with the right to manage; nothing is ever deleted.

    `to_view` and `to_change` are the rights that looking, and adding and changing, take besides; None for `to_change` where
    nothing is written. What is not visible is a 404, whatever is asked of it.
    """

    to_view: Sequence[str] = ()
    to_change: Sequence[str] | None = ()
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = self.model._default_manager.visible_to(request.user)
        return found.order_by(*self.get_ordering(request))

    def get_urls(self) -> list[Any]:
        """The admin's own, of which those with a form redisplay it."""
        own = super().get_urls()
        for address in own:
            if (address.name or "").endswith(("_add", "_change")):
                redisplays(address.callback)
        return own

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        found = super().get_object(request, object_id, from_field or None)
        if found is None:
            raise Http404
        note_station(origin.station_of(found))
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.MANAGE)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms([roles.MANAGE, *self.to_view])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.to_change is not None and request.user.has_perms([roles.MANAGE, *self.to_view, *self.to_change])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.EXPORT)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Dropdowns offer what the manager sees, and a posted id of anything else is no choice."""
        manager = db_field.remote_field.model._default_manager
        if hasattr(manager, "visible_to"):
            options["queryset"] = manager.visible_to(request.user)
            if db_field.name in self.raw_id_fields:
                options["widget"] = ScopedRawId(db_field.remote_field, self, request, options["queryset"])
        return super().formfield_for_foreignkey(db_field, request, **options)

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, **{"form_class": RowsField, **options})

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return final(super().response_add(request, obj, post_url_continue))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return final(super().response_change(request, obj))

    def response_action(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse | None:
        """As ever, for keys that this table can have: no browser sends another."""
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.run_validators(self.opts.pk.to_python(key))
        except ValidationError as error:
            raise BadRequest from error
        return super().response_action(request, *args, **options)

    def name_for(self, request: HttpRequest, chosen: Any) -> str:
        """What stands beside a raw id, for the person who looks."""
        return str(chosen)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """The form knows the `person`, and has no field but those that the person is offered: no post can bring back another."""
        form = super().get_form(request, obj, change=change, **options)
        offered = options.get("fields", form.base_fields)
        hidden = dict.fromkeys(name for name in form.declared_fields if offered is not None and name not in offered)
        return type(form.__name__, (RedisplayMixin, form), {"person": request.user, **hidden})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not isinstance(form, ServiceForm):
            super().save_model(request, obj, form, change)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Only what the list's own filters ask: any other question could be about what the person may not see."""
        return lookup.partition("__")[0] in self._asked_by_filters(request) and super().lookup_allowed(
            lookup, value, request
        )

    def _asked_by_filters(self, request: HttpRequest) -> set[str]:
        filters = [one[0] if isinstance(one, tuple) else one for one in self.get_list_filter(request)]
        names = {one if isinstance(one, str) else getattr(one, "parameter_name", "") for one in filters}
        return {*names, self.date_hierarchy or ""}

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """As ever; what no column can be asked leads to the list without filters, as other nonsense in an address does."""
        if any("\0" in text for texts in request.GET.lists() for text in texts[1]):
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError, NotSupportedError) as error:
            raise IncorrectLookupParameters from error

    def get_preserved_filters(self, request: HttpRequest) -> str:
        """Without what was searched for: it stands in the search's own address and in no other."""
        kept = dict(parse_qsl(super().get_preserved_filters(request))).get(PRESERVED, "")
        filters = [(name, value) for name, value in parse_qsl(kept) if name != SEARCH_VAR]
        return urlencode({PRESERVED: urlencode(filters)}) if filters else ""


class ScopedRawId(ForeignKeyRawIdWidget):
    """A raw id with the name of what it stands for; of what the person does not see it says nothing."""

    def __init__(self, rel: Any, page: ScopedAdmin, request: HttpRequest, visible: models.QuerySet[Any]) -> None:
        super().__init__(rel, page.admin_site)
        self._page, self._request, self._visible = page, request, visible

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:
        try:
            chosen = self._visible.filter(pk=value).first()
        except (ValueError, ValidationError):
            chosen = None
        if chosen is None:
            return "", ""
        return self._page.name_for(self._request, chosen), str(super().label_and_url_for_value(value)[1])


class RowsField(_ManyField):
    """Several rows; a key that is too large for any column is no choice either."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid_list"], code="invalid_list") from None


class WordedBooleanFilter(admin.BooleanFieldListFilter):
    """A filter whose choices say what they mean: where “Yes” answers a negative, nobody knows what is asked."""

    heading: ClassVar[Sentence]
    words: ClassVar[tuple[Sentence, Sentence]]
    """For True and for False."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = str(self.heading)

    def choices(self, changelist: Any) -> Iterator[Any]:
        everything, *both = super().choices(changelist)
        yield everything
        for choice, word in zip(both, self.words, strict=False):
            yield {**choice, "display": word}


class StationFilter(admin.SimpleListFilter):
    """The manager's own stations; a filter on the relation itself would name everybody's, and ask about any."""

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
    """A form whose saving is a service's: `write` calls it while the form is cleaned, and its refusal is the form's.

    `person` is whoever fills it in; `ScopedAdmin` sets it. `called` says which field of the form a service's word stands in where
    the names differ, `blamed` at which a refusal belongs that names none.
    """

    person: Any
    called: Mapping[str, str] = {}
    blamed: Mapping[type[DomainError], str] = {}

    def write(self, words: Mapping[str, Any]) -> models.Model:
        """The service's one call, with the cleaned words; returns what it wrote."""
        raise NotImplementedError

    def sentence(self, refusal: DomainError) -> str:
        """What stands above the form, where no field of it is at fault."""
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
        called = {self.called.get(name, name): [str(text) for text in texts] for name, texts in refusal.fields.items()}
        if not called.keys() & self.fields.keys():
            called = {self.blamed.get(type(refusal), ""): [self.sentence(refusal)]}
        for name, texts in called.items():
            self.add_error(name if name in self.fields else None, texts)

    def save(self, commit: bool = True) -> Any:
        return self.instance

    def save_m2m(self) -> None:
        """Nothing is left to do."""

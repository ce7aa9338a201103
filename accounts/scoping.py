"""What every page of Django's admin shares: each manager's own stations, and saving through the services.

A service decides and writes while the form is being cleaned, inside a savepoint: its refusal is then a form error like any
other, and nothing is half saved. What the admin calls afterwards to save finds the work done.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models, transaction
from django.forms import BaseForm, ModelForm
from django.http import HttpRequest

from accounts import roles
from stations.errors import DomainError

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _Form = ModelForm[Any]
else:
    _Admin = admin.ModelAdmin
    _Form = ModelForm


class ScopedAdmin(_Admin):
    """Rows of the manager's stations, for those with the right to manage; nothing is ever deleted.

    `change_right` is what adding and changing take besides; None for tables that are only looked at.
    """

    change_right: str | None = roles.MANAGE
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        found: models.QuerySet[Any] = self.model._default_manager.visible_to(request.user)
        return found.order_by(*self.get_ordering(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(roles.MANAGE)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(roles.MANAGE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_right is not None and request.user.has_perms([roles.MANAGE, self.change_right])

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        """Dropdowns offer what the manager sees, and a posted id of anything else is no choice."""
        manager = db_field.remote_field.model._default_manager
        if hasattr(manager, "visible_to"):
            options["queryset"] = manager.visible_to(request.user)
        return super().formfield_for_foreignkey(db_field, request, **options)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        form = super().get_form(request, obj, change=change, **options)
        return type(form.__name__, (form,), {"person": request.user})


class ServiceForm(_Form):
    """A form whose saving is a service's: `write` calls it while the form is cleaned, and its refusal is the form's.

    `person` is whoever fills it in; `ScopedAdmin` sets it.
    """

    person: Any

    def write(self, words: Mapping[str, Any]) -> models.Model:
        """The service's one call, with the cleaned words; returns what it wrote."""
        raise NotImplementedError

    def _post_clean(self) -> None:
        if self.errors:
            return
        try:
            with transaction.atomic():
                self.instance = self.write(self.cleaned_data)
        except DomainError as refusal:
            show_on(self, refusal)

    def save(self, commit: bool = True) -> Any:
        return self.instance

    def save_m2m(self) -> None:
        """Nothing is left to do."""


def show_on(form: BaseForm, refusal: DomainError) -> None:
    """A rule's refusal on a form: at the fields that it names and the form has, or above them all."""
    named = {name: texts for name, texts in refusal.fields.items() if name in form.fields}
    for name, texts in named.items():
        form.add_error(name, [str(text) for text in texts])
    if not named:
        form.add_error(None, str(refusal))

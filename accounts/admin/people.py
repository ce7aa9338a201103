"""Users and groups in Django's admin: who may manage whom, their permissions, and links to set a password.

Every write asks for the manager's password again (sudo mode). Nobody changes their own account here; it has a page of its own.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import delegation, roles
from accounts.admin.base import ScopedAdmin, StationFilter
from accounts.admin.edit_conflicts import EditConflictMixin
from accounts.auth import password_reset, sessions, two_factor
from accounts.forms import PastedEmailField
from accounts.models import User
from accounts.views.post_only import does, post_only
from accounts.views.reauthentication import require
from core.web import notices
from core.web.final_answers import final
from stations.access import ALL_STATIONS
from stations.models import Station

if TYPE_CHECKING:
    _Admin = ScopedAdmin
    _Form = forms.ModelForm[User]
else:
    _Admin = object
    _Form = forms.ModelForm

HISTORY_PER_PAGE = 100
MAX_CHECKBOXES: Final = 12
"""Up to how many groups or stations are offered as checkboxes; more are two lists to move them between."""
TEMPLATE_FOLDER = "admin/accounts/user"


def person_of(request: HttpRequest) -> User:
    """The user of the request, who is always signed in here."""
    return cast("User", request.user)


class SensitiveAdmin(_Admin):
    """An admin in which every write requires sudo mode."""

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> Any:
        if request.method == "POST":
            require(request)
        return super().changeform_view(request, *args, **options)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "POST":
            require(request)
        return super().changelist_view(request, extra_context)


class PersonForm(_Form):
    """A user's groups and stations. The choices are limited to what the manager, `person`, has."""

    person: User

    class Meta:
        model = User
        fields = ("email", "name", "groups", "stations", "is_active")
        field_classes: ClassVar = {"email": PastedEmailField}

    def clean_stations(self) -> QuerySet[Station]:
        chosen: QuerySet[Station] = self.cleaned_data["stations"]
        if not chosen and not self.person.has_perm(ALL_STATIONS):
            raise forms.ValidationError(
                gettext("Choose at least one of your stations. If somebody has left, make them inactive.")
            )
        return chosen


class SharedStationFilter(StationFilter):
    relation = "stations"


class PersonAdmin(SensitiveAdmin, EditConflictMixin, ScopedAdmin):
    """Users of the manager's stations. Managers grant only what they have, and cannot edit themselves or anyone with more."""

    form = PersonForm
    change_permissions = (roles.PEOPLE,)
    change_form_template = f"{TEMPLATE_FOLDER}/change_form.html"
    ordering = ("email",)
    list_filter = (SharedStationFilter, "is_active")
    search_fields = ("email", "name")
    filter_horizontal = ("groups", "stations")
    actions = ("revoke_access", "reset_two_factor")

    def title_of(self, request: HttpRequest, obj: User) -> str:
        return obj.display_name

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("email", "name", "in_groups", _shared_stations(request), "is_active")

    @admin.display(description=_("groups"))
    def in_groups(self, other: User) -> str:
        return ", ".join(group.name for group in other.groups.all())

    @admin.action(description=_("Sign out everywhere and revoke all access"), permissions=["change"])
    def revoke_access(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for other in self._editable(request, chosen):
            sessions.revoke_access(other)
            self.message_user(request, gettext("Signed out everywhere: %(who)s.") % {"who": other}, "success")

    @admin.action(description=_("Reset two-factor authentication (lost phone)"), permissions=["change"])
    def reset_two_factor(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for other in self._editable(request, chosen):
            two_factor.disable(other)
            self.message_user(
                request, gettext("Two-factor authentication has been reset: %(who)s.") % {"who": other}, "success"
            )

    def _editable(self, request: HttpRequest, chosen: QuerySet[User]) -> Iterator[User]:
        """The selected users that the manager may change, with a message for each of the others."""
        for other in chosen:
            if delegation.may_edit(person_of(request), other):
                yield other
                continue
            sentence = gettext("You can't change %(who)s: they have more permissions than you.")
            if other == request.user:
                sentence = gettext("You can't change your own account here. Use your account page.")
            self.message_user(request, sentence % {"who": other}, "error")

    def get_urls(self) -> list[Any]:
        def page(name: str, view: Any) -> Any:
            return path(f"<int:user_id>/{name}/", self.admin_site.admin_view(view), name=f"accounts_user_{name}")

        own = {"password": self.password_view, "password-link": self.password_link_view}
        return [*(page(name, view) for name, view in own.items()), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the account page for one's own account."""
        other = self.get_object(request, unquote(object_id))
        if other == request.user:
            notices.keep(
                request, gettext("This is your own account. Only another manager can change your permissions.")
            )
            return redirect("account")
        may_change = self.has_change_permission(request, other)
        extra_context = {**(extra_context or {}), "may_send_link": may_change and other.is_active}
        return super().change_view(request, object_id, form_url, extra_context)

    def password_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Django's page for setting another user's password, which is disabled."""
        if self.get_object(request, str(user_id)) == request.user:
            return redirect("account")
        raise PermissionDenied

    @method_decorator(post_only)
    @does(_("Send a link to set a new password"))
    def password_link_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Create a link with which the user sets their password. Managers never set it for them."""
        other = self.get_object(request, str(user_id))
        if other == request.user:
            return redirect("account")
        if not self.has_change_permission(request, other) or not other.is_active:
            raise PermissionDenied
        require(request)
        return self._link_response(request, other)

    def _link_response(self, request: HttpRequest, other: User) -> HttpResponse:
        """Show the link, unless it is emailed. Only in this response, so that it is not stored anywhere for a redirect."""
        token = password_reset.create_manager_link(other)
        if token is None:
            text = gettext("We've sent %(who)s a link to set a password.")
            self.message_user(request, text % {"who": other}, "success")
            return redirect("admin:accounts_user_changelist")
        base_url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
        shown = {
            **self.admin_site.each_context(request),
            "title": str(other),
            "opts": self.opts,
            "link": base_url + reverse("new-password", args=[token]),
        }
        return final(render(request, f"{TEMPLATE_FOLDER}/password_link.html", shown))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        return self._link_response(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save only changed fields, because the password may have changed meanwhile. Deactivating revokes all access."""
        if not change:
            obj.set_unusable_password()
            super().save_model(request, obj, form, change)
            return
        own = {field.name for field in User._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in own])
        if "is_active" in form.changed_data:
            sessions.revoke_access(obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change:
            delegation.notify_of_changes(form.instance, form.changed_data, old_email=form.initial["email"])

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found = delegation.visible_people(person_of(request)).order_by(*self.get_ordering(request))
        return found.prefetch_related("groups", "stations")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (
            obj is None or delegation.may_edit(person_of(request), obj)
        )

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        if db_field.name == "groups":
            options["queryset"] = delegation.grantable_groups(person_of(request))
        if db_field.name == "stations":
            options["queryset"] = Station.objects.visible_to(request.user)
        if options["queryset"].count() <= MAX_CHECKBOXES:
            return super().formfield_for_manytomany(db_field, request, widget=forms.CheckboxSelectMultiple, **options)
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj is None:
            return ("email", "name", "groups", "stations")
        if not self.has_change_permission(request, obj):
            return ("email", "name", "groups", _shared_stations(request), "is_active")
        superuser = ("is_superuser",) if request.user.is_superuser else ()
        return ("email", "name", "groups", "stations", "is_active", *superuser)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Changes by colleagues and superusers. Managers of other stations are not named."""
        other = self.get_object(request, unquote(object_id))
        kind, colleagues = ContentType.objects.get_for_model(User), delegation.visible_people(person_of(request))
        done = LogEntry.objects.filter(content_type=kind, object_id=other.pk).select_related("user")
        seen = done.filter(Q(user__in=colleagues.values("pk")) | Q(user__is_superuser=True)).order_by("action_time")
        page = self.get_paginator(request, seen, HISTORY_PER_PAGE).get_page(request.GET.get("p", 1))
        shown = {
            "action_list": page,
            "page_range": page.paginator.get_elided_page_range(page.number),
            "pagination_required": page.has_other_pages(),
        }
        return super().history_view(request, object_id, {**(extra_context or {}), **shown})


def _shared_stations(request: HttpRequest) -> Callable[[User], str]:
    """The stations that a user whom one may only view shares with the viewer."""

    mine = {station.pk for station in Station.objects.visible_to(request.user)}

    @admin.display(description=_("stations"))
    def shared(other: User) -> str:
        return ", ".join(station.name for station in other.stations.all() if station.pk in mine)

    return shared


class GroupAdmin(SensitiveAdmin, EditConflictMixin, ScopedAdmin, DjangosGroupAdmin):
    """Groups, for superusers only: a person who can change a group's permissions can grant themselves any.

    The built-in groups cannot be changed; `accounts/roles.py` defines them, and each migrate restores them.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return Group.objects.order_by("name")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser and (obj is None or obj.name not in roles.GROUPS)

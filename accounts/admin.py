"""Customers and people in Django's admin; the audit trail is `accounts.admin_trail`."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangosGroupAdmin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import admin_trail, customers, people, roles, second_factor, sessions
from accounts.admin_privacy import PrivacyPages
from accounts.forms import LinesField
from accounts.models import AuditEntry, Customer, User
from accounts.scoping import ScopedAdmin, ServiceForm, StationFilter
from stations.models import Station
from stations.querysets import ALL_STATIONS

if TYPE_CHECKING:
    _Form = forms.ModelForm[User]
else:
    _Form = forms.ModelForm

HISTORY_SHOWN = 100

admin.site.register(AuditEntry, admin_trail.AuditAdmin)
admin.site.unregister(Group)


def person_of(request: HttpRequest) -> User:
    """Whoever asks; the admin opens to nobody else."""
    return cast("User", request.user)


class CustomerForm(ServiceForm):
    """A customer's name, contact and notes."""

    notes = LinesField(label=_("notes"), required=False, max_length=2000)

    class Meta:
        model = Customer
        fields = ("name", "email", "phone", "language", "notes")

    def write(self, words: Mapping[str, Any]) -> Customer:
        return customers.edit(self.instance.pk, {name: words[name] for name in self.changed_data}, by=self.person)


@admin.register(Customer)
class CustomerAdmin(PrivacyPages, ScopedAdmin):
    """Customers come with their bookings; here they are found and mended, through `accounts.customers`. Their contact stands on
    their own page alone; that it was opened is in the audit trail.
    """

    form = CustomerForm
    to_view, to_change = (roles.VIEW,), (roles.CHANGE, roles.PII)
    list_select_related = ("station",)
    list_filter = (StationFilter, "email_bounced", "email_is_valid", "phone_is_valid")
    ordering = ("-created_at",)
    readonly_fields = ("email_bounced", "email_is_valid", "phone_is_valid", "station", "created_at", "erased_at")
    search_help_text = _("E-mail, phone or its last four digits, or the beginnings of names, from three letters on.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.erased_at)

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return (_who(request), "station", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj and obj.erased_at:
            return ("station", "created_at", "erased_at")
        private = request.user.has_perm(roles.PII)
        contact = (
            ("name", "email", "email_bounced", "email_is_valid", "phone", "phone_is_valid", "language", "notes")
            if private
            else ()
        )
        return (*contact, "station", "created_at")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("name",) if request.user.has_perm(roles.PII) else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The admin's own search box is the one place where a search stands in an address."""
        if not search_term.strip() or not request.user.has_perm(roles.PII):
            return queryset, False
        found = customers.search(person_of(request), search_term)
        return queryset.filter(pk__in=[customer.pk for customer in found]), False


def _who(request: HttpRequest) -> Callable[[Customer], str]:
    """The column that names a customer, as the person who looks may see them."""

    @admin.display(description=_("name"))
    def who(customer: Customer) -> str:
        return customers.shown(customer, person_of(request)).called

    return who


class GrantForm(_Form):
    """What somebody may do, and where. The choices are limited to what the manager, `person`, holds."""

    person: User

    def clean_stations(self) -> QuerySet[Station]:
        chosen: QuerySet[Station] = self.cleaned_data["stations"]
        if not chosen and not self.person.has_perm(ALL_STATIONS):
            raise forms.ValidationError(
                gettext("Choose at least one of your stations. Somebody who has left is made inactive.")
            )
        return chosen


class PersonForm(GrantForm, UserChangeForm):  # type: ignore[type-arg]
    """Somebody's account."""

    class Meta:
        model = User
        fields = ("email", "name", "groups", "stations", "is_active")


class NewPersonForm(GrantForm, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "name", "groups", "stations")


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]
    """A new password for somebody, or none."""

    def save(self, commit: bool = True) -> User:
        changed = cast("User", super().save(commit=False))
        sessions.give_password(changed)
        return changed


class SharedStationFilter(StationFilter):
    relation = "stations"


@admin.register(User)
class PersonAdmin(ScopedAdmin, UserAdmin):  # type: ignore[type-arg]
    """People of the manager's stations. One grants only what one holds, and edits nobody who has more."""

    form, add_form, change_password_form = PersonForm, NewPersonForm, PasswordForm
    to_change = (roles.PEOPLE,)
    ordering = ("email",)
    list_display = ("email", "name", "is_active")
    list_filter = (SharedStationFilter, "is_active")
    search_fields = ("email", "name")
    filter_horizontal = ("groups", "stations")
    fieldsets = ((None, {"fields": ("email", "password", "name", "groups", "stations", "is_active")}),)
    actions = ("end_everything", "take_second_factor")
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2", "groups", "stations")}),
    )

    @admin.action(description=_("Log out everywhere and end everything"), permissions=["change"])
    def end_everything(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for other in self._editable(request, chosen):
            sessions.end_everything(other)
            self.message_user(request, gettext("Logged out everywhere: %(who)s.") % {"who": other}, "success")

    @admin.action(description=_("Take away the second factor, for a lost telephone"), permissions=["change"])
    def take_second_factor(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        for other in self._editable(request, chosen):
            second_factor.take_away(other)
            self.message_user(request, gettext("Logs in by password alone: %(who)s.") % {"who": other}, "success")

    def _editable(self, request: HttpRequest, chosen: QuerySet[User]) -> Iterator[User]:
        """Those who were chosen, less those with more than the manager: of these the page says so."""
        for other in chosen:
            if people.may_edit(person_of(request), other):
                yield other
            else:
                sentence = gettext("Left alone: %(who)s may do more than you. Ask somebody who manages them.")
                self.message_user(request, sentence % {"who": other}, "error")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Only what was changed, for meanwhile they may have got another password. Whoever leaves comes back to nothing old."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        own = {field.name for field in User._meta.concrete_fields}
        obj.save(update_fields=[name for name in form.changed_data if name in own])
        if "is_active" in form.changed_data:
            sessions.end_everything(obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return people.visible_people(person_of(request)).order_by(*self.get_ordering(request))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or people.may_edit(person_of(request), obj))

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **options: Any) -> Any:
        if db_field.name == "groups":
            options["queryset"] = people.grantable_groups(person_of(request))
        if db_field.name == "stations":
            options["queryset"] = Station.objects.visible_to(request.user)
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("email", "name", "groups", _shared_stations(request), "is_active")}),)
        found = super().get_fieldsets(request, obj)
        if obj and request.user.is_superuser:
            return (*found, (_("Everything, everywhere"), {"fields": ("is_superuser",)}))
        return found

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What colleagues and superusers did; whoever manages the person elsewhere is not named."""
        other = self.get_object(request, unquote(object_id))
        kind, colleagues = ContentType.objects.get_for_model(User), people.visible_people(person_of(request))
        done = LogEntry.objects.filter(content_type=kind, object_id=other.pk).select_related("user")
        seen = done.filter(Q(user__in=colleagues.values("pk")) | Q(user__is_superuser=True)).order_by("action_time")
        page = self.get_paginator(request, seen, HISTORY_SHOWN).get_page(request.GET.get("p", 1))
        shown = {
            "action_list": page,
            "page_range": page.paginator.get_elided_page_range(page.number),
            "pagination_required": page.has_other_pages(),
        }
        return super().history_view(request, object_id, {**(extra_context or {}), **shown})


def _shared_stations(request: HttpRequest) -> Callable[[User], str]:
    """Of the stations of somebody who may only be looked at, those that the person who looks has too."""

    @admin.display(description=_("stations"))
    def shared(other: User) -> str:
        both = other.stations.filter(pk__in=Station.objects.visible_to(request.user).values("pk"))
        return ", ".join(map(str, both))

    return shared


@admin.register(Group)
class GroupAdmin(ScopedAdmin, DjangosGroupAdmin):
    """Groups beyond the product's own are a superuser's: whoever could change a group's rights could grant themselves any.

    The product's own are as `accounts/roles.py` says, and each migrate makes them so again.
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

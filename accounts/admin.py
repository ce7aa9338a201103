"""People, customers and the audit trail in Django's admin."""

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import customers, people, roles
from accounts.audit import Channel
from accounts.models import AuditEntry, Customer, User
from accounts.scoping import ScopedAdmin, ServiceForm
from stations.models import Station


class CustomerForm(ServiceForm):
    """A customer's name, contact and notes."""

    notes = forms.CharField(label=_("notes"), required=False, max_length=2000, widget=forms.Textarea)

    class Meta:
        model = Customer
        fields = ("name", "email", "phone", "notes")

    def write(self, words: Mapping[str, Any]) -> Customer:
        return customers.edit(self.instance.pk, words, by=self.person)


@admin.register(Customer)
class CustomerAdmin(ScopedAdmin):
    """Customers come with their bookings; here they are found and mended, through `accounts.customers`."""

    form = CustomerForm
    change_right = roles.PII
    list_select_related = ("station",)
    ordering = ("-created_at",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        return (*_shown(request), "station", "created_at")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        return ("name", "email", "phone", "notes") if request.user.has_perm(roles.PII) else ("station", "created_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.has_perm(roles.PII) else ("station", "created_at")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("name",) if request.user.has_perm(roles.PII) else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The admin's own search box is the one place where a search stands in an address."""
        if not search_term.strip() or not request.user.has_perm(roles.PII):
            return queryset, False
        found = customers.search(request.user, search_term)
        return queryset.filter(pk__in=[customer.pk for customer in found]), False


def _shown(request: HttpRequest) -> list[Callable[[Customer], str]]:
    """The columns of a customer, as the person who looks may see them."""

    def column(name: str, label: Any) -> Callable[[Customer], str]:
        @admin.display(description=label)
        def show(customer: Customer) -> str:
            return str(getattr(customers.shown(customer, request.user), name))

        return show

    return [column("name", _("name")), column("email", _("e-mail")), column("phone", _("phone"))]


class PersonForm(UserChangeForm):  # type: ignore[type-arg]
    """Somebody's account; what may be granted is limited to what the manager holds."""

    class Meta:
        model = User
        fields = ("email", "name", "groups", "stations", "is_active")


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email", "name", "groups", "stations")


@admin.register(User)
class PersonAdmin(ScopedAdmin, UserAdmin):  # type: ignore[type-arg]
    """People of the manager's stations. One grants only what one holds, and edits nobody who has more."""

    form = PersonForm
    add_form = NewPersonForm
    change_right = roles.PEOPLE
    ordering = ("email",)
    list_display = ("email", "name", "is_active")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    filter_horizontal = ("groups", "stations")
    fieldsets = ((None, {"fields": ("email", "password", "name", "groups", "stations", "is_active")}),)
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2", "groups", "stations")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return people.visible_people(request.user).order_by(*self.get_ordering(request))  # type: ignore[arg-type]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or people.may_edit(request.user, obj))  # type: ignore[arg-type]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "groups":
            options["queryset"] = people.grantable_groups(request.user)  # type: ignore[arg-type]
        if db_field.name == "stations":
            options["queryset"] = Station.objects.visible_to(request.user)
        return super().formfield_for_manytomany(db_field, request, **options)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        found = super().get_fieldsets(request, obj)
        if obj and request.user.is_superuser:
            return (*found, (_("Everything, everywhere"), {"fields": ("is_superuser",)}))
        return found


@admin.register(AuditEntry)
class AuditAdmin(ScopedAdmin):
    """Who changed what, when, and from where: to be read, never to be written."""

    change_right = None
    list_display = ("timestamp", "who", "channel", "station", "object_repr", "event", "what")
    list_filter = ("channel", "event", ("timestamp", admin.DateFieldListFilter))
    list_select_related = ("station",)
    search_fields = ("object_pk__exact", "actor_email__iexact")
    search_help_text = _("The whole id of a booking, customer or station, or the e-mail of who changed it.")
    ordering = ("-id",)
    fields = (
        "timestamp",
        "who",
        "channel",
        "remote_addr",
        "cid",
        "station",
        "object_repr",
        "object_pk",
        "event",
        "what",
    )
    readonly_fields = fields

    @admin.display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_email or (str(_("a command")) if entry.channel == Channel.COMMAND else "–")

    @admin.display(description=_("what"))
    def what(self, entry: AuditEntry) -> str:
        """`field: old → new`, for each field."""
        changes = entry.changes if isinstance(entry.changes, dict) else {}
        return "; ".join(f"{name}: {_told(change)}" for name, change in changes.items())


def _told(change: Any) -> str:
    if isinstance(change, dict):
        return f"{change.get('operation')} {', '.join(map(str, change.get('objects', [])))}"
    old, new = change
    return f"{'–' if old in (None, 'None', '') else old} → {'–' if new in (None, 'None', '') else new}"

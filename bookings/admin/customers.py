"""Customers in Django's admin; people are `accounts.admin.people`, the audit log is `bookings.admin.audit_trail`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import customers, roles
from accounts.admin.base import LabelledBooleanFilter, ScopedAdmin, ServiceForm, StationFilter
from accounts.admin.edit_conflicts import EditConflictMixin
from accounts.admin.people import GroupAdmin, PersonAdmin, person_of
from accounts.customers.normalization import LAST_DIGITS
from accounts.forms import LinesField, StoredEmailField
from accounts.models import AuditEntry, Customer, User
from bookings.admin import audit_trail, labels
from bookings.admin.privacy import PrivacyPages
from bookings.models import Booking
from core import formats
from core.limits import MAX_EMAIL, MAX_NOTES

admin.site.unregister(Group)
admin.site.register(AuditEntry, audit_trail.AuditAdmin)
admin.site.register(User, PersonAdmin)
admin.site.register(Group, GroupAdmin)


class CustomerForm(ServiceForm):
    """A customer's name, contact and notes."""

    email = StoredEmailField(label=_("Email"), required=False, max_length=MAX_EMAIL)
    notes = LinesField(label=_("Notes"), required=False, max_length=MAX_NOTES)
    seen_versions: Sequence[int] | None = None

    class Meta:
        model = Customer
        fields = ("name", "email", "phone", "language", "notes")

    def write(self, cleaned_data: Mapping[str, Any]) -> Customer:
        changes = {name: cleaned_data[name] for name in self.changed_data}
        seen = self.seen_versions[0] if self.seen_versions else None
        return customers.edit(self.instance.pk, changes, by=self.person, seen_version=seen)


BOUNCES: Final = _("bounced: emails to this address come back")
WORKS: Final = _("OK")


class EmailStatusFilter(LabelledBooleanFilter):
    heading, labels = _("email status"), (_("bounced"), WORKS)


@admin.register(Customer)
class CustomerAdmin(PrivacyPages, EditConflictMixin, ScopedAdmin):
    """Customers are created with their bookings and edited here, through `accounts.customers`.

    Their contact is shown on their own page alone, and opening it is recorded in the audit log. The list has the last digits of
    the phone and the beginning of the email, to distinguish people of the same name.
    """

    form = CustomerForm
    view_permissions, change_permissions = (roles.VIEW,), (roles.CHANGE, roles.PII)
    list_select_related = ("station",)
    list_filter = (StationFilter, ("email_bounced", EmailStatusFilter), "email_is_valid", "phone_is_valid")
    ordering = ("-created_at",)
    readonly_fields = ("email_status", "email_is_valid", "phone_is_valid", "station", "created", "erased")
    search_help_text = _("Email, phone number or its last four digits, or the first three or more letters of a name.")

    def versions_of(self, obj: Customer) -> list[int]:
        return [obj.version]

    def locked(self, request: HttpRequest, obj: Customer) -> Customer:
        return customers.locked(obj.pk, by=person_of(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Customer | None = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.erased_at)

    def title_of(self, request: HttpRequest, obj: Customer) -> str:
        return labels.customer_name(obj, person_of(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        visits = Booking.objects.visits(timezone.now()).filter(customer=OuterRef("pk")).order_by("-date").values("date")
        found: QuerySet[Customer] = super().get_queryset(request).annotate(last_visit=Subquery(visits[:1]))
        return found

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        contact = ("masked_phone", "masked_email") if request.user.has_perm(roles.PII) else ()
        return (_customer_column(request), *contact, "visited", "station", "created")

    @admin.display(description=_("phone"))
    def masked_phone(self, customer: Customer) -> str:
        return f"… {customer.phone[-LAST_DIGITS:]}" if customer.phone and not customer.erased_at else "–"

    @admin.display(description=_("email"))
    def masked_email(self, customer: Customer) -> str:
        return f"{customer.email[0]}…" if customer.email and not customer.erased_at else "–"

    @admin.display(description=_("last visit"), ordering="last_visit")
    def visited(self, customer: Any) -> str:
        return formats.format_date(customer.last_visit, customer.station.country) if customer.last_visit else "–"

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, customer: Customer) -> str:
        return labels.local_moment(customer.created_at, customer.station)

    @admin.display(description=_("erased"))
    def erased(self, customer: Customer) -> str:
        return labels.local_moment(customer.erased_at, customer.station)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if obj and obj.erased_at:
            return ("station", "created", "erased")
        private = request.user.has_perm(roles.PII)
        contact = (
            ("name", "email", "email_status", "email_is_valid", "phone", "phone_is_valid", "language", "notes")
            if private
            else ()
        )
        return (*contact, "station", "created")

    @admin.display(description=_("email status"))
    def email_status(self, customer: Customer) -> str:
        if not customer.email:
            return "–"
        return str(BOUNCES if customer.email_bounced else WORKS)

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("name",) if request.user.has_perm(roles.PII) else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By contact or name. Only here does a search appear in a URL: that is how the admin's search box works."""
        if not search_term.strip() or not request.user.has_perm(roles.PII):
            return queryset, False
        found = customers.search(person_of(request), search_term)
        return queryset.filter(pk__in=[customer.pk for customer in found]), False


def _customer_column(request: HttpRequest) -> Callable[[Customer], str]:
    """The column with the customer, as the user may see them."""

    @admin.display(description=_("name"))
    def who(customer: Customer) -> str:
        return labels.customer_name(customer, person_of(request))

    return who

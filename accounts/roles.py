"""Permissions and groups: the one table that says who may do what.

Groups grant permissions; a user's stations say where they apply. The table is written to the database after every migration, and
to `docs/security.md` by `manage.py roles`. Nothing else names a group or grants a permission.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from core.errors import NotPermitted
from stations.access import Person

VIEW: Final = "accounts.view_bookings"
PII: Final = "accounts.see_pii"
CHANGE: Final = "accounts.change_bookings"
PAGES: Final = "accounts.use_pages"
API: Final = "accounts.use_api"
MANAGE: Final = "accounts.manage_stations"
EXPORT: Final = "accounts.export_bookings"
PEOPLE: Final = "accounts.manage_people"

RIGHTS: Final = {
    VIEW: _("Calendar and bookings: view"),
    PII: _("Customers' personal data: see and search"),
    CHANGE: _("Bookings: create, edit, reschedule, change status"),
    PAGES: _("Pages"),
    API: _("API"),
    MANAGE: _("Django admin, timetables, import, audit log"),
    EXPORT: _("CSV export"),
    PEOPLE: _("People: grant only your own permissions"),
}

VIEWERS: Final = "Viewers"
STAFF: Final = "Station staff"
MANAGERS: Final = "Station managers"
INTEGRATORS: Final = "Integrators"

GROUPS: Final[dict[str, Sequence[str]]] = {
    VIEWERS: (VIEW, PAGES, API),
    STAFF: (VIEW, PII, CHANGE, PAGES, API),
    MANAGERS: (VIEW, PII, CHANGE, PAGES, API, MANAGE, EXPORT, PEOPLE),
    INTEGRATORS: (VIEW, PII, CHANGE, API, EXPORT),
}


class Operator:
    """The operator who runs commands on the server: every permission and every station, but no account."""

    pk = None
    is_active = True

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return True


OPERATOR: Final = Operator()


def require(person: Person, right: str) -> None:
    """Raises NotPermitted unless the person has the permission."""
    if not person.has_perm(right):
        raise NotPermitted


def permission_choices() -> list[tuple[str, Any]]:
    """The permissions for `Meta.permissions` of the user model."""
    return [(right.removeprefix("accounts."), label) for right, label in RIGHTS.items()]


def describe_unknown_groups(names: Collection[str]) -> str:
    """A message for the operator that lists unknown group names and the existing ones; "" if all exist."""
    from django.contrib.auth.models import Group

    known = list(Group.objects.order_by("name").values_list("name", flat=True)) if names else []
    unknown = ", ".join(f"“{name}”" for name in names if name not in known)
    return f"There is no group {unknown}. There are: {', '.join(known)}." if unknown else ""


def sync_groups(**kwargs: Any) -> None:
    """Bring the built-in groups in line with the table, after each migrate. Leaves other groups alone."""
    from django.contrib.auth.models import Group, Permission

    known = {f"accounts.{one.codename}": one for one in Permission.objects.filter(content_type__app_label="accounts")}
    for name, rights in GROUPS.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set([known[right] for right in rights])

"""The authenticated user with their permissions, groups and stations, loaded in one query at the start of a request."""

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.http import HttpRequest

from accounts.auth import passwords
from accounts.models import PermissionSnapshot, User
from core.db import sql as statements
from core.db.row_adapter import RowAdapter
from stations.access import Counter

_PERMISSIONS_SQL: Final = (
    "FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id WHERE p.id IN ("
    "SELECT o.permission_id FROM accounts_user_user_permissions o WHERE o.user_id = u.id UNION "
    "SELECT r.permission_id FROM accounts_user_groups m JOIN auth_group_permissions r ON r.group_id = m.group_id"
    " WHERE m.user_id = u.id)"
)
_GROUPS_SQL: Final = "FROM accounts_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id"
_STATIONS_SQL: Final = (
    "FROM accounts_user_stations m JOIN stations_station s ON s.id = m.station_id WHERE m.user_id = u.id"
)
_COUNTER_SQL: Final = "CAST(s.id AS text) || ' ' || CAST(s.changes AS text) || ' ' || s.code"
_AGGREGATES: Final = {"postgresql": "string_agg({}, E'\\n')", "sqlite": "group_concat({}, char(10))"}
"""How each database joins the values of several rows, one a line."""
_ADAPTER: Final = RowAdapter(User._meta.concrete_fields)


_FAMILY_IS_ACTIVE: Final = (
    " AND NOT EXISTS (SELECT 1 FROM token_blacklist_outstandingtoken t"
    " JOIN token_blacklist_blacklistedtoken e ON e.token_id = t.id WHERE t.jti = %s)"
)
"""See `accounts.auth.authentication`: a revoked family of tokens has an entry in the blacklist."""


def _statement(aggregate: str) -> str:
    permissions = f"(SELECT {aggregate} {_PERMISSIONS_SQL}) AS user_permissions".format(
        "c.app_label || '.' || p.codename"
    )
    groups = f"(SELECT {aggregate} {_GROUPS_SQL}) AS user_groups".format("g.name")
    stations = f"(SELECT {aggregate} {_STATIONS_SQL}) AS user_stations".format(_COUNTER_SQL)
    return (
        f"SELECT {_ADAPTER.select_list('u')}, {permissions}, {groups}, {stations} FROM accounts_user u"  # noqa: S608
        " WHERE u.id = %s AND u.is_active"
    )


_STATEMENTS: Final = {vendor: _statement(aggregate) for vendor, aggregate in _AGGREGATES.items()}
_STATEMENTS_FOR_TOKEN: Final = {vendor: sql + _FAMILY_IS_ACTIVE for vendor, sql in _STATEMENTS.items()}


def load_principal(pk: Any, *, token_family: str = "") -> User | None:
    """The active user with this primary key, and their permissions, in one query.

    None for an unknown or inactive user, or if the `token_family` that they use was revoked.
    """
    wanted, values = (_STATEMENTS_FOR_TOKEN, [pk, token_family]) if token_family else (_STATEMENTS, [pk])
    found = statements.submit(wanted[connection.vendor], values, _ADAPTER)()
    if not found:
        return None
    *values, permissions, groups, stations = found[0]
    user = statements.make_instance(User, _ADAPTER, values)
    permissions, groups, stations = (text.split("\n") if text else [] for text in (permissions, groups, stations))
    user.permission_snapshot = PermissionSnapshot(set(permissions), frozenset(groups), tuple(map(_counter, stations)))
    return user


def _counter(line: str) -> Counter:
    pk, changes, code = line.split(" ", 2)
    return Counter(int(pk), code, int(changes))


class Backend(ModelBackend):
    """Django's model backend, with two differences.

    `get_user` loads the permissions along with the user. The demo's published password is refused where other people can reach
    the product.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The user with this email and password, or None. An unknown email takes as long as a wrong password."""
        username = username or kwargs.get(User.USERNAME_FIELD)
        if username is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            passwords.equalize_timing(password)
            return None
        is_correct = user.check_password(password) and self.user_can_authenticate(user)
        return user if is_correct and not passwords.is_forbidden(password) else None

    def get_user(self, user_id: int) -> User | None:
        return load_principal(user_id)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        snapshot: PermissionSnapshot | None = getattr(user_obj, "permission_snapshot", None)
        if snapshot is None or obj is not None or not user_obj.is_active:
            return super().get_all_permissions(user_obj, obj)
        return snapshot.permissions

"""Who calls: a person with what they hold, in one statement. Every request asks for rights, groups and stations together."""

from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.http import HttpRequest

from accounts.auth import passwords
from accounts.models import Held, User
from core.db import sql as statements
from core.db.row_adapter import RowAdapter
from stations.access import Counter

_RIGHTS: Final = (
    "FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id WHERE p.id IN ("
    "SELECT o.permission_id FROM accounts_user_user_permissions o WHERE o.user_id = u.id UNION "
    "SELECT r.permission_id FROM accounts_user_groups m JOIN auth_group_permissions r ON r.group_id = m.group_id"
    " WHERE m.user_id = u.id)"
)
_GROUPS: Final = "FROM accounts_user_groups m JOIN auth_group g ON g.id = m.group_id WHERE m.user_id = u.id"
_STATIONS: Final = "FROM accounts_user_stations m JOIN stations_station s ON s.id = m.station_id WHERE m.user_id = u.id"
_COUNTER: Final = "CAST(s.id AS text) || ' ' || CAST(s.changes AS text) || ' ' || s.code"
_JOINED: Final = {"postgresql": "string_agg({}, E'\\n')", "sqlite": "group_concat({}, char(10))"}
"""How each database makes one text of many."""
_ADAPTER: Final = RowAdapter(User._meta.concrete_fields)


_FAMILY_LIVES: Final = (
    " AND NOT EXISTS (SELECT 1 FROM token_blacklist_outstandingtoken t"
    " JOIN token_blacklist_blacklistedtoken e ON e.token_id = t.id WHERE t.jti = %s)"
)
"""How `accounts.auth.authentication` keeps that a family of tokens has ended."""


def _statement(joined: str) -> str:
    rights = f"(SELECT {joined} {_RIGHTS}) AS their_rights".format("c.app_label || '.' || p.codename")
    groups = f"(SELECT {joined} {_GROUPS}) AS their_groups".format("g.name")
    stations = f"(SELECT {joined} {_STATIONS}) AS their_stations".format(_COUNTER)
    user = _ADAPTER.select_list("u")
    return f"SELECT {user}, {rights}, {groups}, {stations} FROM accounts_user u WHERE u.id = %s AND u.is_active"  # noqa: S608


_STATEMENTS: Final = {vendor: _statement(joined) for vendor, joined in _JOINED.items()}
_BY_TOKEN: Final = {vendor: sql + _FAMILY_LIVES for vendor, sql in _STATEMENTS.items()}


def known(pk: Any, *, token_family: str = "") -> User | None:
    """The active person of this key, with what they hold; None for nobody, and for anybody whose `token_family` has ended. One
    query."""
    wanted, values = (_BY_TOKEN, [pk, token_family]) if token_family else (_STATEMENTS, [pk])
    found = statements.submit(wanted[connection.vendor], values, _ADAPTER)()
    if not found:
        return None
    *values, rights, groups, stations = found[0]
    user = statements.make_instance(User, _ADAPTER, values)
    rights, groups, stations = (text.split("\n") if text else [] for text in (rights, groups, stations))
    user.held = Held(set(rights), frozenset(groups), tuple(map(_counter, stations)))
    return user


def _counter(line: str) -> Counter:
    pk, changes, code = line.split(" ", 2)
    return Counter(int(pk), code, int(changes))


class Backend(ModelBackend):
    """Django's own, but that whoever comes with a session brings along what they hold, and that the demo's published password is
    nobody's where others reach the product."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Who signs in with this email and password; None for nobody, at the same cost."""
        username = username or kwargs.get(User.USERNAME_FIELD)
        if username is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(username)
        except User.DoesNotExist:
            passwords.waste_time(password)
            return None
        is_right = user.check_password(password) and self.user_can_authenticate(user)
        return user if is_right and not passwords.is_shut_out(password) else None

    def get_user(self, user_id: int) -> User | None:
        return known(user_id)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        held: Held | None = getattr(user_obj, "held", None)
        if held is None or obj is not None or not user_obj.is_active:
            return super().get_all_permissions(user_obj, obj)
        return held.rights

"""The undo stack of a browser session: the user carries its ID, and services record changes under it."""

from typing import Final
from uuid import UUID, uuid4

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from accounts.models import User

SESSION_KEY: Final = "undo_stack"


def attach(request: HttpRequest) -> None:
    """Set the undo stack of this session on the signed-in user; created on first use."""
    user: User | AnonymousUser = request.user
    if user.is_authenticated:
        user.undo_stack = UUID(request.session.setdefault(SESSION_KEY, uuid4().hex))

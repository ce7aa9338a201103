"""Signing somebody in by what they typed: for the one page that does, and for pages that ask for it in between."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.auth import authentication, sessions
from accounts.auth.rate_limits import TooManyFailures
from accounts.forms import LoginForm
from accounts.models import User
from accounts.views.base import Refusal, too_often
from core.web.client_address import remote_address


def attempt(request: HttpRequest, form: LoginForm) -> Refusal | None:
    """Sign in whom the form names; else it says why not."""
    found = identify(request, form)
    if isinstance(found, Refusal):
        return found
    sessions.start(request, found, address=remote_address(request))
    return None


def identify(request: HttpRequest, form: LoginForm) -> User | Refusal:
    """Whom the form names, and whose password and code it has; else it says why not.

    An unknown email, a wrong password and a wrong code get the same answer, in the same time.
    """
    if not form.is_valid():
        return Refusal(400)
    try:
        user = authentication.sign_in(request, **form.cleaned_data, address=remote_address(request))
    except TooManyFailures as refusal:
        return too_often(form, refusal.wait)
    if user is None:
        form.add_error(
            None, _("Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.")
        )
        return Refusal(400)
    return user

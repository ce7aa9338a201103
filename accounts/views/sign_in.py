"""Signing users in by the sign-in form, for the sign-in page and for pages that include the form."""

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.auth import authentication, sessions
from accounts.auth.rate_limits import TooManyFailures
from accounts.forms import LoginForm
from accounts.models import User
from accounts.views.base import Refusal, too_many_attempts
from core.web.client_address import remote_address


def attempt(request: HttpRequest, form: LoginForm) -> Refusal | None:
    """Sign in the user of the form. Otherwise add an error to the form and return the refusal."""
    result = identify(request, form)
    if isinstance(result, Refusal):
        return result
    sessions.start(request, result, address=remote_address(request))
    return None


def identify(request: HttpRequest, form: LoginForm) -> User | Refusal:
    """The user with the credentials in the form. Otherwise adds an error to the form and returns the refusal.

    An unknown email, a wrong password and a wrong code give the same error, after the same time.
    """
    if not form.is_valid():
        return Refusal(400)
    try:
        user = authentication.sign_in(request, **form.cleaned_data, address=remote_address(request))
    except TooManyFailures as refusal:
        return too_many_attempts(form, refusal.wait)
    if user is None:
        form.add_error(
            None, _("Email and password do not match, or the code is missing or wrong. Try again, or ask a manager.")
        )
        return Refusal(400)
    return user

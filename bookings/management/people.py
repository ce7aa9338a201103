"""The user on whose behalf a command acts."""

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from accounts import roles
from accounts.models import User
from stations.access import Person


def person_named(email: str | None) -> Person:
    """The user of that email, whose rights and stations then hold; without one, the operator. Raises
    CommandError.
    """
    if email is None:
        return roles.OPERATOR
    found = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
    if found is None:
        raise CommandError(_("No active user has that email."), returncode=2)
    return found

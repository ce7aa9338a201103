"""Subjects and texts of account emails, in the recipient's language."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.auth import email_change, password_reset
from accounts.auth.models import AccountEmail, EmailKind
from accounts.models import User
from core import formats

NOTICES: Final = {
    EmailKind.PASSWORD_CHANGED: (
        gettext_lazy("Your password was changed"),
        gettext_lazy("The password of your Stationbook account was changed."),
    ),
    EmailKind.TWO_FACTOR_ENABLED: (
        gettext_lazy("Two-factor authentication is on"),
        gettext_lazy("Two-factor authentication was turned on for your Stationbook account."),
    ),
    EmailKind.AUTHENTICATOR_REPLACED: (
        gettext_lazy("Your authenticator app was replaced"),
        gettext_lazy("Another authenticator app was set up for your Stationbook account. The old app no longer works."),
    ),
    EmailKind.TWO_FACTOR_DISABLED: (
        gettext_lazy("Two-factor authentication is off"),
        gettext_lazy("Two-factor authentication was turned off for your Stationbook account."),
    ),
    EmailKind.RECOVERY_CODES_RENEWED: (
        gettext_lazy("You have new recovery codes"),
        gettext_lazy("New recovery codes were created for your Stationbook account. The old ones no longer work."),
    ),
    EmailKind.EMAIL_CHANGED: (
        gettext_lazy("Your email was changed"),
        gettext_lazy("The email of your Stationbook account was changed. You can no longer sign in with this address."),
    ),
    EmailKind.API_KEY_CREATED: (
        gettext_lazy("An API key was created"),
        gettext_lazy("The API key “%(name)s” was created in your name."),
    ),
    EmailKind.FEED_CREATED: (
        gettext_lazy("A calendar feed was created"),
        gettext_lazy("A calendar feed with customers' names and details was created in your name."),
    ),
    EmailKind.FEED_RENEWED: (
        gettext_lazy("A calendar feed has a new address"),
        gettext_lazy("The address of one of your calendar feeds with customers' names and details was renewed."),
    ),
    EmailKind.PERMISSIONS_CHANGED: (
        gettext_lazy("Your permissions were changed"),
        gettext_lazy("Your permissions in Stationbook were changed."),
    ),
    EmailKind.PASSWORD_LINK_CREATED: (
        gettext_lazy("A link to set your password was created"),
        gettext_lazy("Someone created a link to choose a new password for your Stationbook account."),
    ),
}
"""Subject and first sentence of each security notice."""


@dataclass(frozen=True, slots=True)
class EmailText:
    subject: str
    body: str


def render(email: AccountEmail) -> EmailText:
    details = json.loads(email.details)
    with translation.override(email.language):
        if email.kind == EmailKind.SET_PASSWORD:
            return _set_password(email.user, details)
        if email.kind == EmailKind.CONFIRM_EMAIL:
            return _confirm_email(email.user)
        if email.kind == EmailKind.RETENTION_NOTICE:
            return _retention_notice(email.user, details)
        return _security_notice(email, details)


def render_password_reset(user: User, language: str) -> EmailText:
    with translation.override(language):
        context = {"user": user, "link": _url("new-password", password_reset.make_token(user))}
        return _email_text(_("Your new password for Stationbook"), "reset", context)


def _set_password(user: User, details: dict[str, Any]) -> EmailText:
    is_new = not user.has_usable_password()
    subject = _("Your account for Stationbook") if is_new else _("Choose a new password for Stationbook")
    link = _url("new-password", password_reset.make_token(user, password_reset.MANAGER_LINK))
    return _email_text(subject, "set_password", {"user": user, "link": link, "is_new": is_new, **details})


def _confirm_email(user: User) -> EmailText:
    link = _url("confirm-email", email_change.make_token(user))
    return _email_text(_("Confirm your new email"), "confirm_email", {"user": user, "link": link})


def _retention_notice(user: User, details: dict[str, Any]) -> EmailText:
    context = {
        **details,
        "user": user,
        "before": formats.format_full_date(date.fromisoformat(details["before"]), details["country"]),
        "erase_from": formats.format_full_date(date.fromisoformat(details["erase_from"]), details["country"]),
        "link": _url("admin:stations_station_change", str(details["station_id"])) if settings.PUBLIC_URL else "",
    }
    subject = _("Customers of %(station)s will be erased from %(date)s") % {
        "station": details["station"],
        "date": context["erase_from"],
    }
    return _email_text(subject, "retention_notice", context)


def _security_notice(email: AccountEmail, details: dict[str, Any]) -> EmailText:
    subject, sentence = NOTICES[EmailKind(email.kind)]
    context = {
        **details,
        "user": email.user,
        "sentence": str(sentence) % details,
        "when": _local_time(email.user, email.created_at),
        "link": _url("account") if settings.PUBLIC_URL else "",
    }
    return _email_text(str(subject), "security_notice", context)


def _local_time(user: User, at: datetime) -> str:
    """Date and time in the time zone of the user's first station; in UTC without one."""
    station = user.stations.order_by("pk").first()
    local, country = (
        (at.astimezone(station.zone), station.country) if station else (at.astimezone(UTC), formats.NO_COUNTRY)
    )
    day, time = formats.format_full_date(local.date(), country), formats.format_time(local.time(), country)
    place = _("time in %(zone)s") % {"zone": formats.format_time_zone(station.time_zone)} if station else "UTC"
    return f"{day}, {time} ({place})"


def _url(name: str, *args: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=args)}"


def _email_text(subject: str, template: str, context: dict[str, Any]) -> EmailText:
    return EmailText(subject, render_to_string(f"mails/{template}.txt", context).strip() + "\n")

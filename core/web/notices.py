"""Sentences that wait in the session for the next page: what was done, and what was refused. They hold no personal data."""

from dataclasses import dataclass
from typing import Any, Final, cast

from django.contrib import messages
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest
from django.utils.functional import Promise

NOTICE_KEY: Final = "notice"
REFUSAL_KEY: Final = "refused"


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done, in a sentence."""

    text: str


def keep(request: HttpRequest, text: str) -> None:
    """Keep a notice without personal data for the next page."""
    request.session[NOTICE_KEY] = {"text": text}


def taken_notice(request: HttpRequest) -> Notice | None:
    """The notice to show on this page, once. One about a booking waits on for a page that can describe it."""
    if "text" not in request.session.get(NOTICE_KEY, {}):
        return None
    return Notice(request.session.pop(NOTICE_KEY)["text"])


def keep_refusal(request: HttpRequest, text: str | Promise, *, for_admin: bool) -> None:
    """Keep a refusal for the next page, which is one of the admin's or one of the product's own."""
    if for_admin:
        messages.error(request, str(text))
    else:
        request.session[REFUSAL_KEY] = str(text)


def taken_refusal(request: HttpRequest) -> str:
    """The refusal to show on this page, once; "" for none."""
    refusal: str = request.session.pop(REFUSAL_KEY, "")
    return refusal


def waiting(request: HttpRequest) -> dict[str, Any]:
    """All that waits for the next page, as JSON can hold it."""
    found = cast("BaseStorage", messages.get_messages(request))
    queued = [[message.level, str(message.message), message.extra_tags] for message in found]
    found.used = False  # looked at, not shown
    kept = {key: request.session[key] for key in (NOTICE_KEY, REFUSAL_KEY) if key in request.session}
    return {"session": kept, "messages": queued}


def keep_again(request: HttpRequest, waiting: dict[str, Any]) -> None:
    request.session.update(waiting["session"])
    for level, text, tags in waiting["messages"]:
        messages.add_message(request, level, text, extra_tags=tags or "")

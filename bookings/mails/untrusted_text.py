"""Which names and special requests an email may repeat, since strangers may have written them."""

# Anyone with access to the API can have an email sent to any address. It must not carry their message, or anything that
# a mail program turns into a link.

import re
from typing import Final

from django.utils.translation import gettext as _

from bookings.models import Booking

MAX_NAME_LENGTH: Final = 80
MAX_DIGITS: Final = 6
"""A name with more digits may contain a phone number."""
_DOT: Final = "[.\u3002\uff0e\uff61]"
_TOP_LEVEL: Final = (
    "app|bid|biz|blog|click|cloud|club|com|dev|email|example|fun|help|icu|info|link|live|loan|net|news|online|org|page|shop|site"
    "|space|store|support|tech|today|top|vip|web|website|win|work|world|xyz|xn--[a-z0-9-]+"
    f"|(?-i:[a-z]{{2}}|(?<=[A-Z]{_DOT})[A-Z]{{2}})"
)
"""Top-level domains for which mail programs turn a bare host name into a link.

Those of countries have two letters; in capitals they only count after capitals, since “Co.KG” is not a host name.
"""
_HOST: Final = rf"(?:[\w.+-]{{1,64}}@)?\b[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,8}}{_DOT}"
_LINK: Final = re.compile(
    rf"(?:[a-z][a-z0-9+.-]{{0,20}}://|\bwww{_DOT})\S+"
    rf"|{_HOST}(?:(?:{_TOP_LEVEL})\b(?:[/?#:]\S*)?|[a-z]{{2,}}/\S*)",
    re.IGNORECASE,
)
"""Addresses with a scheme or www, bare host names, and email addresses."""


def name_to_repeat(name: str) -> str:
    """The name, or "" if it contains a link or a phone number, or is as long as a sentence."""
    is_suspicious = len(name) > MAX_NAME_LENGTH or sum(map(str.isdigit, name)) > MAX_DIGITS or _LINK.search(name)
    return "" if is_suspicious else name


def requests_to_repeat(booking: Booking) -> str:
    """The booking's special requests without links if staff wrote them; "" if they came from another system."""
    if booking.requests_are_external or not booking.special_requests:
        return ""
    return without_links(booking.special_requests)


def without_links(text: str) -> str:
    """The text with each link replaced by a note in the active language."""
    return _LINK.sub(_("(link removed)"), text)

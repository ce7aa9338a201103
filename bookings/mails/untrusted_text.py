"""What an email repeats of text that strangers may have written: names and special requests.

Whoever reaches the API can have an email sent to any address. It must not carry their words, or a link that a mail program makes
out of them.
"""

import re
from typing import Final

from django.utils.translation import gettext as _

from bookings.models import Booking

LONGEST_NAME: Final = 80
MOST_DIGITS: Final = 6
"""More of them in a name may be a number to call."""
_DOT: Final = "[.\u3002\uff0e\uff61]"
_TOP_LEVEL: Final = (
    "app|bid|biz|blog|click|cloud|club|com|dev|email|example|fun|help|icu|info|link|live|loan|net|news|online|org|page|shop|site"
    "|space|store|support|tech|today|top|vip|web|website|win|work|world|xyz|xn--[a-z0-9-]+"
    f"|(?-i:[a-z]{{2}}|(?<=[A-Z]{_DOT})[A-Z]{{2}})"
)
"""Top-level domains for which mail programs make a link of a bare host name. Two letters are those of countries; in capitals only
after capitals, for “Co.KG” is none."""
_HOST: Final = rf"(?:[\w.+-]{{1,64}}@)?\b[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,8}}{_DOT}"
_LINK: Final = re.compile(
    rf"(?:[a-z][a-z0-9+.-]{{0,20}}://|\bwww{_DOT})\S+"
    rf"|{_HOST}(?:(?:{_TOP_LEVEL})\b(?:[/?#:]\S*)?|[a-z]{{2,}}/\S*)",
    re.IGNORECASE,
)
"""Addresses with a scheme or www, bare host names, and email addresses."""


def name_to_repeat(name: str) -> str:
    """The name, or "" for one that is more than a name: with a link, a number to call, or as long as a sentence."""
    more = len(name) > LONGEST_NAME or sum(map(str.isdigit, name)) > MOST_DIGITS or _LINK.search(name)
    return "" if more else name


def requests_to_repeat(booking: Booking) -> str:
    """The special requests that staff wrote down, with no links; "" for those that came from another system."""
    if booking.requests_are_external or not booking.special_requests:
        return ""
    return without_links(booking.special_requests)


def without_links(text: str) -> str:
    """The text with a note, in the active language, in the place of each link."""
    return _LINK.sub(_("(link removed)"), text)

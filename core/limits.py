"""The largest values and the longest texts that models, forms, API and imports take."""

from typing import Final

MAX_NAME: Final = 200
MAX_EMAIL: Final = 254
"""RFC 5321, with the correction of RFC 3696's errata."""
MAX_PHONE: Final = 40
MAX_NOTES: Final = 2000
"""Notes about a customer, and the special requests of a booking."""
MAX_SOURCE: Final = 50
MAX_REFERENCE: Final = 100

MAX_PLACES: Final = 10_000
"""Parties or guests of a slot, and guests of a booking."""
MAX_SLOTS: Final = 96
"""Consecutive slots of a booking: a day of quarters of an hour."""
MAX_CENTS: Final = 1_000_000_000
"""Amounts, in the currency's smallest unit."""

PARTY_SIZES: Final = range(1, 9)
"""The sizes of a party that are offered as buttons."""

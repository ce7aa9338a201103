"""Which dates the product knows."""

from datetime import date

FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2999, 12, 31)
"""The dates that the product knows: within them every week, month and instant can be drawn whole."""

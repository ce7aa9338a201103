"""The range of dates that the product supports."""

from datetime import date

FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2999, 12, 31)
"""The range is well within that of `datetime`, so that the whole week and month of any date can be rendered."""

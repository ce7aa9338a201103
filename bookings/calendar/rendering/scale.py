"""How high an hour of the week's table is, so that rows of the same length are equally high and nothing is cut off."""

from typing import Final

from bookings.calendar.layout import Cell, TableRow, WeekTable

HOUR_PIXELS: Final = 64
"""An hour at least, which is enough for a card of two lines."""
STEP_PIXELS: Final = 16
"""`static/css/calendar.css` has a class for each step by which an hour is higher."""
MAX_STEPS: Final = 16
"""Rows that need more are higher than their length: one crowded slot does not stretch the whole week."""
HEAD_PIXELS: Final = 22
"""The line with a slot's occupancy, and the padding of its cell."""
CARD_PIXELS: Final = 25
TWO_LINE_CARD_PIXELS: Final = 41
"""Heights of cards with the space below them, as in `static/css/calendar.css`."""


def steps(table: WeekTable) -> int:
    """Return by how many steps an hour must be higher for the cards of the most crowded slot."""
    hour = max((60 * _needed(row) / row.minutes for row in table.rows if row.minutes), default=0.0)
    return min(MAX_STEPS, max(0, -int((HOUR_PIXELS - hour) // STEP_PIXELS)))


def has_two_lines(cell: Cell, row: TableRow, hour_steps: int) -> bool:
    """Whether there is room for two lines on each card of a cell."""
    available = (HOUR_PIXELS + hour_steps * STEP_PIXELS) * row.minutes / 60
    return HEAD_PIXELS + len(cell.bookings) * TWO_LINE_CARD_PIXELS <= available


def _needed(row: TableRow) -> int:
    return HEAD_PIXELS + CARD_PIXELS * max(len(cell.bookings) for cell in row.cells)

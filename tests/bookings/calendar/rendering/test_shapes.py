"""Templates test only what their shapes contain."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from bookings.calendar.rendering import shapes

TEMPLATES = Path(settings.BASE_DIR) / "templates"
GRID = TEMPLATES / "bookings" / "grid"
SHAPES: dict[str, list[Any]] = {
    "_occupancy.html": [shapes.DayShape],
    "agenda.html": [shapes.DayShape],
    "card.html": [shapes.CardShape, shapes.LongCardShape],
    "day.html": [],
    "door.html": [shapes.DoorShape, shapes.DoorListShape, shapes.DoorRowShape],
    "period.html": [shapes.PeriodShape],
    "month.html": [shapes.MonthShape, shapes.DayShape],
    "stations.html": [shapes.DayShape],
    "week.html": [shapes.SlotTableShape, shapes.DayShape, shapes.RowShape, shapes.BreakShape, shapes.CellShape],
}


@pytest.mark.parametrize("name", [path.name for path in sorted(GRID.iterdir())])
def test_template_uses_only_fields_of_its_shapes(name: str) -> None:
    """Django renders an unknown name as nothing, so a misspelt flag would go unnoticed."""
    used = set(re.findall(r"\bshape\.(\w+)", (GRID / name).read_text()))

    assert used - {field for shape in SHAPES[name] for field in shape._fields} == set()


def test_templates_have_no_long_lines() -> None:
    templates = TEMPLATES.rglob("*.html")
    lines = [(path.name, line) for path in templates for line in path.read_text().splitlines()]

    assert [(name, line) for name, line in lines if len(line) > 160] == []

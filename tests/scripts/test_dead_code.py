"""Which definitions script/check takes for dead."""

from pathlib import Path

import pytest
from check_lib import dead_code

from tests.scripts.source_trees import write_tree

SOURCES = {
    "bookings/models.py": """
HOLDING = 1


class Booking:
    ordering = ["slot"]

    def shown_in_template(self) -> None: ...
    def named_in_a_path(self) -> None: ...
    def column(self) -> None: ...
    def unused(self) -> None: ...


def used() -> None: ...
""",
    "bookings/views.py": "from bookings.models import Booking, used\n\nused()\nBooking.objects.filter(column__gt=1)\n",
    "config/settings.py": "from bookings import views\n\nMIDDLEWARE = ['bookings.models.named_in_a_path']\nprint(views)\n",
    "templates/page.html": "<p>unused</p>{{ booking.shown_in_template }}",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path, SOURCES)


def test_unused_definitions_are_those_that_neither_code_nor_templates_name(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_code, "FRAMEWORK_NAMES", frozenset({"ordering", "renamed_since"}))

    found = [line.removeprefix(f"{tree}/") for line in dead_code.unused_definitions(tree)]

    assert found == [
        "bookings/models.py:2: unused variable 'HOLDING' (60% confidence)",
        "bookings/models.py:11: unused method 'unused' (60% confidence)",
        "script/check_lib/framework_names.py: renamed_since",
    ]

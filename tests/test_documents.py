"""What the documents say is what the code does."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_security_document_holds_the_table_of_rights() -> None:
    table = StringIO()

    call_command("roles", stdout=table)

    assert table.getvalue().strip() in (ROOT / "docs/security.md").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text())

    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text()))

    assert named - {*get_commands(), "version"} == set()  # which manage.py answers itself


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(
        r"`((?:config|core|stations|accounts|bookings|tests|docs|script|templates|static|bench)/[\w./-]+)`",
        document.read_text(),
    )

    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("document", "many"), [("accessibility", 20), ("security", 10), ("asvs", 15)])
def test_tests_that_are_named_exist(document: str, many: int) -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / f"docs/{document}.md").read_text()))
    known = {
        name for path in ROOT.glob("tests/**/*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }

    assert named - known == set()
    assert len(named) >= many


SECTIONS = {
    1: [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14],
    2: [*range(1, 11)],
    3: [1, 2, 3, 4, 5, 7],
    4: [*range(1, 4)],
    5: [*range(1, 6)],
    6: [*range(1, 5)],
    7: [*range(1, 5)],
    8: [*range(1, 4)],
    9: [*range(1, 3)],
    10: [2, 3],
    11: [1],
    12: [*range(1, 7)],
    13: [*range(1, 5)],
    14: [*range(1, 6)],
}
"""The sections of ASVS 4.0.3 that have requirements of level 1 or 2, by chapter."""


def test_every_section_of_asvs_has_its_verdict() -> None:
    lines = re.findall(r"^\| V(\d+)\.(\d+) [^|]+\| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/asvs.md").read_text(), re.M)

    assert [(int(chapter), int(section)) for chapter, section, *_rest in lines] == [
        (chapter, section) for chapter, sections in SECTIONS.items() for section in sections
    ]
    assert {verdict for _chapter, _section, verdict, _how in lines} <= {"met", "in part", "not met", "not applicable"}
    unsaid = [
        f"V{line[0]}.{line[1]}" for line in lines if line[2] == "in part" and not re.search(r"\d\.\d+\.\d", line[3])
    ]
    assert unsaid == []


def test_pictures_are_those_that_documents_show_and_small() -> None:
    shown = {name for path in DOCUMENTS for name in re.findall(r"pictures/([\w-]+\.webp)", path.read_text())}
    pictures = {path.name: path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()}

    assert (set(pictures), sum(pictures.values()) <= 600_000) == (shown, True)

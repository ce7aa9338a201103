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

    assert named - set(get_commands()) == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(
        r"`((?:config|stations|accounts|bookings|tests|docs|script|templates|static)/[\w./-]+)`", document.read_text()
    )

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_tests_that_the_accessibility_document_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/accessibility.md").read_text()))
    known = {
        name for path in ROOT.glob("tests/**/*.py") for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }

    assert named - known == set()
    assert len(named) > 20

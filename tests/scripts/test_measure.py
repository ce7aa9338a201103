"""What script/measure finds in a source tree that has each fault once."""

import subprocess
import sys
from pathlib import Path

import pytest
from measure_lib import figures, imports
from measure_lib.source import read_modules

from tests.scripts.source_trees import write_tree
from tests.servers import ROOT

SOURCES = {
    "core/errors.py": "from stations.models import Station\n\n\nclass NotFound(Exception):\n    '''Nothing there.'''\n",
    "stations/models.py": "import django.db\n\n\ndef name() -> str:\n    # why\n    return django.db._private\n",
    "accounts/sending.py": "def send() -> None:\n    from accounts import receiving\n\n    receiving._receive()\n",
    "accounts/receiving.py": "from accounts.sending import send\n\n\ndef _receive() -> None:\n    '''Docstring.'''\n    send()\n",
    "bookings/booking.py": "a = 1\nb = 2\nc = 3\nd = 4\n\ne = 5\nf = 6\ng = 7\n",
    "config/copy.py": "x = 0\nif x:\n    a = 1\n    b = 2\n    c = 3\n    d = 4\n    e = 5\n    f = 6\n    g = 7\n",
    "bookings/migrations/0001_initial.py": "not Python",
    "tests/test_booking.py": "\n\n",
    "templates/page.html": "x" * 160 + "\n" + "x" * 161 + "\n",
    "accounts/templates/email.txt": "x" * 200 + "\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path, SOURCES)


def test_figures_count_each_fault(tree: Path) -> None:
    assert figures.figures(tree) == {
        "product files": "6, lines: median 6, p90 9, max 9",
        "test files": "1, lines: median 2, p90 2, max 2",
        "functions": "3, lines: median 3, p90 4, max 4",
        "comments in 100 lines": "3.3",
        "functions with a docstring": "33%",
        "imports against the order": "1",
        "import cycles": "1",
        "template lines over 160 characters": "2",
        "private names of libraries": "1",
        "duplicates of 6 lines or more": "2",
        "modules named by an activity (-ing)": "2",
    }


def test_import_graph_sees_imports_inside_functions(tree: Path) -> None:
    assert imports.import_graph(read_modules(tree)) == {
        "core.errors": {"stations.models"},
        "stations.models": set(),
        "accounts.receiving": {"accounts.sending"},
        "accounts.sending": {"accounts.receiving"},
        "bookings.booking": set(),
        "config.copy": set(),
    }


def test_details_name_the_faults(tree: Path) -> None:
    assert figures.details(tree) == {
        "imports against the order": ["core.errors: stations.models"],
        "import cycles": ["accounts.receiving, accounts.sending"],
        "private names of libraries": ["_private: stations.models"],
        "duplicates": ["bookings.booking:1", "config.copy:3"],
        "modules named by an activity (-ing)": ["accounts.receiving", "accounts.sending"],
    }


def test_measure_refuses_an_unknown_revision() -> None:
    command = [sys.executable, "-m", "measure_lib", "--against", "no-such-revision"]

    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "script"}, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("git archive no-such-revision failed: ")

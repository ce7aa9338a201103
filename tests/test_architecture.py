"""The layout as docs/architecture.md draws it: who may import whom, and who alone may write what."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from measure_lib.imports import cycles, import_graph, imports_against_order
from measure_lib.source import PACKAGES, read_modules

ROOT = Path(__file__).resolve().parent.parent
OUTERMOST = re.compile(
    r"^(\w+)\.(admin(\..*)?|api(\..*)?|views(\..*)?|urls|management(\..*)?|forms|templatetags(\..*)?)$"
)
"""Pages, API, admin and commands: only their like import them."""


MODULES = read_modules(ROOT)
IMPORTED = import_graph(MODULES)


@cache
def imports(name: str) -> frozenset[str]:
    """Every module and every name that a module imports: inside functions and for the type checker alone, too."""
    found: set[str] = set()
    for node in ast.walk(MODULES[name].tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def test_imports_run_one_way() -> None:
    assert imports_against_order(IMPORTED) == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles(IMPORTED) == []


def test_nothing_imports_the_outermost_layer() -> None:
    wrong = {
        name: against
        for name, found in IMPORTED.items()
        if not OUTERMOST.match(name) and not name.startswith("config")
        if (against := {one for one in found if OUTERMOST.match(one) and not is_shared(one)})
    }

    assert wrong == {}


def is_shared(name: str) -> bool:
    """`core.api` is a toolkit, and a form parses what a model or another form holds."""
    return name.startswith("core.") or name.endswith(".forms")


@pytest.mark.parametrize("package", ["stations", "accounts", "bookings"])
def test_models_import_no_services(package: str) -> None:
    found = {
        imported
        for name in MODULES
        if name == f"{package}.models" or name.startswith(f"{package}.models.")
        for imported in IMPORTED[name]
    }

    assert {name for name in found if ".services" in name or ".customers" in name or ".privacy" in name} == set()


WRITES = re.compile(
    r"\b(Hold|Booking)\b(\.objects)?[^\n]*\.(bulk_create|bulk_update|create|update|delete|update_or_create|get_or_create)\("
    r"|\b(Hold|Booking)\("
)
WRITERS = {
    "bookings.services.capacity",
    "bookings.services.batch_create",
    "bookings.services.create",
    "bookings.services.reschedule",
    "bookings.services.change_status",
    "bookings.services.edit",
    "bookings.services.common",
    "bookings.services.timetable_changes",
    "bookings.privacy.erasure",
    "bookings.models.booking",
    "bookings.mails.organizers",  # whom a customer's calendar knows
    "bookings.operations.backup.after_restore",  # versions, when a backup becomes today
}
PREVIEW = "bookings.mails.preview"
"""Makes a booking for show, and neither keeps it nor looks for a real one."""


def test_nobody_else_writes_bookings_or_holds() -> None:
    wrong = {
        name: lines
        for name in set(MODULES) - {*WRITERS, PREVIEW}
        if (lines := [line for line in MODULES[name].text.splitlines() if WRITES.search(line) and "class " not in line])
    }

    assert wrong == {}


def test_previews_know_no_way_into_the_database() -> None:
    asked = {node.attr for node in ast.walk(MODULES[PREVIEW].tree) if isinstance(node, ast.Attribute)}

    assert asked & {"objects", "save", "_default_manager", "bulk_create", "create"} == set()


def test_only_the_ledger_writes_holds() -> None:
    writers = {
        name
        for name, module in MODULES.items()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Hold", "Hold.objects.bulk_create", "Hold.objects.create")
    }

    assert writers == {"bookings.services.capacity"}


@pytest.mark.parametrize(
    ("what", "users"),
    [
        ("accounts.encryption.ring", set()),
        ("accounts.encryption.key_ring.ring", {"accounts.encryption", "accounts.encryption.fields"}),
        ("accounts.encryption.KeyRing", set()),
        ("accounts.encryption.key_ring.KeyRing", {"accounts.encryption"}),
        ("accounts.encryption.blind_index", {"accounts.customers.blind_index"}),
        ("accounts.encryption.decoy_index", {"accounts.customers.blind_index"}),
        ("accounts.encryption.blind_indexes", {"accounts.customers.blind_index", "bookings.importing.identity"}),
    ],
)
def test_whatever_a_key_writes_stands_in_a_column_that_rotation_knows(what: str, users: set[str]) -> None:
    """An EncryptedTextField or a KeyedHashField: nobody else has ciphertext or hashes to put elsewhere."""
    assert {name for name in MODULES if what in imports(name)} == users


SERVICES = re.compile(r"^(bookings\.(services|privacy|undo)|accounts\.customers)\b")


def test_no_request_reaches_a_service() -> None:
    wrong = {
        (name, found)
        for name in MODULES
        if SERVICES.match(name)
        for found in imports(name)
        if found.startswith(("django.http", "rest_framework"))
    }

    assert wrong == set()


def test_files_are_short_enough_to_read_in_one_go() -> None:
    modules = read_modules(ROOT, (*PACKAGES, "tests"))
    sizes = {name: module.line_count for name, module in modules.items()}

    assert {name: size for name, size in sizes.items() if size > (600 if name.startswith("tests.") else 400)} == {}

"""The house as docs/architecture.md draws it: who may import whom, and who alone may write what."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("core", "stations", "accounts", "bookings", "config")
"""In the order in which they may be imported: each only by itself and by those behind it."""

OUTERMOST = re.compile(
    r"^(\w+)\.(admin\w*|api\w*|views(\..*)?|urls|management(\..*)?|forms|templatetags(\..*)?|paging)$"
)
"""Pages, API, admin and commands: they may call any app's services, and nothing but their like imports them."""

SHARED_BY_THE_OUTERMOST = {
    "core.api.responses",
    "config.environment",
    "config.errors",
    "core.api.fields",
    "config.middleware",
    "core.api.openapi",
    "core.api.queries",
    "core.api.negotiation",
}
"""What the outermost layer needs of the top: envelope, shapes, error pages, the environment of another process."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
                yield name, ast.parse(path.read_text())


def imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports, but for what only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from imports(node)


MODULES = dict(modules())


def is_outermost(name: str) -> bool:
    return bool(OUTERMOST.match(name)) or name.startswith("config")


@pytest.mark.parametrize("name", [name for name in MODULES if not is_outermost(name)])
def test_imports_run_one_way(name: str) -> None:
    own = APPS.index(name.partition(".")[0])
    wrong = [
        found
        for found in imports(MODULES[name])
        if found.partition(".")[0] in APPS[own + 1 :] and found.partition(".")[0] in APPS
    ]

    assert wrong == []


@pytest.mark.parametrize("name", [name for name in MODULES if not is_outermost(name)])
def test_nothing_imports_the_outermost_layer(name: str) -> None:
    known = set(MODULES)
    wrong = [
        found
        for found in imports(MODULES[name])
        if found in known and OUTERMOST.match(found) and not found.endswith(("forms", "paging"))
    ]

    assert wrong == []


@pytest.mark.parametrize("name", [name for name in MODULES if is_outermost(name) and not name.startswith("config")])
def test_outermost_layer_takes_of_the_top_only_what_is_shared(name: str) -> None:
    wrong = {
        found
        for found in imports(MODULES[name])
        if found in MODULES and found.startswith("config.") and found not in SHARED_BY_THE_OUTERMOST
    }

    assert wrong == set()


@pytest.mark.parametrize("app", ["stations", "accounts", "bookings"])
def test_models_import_no_services(app: str) -> None:
    services = {
        "bookings.services", "bookings.services.batch_create", "bookings.services.timetable_changes", "bookings.privacy.erasure", "bookings.services.capacity",
        "accounts.customers",
    }  # fmt: skip

    assert set(imports(MODULES[f"{app}.models"])) & services == set()


WRITES = re.compile(
    r"\b(Hold|Booking)\b(\.objects)?[^\n]*\.(bulk_create|bulk_update|create|update|delete|update_or_create|get_or_create)\("
    r"|\b(Hold|Booking)\("
)
WRITERS = {
    "bookings.services.capacity",
    "bookings.services.batch_create",
    "bookings.services",
    "bookings.services.timetable_changes",
    "bookings.privacy.erasure",
    "bookings.models",
    "bookings.mails.organizers",  # whom a customer's calendar knows
    "bookings.operations.backup.after_restore",  # versions, when a backup becomes today
}
SAMPLES = "bookings.mails.preview"
"""Makes a booking for show, and neither keeps it nor looks for a real one."""


@pytest.mark.parametrize("name", [name for name in MODULES if name not in {*WRITERS, SAMPLES}])
def test_nobody_else_writes_bookings_or_holds(name: str) -> None:
    source = (ROOT / (name.replace(".", "/") + ".py")) if (ROOT / (name.replace(".", "/") + ".py")).exists() else None
    text = source.read_text() if source else ""

    assert [line for line in text.splitlines() if WRITES.search(line) and not line.lstrip().startswith("class ")] == []


def test_samples_know_no_way_into_the_database() -> None:
    asked = {node.attr for node in ast.walk(MODULES[SAMPLES]) if isinstance(node, ast.Attribute)}

    assert asked & {"objects", "save", "_default_manager", "bulk_create", "create"} == set()


def test_only_the_ledger_writes_holds() -> None:
    writers = {
        name
        for name, tree in MODULES.items()
        for node in ast.walk(tree)
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
    assert {name for name, tree in MODULES.items() if what in set(imports(tree))} == users


def test_no_request_reaches_a_service() -> None:
    for name in (
        "bookings.services",
        "bookings.services.batch_create",
        "bookings.services.timetable_changes",
        "bookings.privacy.erasure",
        "bookings.privacy.disclosure",
        "bookings.privacy.retention",
        "accounts.customers",
        "accounts.customers.services",
        "accounts.customers.search",
        "accounts.customers.matching",
        "accounts.customers.transfer",
        "accounts.customers.reindex",
        "bookings.services.contacts",
        "bookings.services.capacity",
    ):
        assert not {found for found in imports(MODULES[name]) if found.startswith(("django.http", "rest_framework"))}, (
            name
        )


def test_files_are_short_enough_to_read_in_one_go() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for app in (*APPS, "tests")
        for path in (ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
    }

    assert {name: size for name, size in sizes.items() if size > (600 if name.startswith("tests/") else 400)} == {}

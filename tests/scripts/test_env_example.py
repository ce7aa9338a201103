"""`.env.example` is the one list of what can be set: whatever is read stands there, and nothing else does."""

import ast
import re

from django.conf import settings

from tests.servers import setting_names


def read_by_settings() -> set[str]:
    return named_to(r"env\.\w+|rate_limit|folder") | {
        f"{name}{ending}" for name in named_to("read_env|secret|keys|database|redis_server") for ending in ("", "_FILE")
    }


def named_to(function: str) -> set[str]:
    """The variables that the settings read by such a function."""
    trees = [ast.parse((settings.BASE_DIR / "config" / name).read_text()) for name in ("settings.py", "environment.py")]
    return {
        call.args[0].value
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if re.fullmatch(function, ast.unparse(call.func)) and isinstance(call.args[0].value, str)
    }


def read_by_the_server() -> set[str]:
    return {
        name
        for script in ("server", "web")
        for name in re.findall(r"\bsetting ([A-Z_]+)", (settings.BASE_DIR / "script" / script).read_text())
    }


def test_env_example_lists_what_is_read_and_nothing_else() -> None:
    assert sorted(setting_names()) == sorted(read_by_settings() | read_by_the_server())


def test_env_example_asks_for_nothing_but_keys() -> None:
    example = (settings.BASE_DIR / ".env.example").read_text()

    assert re.findall(r"^[A-Z_]+=.*", example, re.MULTILINE) == [
        "SECRET_KEY=",
        "PII_KEYS=",
        "INDEX_KEYS=",
        "AUDIT_KEYS=",
    ]


def test_no_other_module_reads_the_environment() -> None:
    readers = [
        str(path.relative_to(settings.BASE_DIR))
        for app in ("config", "core", "stations", "accounts", "bookings")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if re.search(
            r"os\.environ\b(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE\")|os\.getenv|environ\.Env", path.read_text()
        )
    ]

    assert readers == ["config/environment.py", "core/child_environment.py"]

"""Scripts and styles are minified where they are collected, and nowhere else."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

SCRIPT = """// A comment.
/** @param {string} who */
export function greet(who) {
  return `Hello // ${who}  !` ;
}
"""
STYLE = "/* A comment. */\n.a > .b { margin: calc(1px + 2px) ; }\n"


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    """The folder that this source was collected into, twice."""
    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    (source / "a.js").write_text(SCRIPT)
    (source / "a.css").write_text(STYLE)
    storages = {"staticfiles": {"BACKEND": "core.web.static_storage.MinifiedStaticFilesStorage"}}
    with override_settings(
        STATICFILES_DIRS=[source], STATIC_ROOT=root, STORAGES=storages, INSTALLED_APPS=["django.contrib.staticfiles"]
    ):
        for _time in range(2):
            call_command("collectstatic", interactive=False, verbosity=0)
    return root


@pytest.mark.looks
def test_collected_files_have_no_comments_and_keep_their_strings(collected: Path) -> None:
    [script] = collected.glob("a.*.js")
    [style] = collected.glob("a.*.css")

    assert script.read_text().strip() == "export function greet(who){return`Hello // ${who}  !`;}"
    assert style.read_text() == ".a>.b{margin:calc(1px + 2px)}"


@pytest.mark.looks
def test_source_files_stay_as_they_are(collected: Path) -> None:
    source = collected.parent / "source"

    assert ((source / "a.js").read_text(), (source / "a.css").read_text()) == (SCRIPT, STYLE)

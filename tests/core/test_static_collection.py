import os
import shutil
from pathlib import Path

import pytest
from django.conf import LazySettings

from core.web.static_collection import collect_if_changed

LATER = 2**31


@pytest.fixture
def source(settings: LazySettings, tmp_path: Path) -> Path:
    """The one folder of static files, with one file."""
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATIC_ROOT = tmp_path / "collected"
    (tmp_path / "source").mkdir()
    (tmp_path / "source/page.css").write_text("a {}")
    return tmp_path / "source"


def test_static_files_are_collected_once(source: Path) -> None:
    assert [collect_if_changed(), collect_if_changed()] == [True, False]
    assert (source.parent / "collected/page.css").read_text() == "a {}"


def test_static_file_that_changed_is_collected_again(source: Path) -> None:
    collect_if_changed()
    (source / "page.css").write_text("b {}")
    os.utime(source / "page.css", (LATER, LATER))

    assert collect_if_changed()
    assert (source.parent / "collected/page.css").read_text() == "b {}"


def test_static_files_that_were_removed_are_collected_again(source: Path) -> None:
    collect_if_changed()
    shutil.rmtree(source.parent / "collected")

    assert collect_if_changed()

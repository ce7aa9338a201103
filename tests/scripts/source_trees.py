"""Small source trees for tests of scripts that read code."""

from collections.abc import Mapping
from pathlib import Path


def write_tree(folder: Path, sources: Mapping[str, str]) -> Path:
    """Write each text below the folder under its relative path, and return the folder."""
    for name, text in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder

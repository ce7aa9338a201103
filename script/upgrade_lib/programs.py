"""Programs of the system, and what they answer."""

import shutil
import subprocess
from pathlib import Path

from upgrade_lib.errors import UpgradeError


def run(name: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Raises UpgradeError where there is no such program."""
    path = shutil.which(name)
    if not path:
        raise UpgradeError(f"The program {name} is needed. Install it.")
    return subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, check=False)

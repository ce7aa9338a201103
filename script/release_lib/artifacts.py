"""What is published with a release: the source, the list of its parts (CycloneDX), notes, and checksums of all of them."""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path


def write_sbom(root: Path, target: Path, day: date) -> None:
    """All Python packages that the release installs, by their hashes. Raises CalledProcessError."""
    midnight = datetime.combine(day, time(), UTC)
    # requirements.txt names what is installed, and not what needs what; the tool warns of that each time.
    tool = [sys.executable, "-W", "ignore::UserWarning:cyclonedx.model.bom", "-m", "cyclonedx_py", "requirements"]
    subprocess.run(
        [
            *tool,
            "--pyproject",
            str(root / "pyproject.toml"),
            "--output-reproducible",
            "--output-file",
            str(target),
            str(root / "requirements.txt"),
        ],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))},
        check=True,
    )


def write_checksums(folder: Path) -> None:
    """For `sha256sum --check SHA256SUMS`."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))

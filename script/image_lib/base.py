"""The base image: the one that the Dockerfile names or, if no registry can be reached, Debian installed by debootstrap."""

import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from image_lib.podman import Failed, podman

ROOT: Final = Path(__file__).resolve().parents[2]
LOCAL: Final = "localhost/stationbook-base"
RELEASE: Final = "trixie"
"""The release of Debian that the Dockerfile's base image has."""
MIRROR: Final = "http://deb.debian.org/debian"
PACKAGES: Final = ("ca-certificates", "netbase", "python3", "python3-venv", "tzdata")
NOT_IN_SLIM: Final = ("doc", "info", "lintian", "locale", "man")
"""Folders of /usr/share that Debian's slim images leave out."""
NO_CACHE: Final = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
"""The configuration of apt in Debian's own images."""
PULL_SECONDS: Final = 300


def base_image() -> tuple[str, str]:
    """The name of the base image, and where it comes from. Raises Failed."""
    [named] = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    try:
        podman("pull", "--quiet", f"docker.io/library/{named}", seconds=PULL_SECONDS)
    except Failed:
        if not podman("images", "--quiet", LOCAL):
            _bootstrap()
        return LOCAL, f"Debian {RELEASE} by debootstrap: no registry of images is reached"
    return f"docker.io/library/{named}", "the image that the Dockerfile names"


def _bootstrap() -> None:
    with tempfile.TemporaryDirectory(prefix="stationbook-base-") as folder:
        root = Path(folder) / "root"
        command = [
            "/usr/sbin/debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            RELEASE,
            str(root),
            MIRROR,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr}")
        _make_slim(root)
        archive = Path(folder) / "root.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        podman("import", "--quiet", "--change", f"ENV {path}", str(archive), LOCAL)


def _make_slim(root: Path) -> None:
    for place in (*(f"usr/share/{name}" for name in NOT_IN_SLIM), "var/cache/apt", "var/lib/apt/lists"):
        for path in (root / place).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(NO_CACHE)
    lines = [f"path-exclude /usr/share/{name}/*\n" for name in NOT_IN_SLIM]
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text("".join(lines))
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")

"""The command line of script/image: build the images, run the checks, and report the result and the time of each."""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from image_lib import checks
from image_lib.base import base_image
from image_lib.podman import LABEL, Failed, build, megabytes, podman
from image_lib.site import Site
from image_lib.units import check_units

MOST_MEGABYTES: Final = 350
CERTIFICATES: Final = "/etc/ssl/certs:/etc/ssl/certs:ro"
"""This machine's, which may trust a proxy between itself and the package registries."""


def timed(name: str, act: Callable[[], str]) -> None:
    began = time.monotonic()
    found = act()
    print(f"   {name}: {found} ({time.monotonic() - began:.0f} s)", flush=True)


def build_image(site: Site, base: str) -> str:
    build(str(site.clone), checks.IMAGE, f"--build-arg=BASE={base}", f"--volume={CERTIFICATES}")
    size = megabytes(checks.IMAGE)
    if size >= MOST_MEGABYTES:
        raise Failed(f"The image has {size:.0f} MB; it may have {MOST_MEGABYTES}.")
    return f"{size:.0f} MB, of which {megabytes(base):.0f} MB are the base"


def build_others(site: Site, base: str) -> str:
    folders = {checks.COPY: "backup", checks.PGBOUNCER: "pgbouncer", checks.PROMETHEUS: "prometheus"}
    for image, folder in folders.items():
        build(str(site.clone / "deploy" / folder), image, f"--build-arg=BASE={base}")
    return ", ".join(f"{folder} {megabytes(image):.0f} MB" for image, folder in folders.items())


def remove(site: Site) -> None:
    """Containers and volumes of this run, or of an earlier one that was killed."""
    for kind, options in (("container", ["--all"]), ("volume", [])):
        for one in podman(kind, "ls", "--quiet", "--filter", f"name={site.name}", *options).split():
            with suppress(Failed):
                podman(kind, "rm", "--force", one)


def main(folder: Path) -> None:
    base, source = base_image()
    print(f"   base: {source}", flush=True)
    site = Site(folder)
    remove(site)
    try:
        timed("image", lambda: build_image(site, base))
        timed("other images", lambda: build_others(site, base))
        with site.running_database():
            for name, check in checks.ALL.items():
                timed(name, partial(check, site))
            timed("units", partial(check_units, site))
    finally:
        remove(site)
        podman("image", "prune", "--force", "--filter", f"label={LABEL}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="stationbook-image-") as scratch:
        Path(scratch).chmod(0o711)
        try:
            main(Path(scratch))
        except Failed as failure:
            sys.exit(f"   {failure}")

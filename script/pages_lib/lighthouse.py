"""Lighthouse over a product that is served as `script/server` serves it, with a busy demo in it."""

import subprocess
import sys
from typing import Final

from pages_lib.site import MANAGER, PASSWORD, site
from tests import chromium
from tests.servers import ROOT

NODE: Final = str(ROOT / ".venv/bin/node")
MEASURE: Final = str(ROOT / "tests/lighthouse/measure.mjs")

with site() as address:
    command = [NODE, MEASURE, chromium.path(), address, MANAGER, PASSWORD, *chromium.ARGUMENTS]
    sys.exit(subprocess.run(command).returncode)

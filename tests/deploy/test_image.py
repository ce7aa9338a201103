"""How script/image turns the compose file into containers. What it finds in them, script/test --long shows."""

import os
import subprocess
from pathlib import Path

from django.conf import settings
from image_lib.compose import Compose

ROOT = Path(settings.BASE_DIR)
COMPOSE = Compose(ROOT / "deploy/compose.yaml", {"HOST": "127.0.0.1"}, ["/sockets:/run/postgresql"], "check")


def test_container_has_the_rights_that_the_compose_file_gives_it() -> None:
    flags = COMPOSE.flags("web1")

    wanted = {"--read-only", "--init", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"}
    assert wanted | {"--ulimit=core=0"} <= {*flags}
    assert [flag for flag in flags if flag.startswith(("--cap-add", "--privileged", "--user"))] == []


def test_container_is_given_its_own_secrets_as_files_of_the_clone() -> None:
    mounted = [flag for flag in COMPOSE.flags("backup-copy") if flag.startswith("--volume") and "secrets" in flag]

    assert mounted == [
        f"--volume={ROOT}/deploy/secrets/{name}:/run/secrets/{name}:ro"
        for name in ("restic_password", "s3_credentials")
    ]


def test_container_has_the_settings_of_the_compose_file_but_for_what_networks_reach() -> None:
    flags = COMPOSE.flags("migrate", PORT="8123")

    assert "--env=DATABASE_URL_FILE=/run/secrets/database_url_direct" in flags
    assert {"--env=HOST=127.0.0.1", "--env=PORT=8123", "--volume=/sockets:/run/postgresql"} <= {*flags}


def test_container_is_asked_for_its_health_as_the_compose_file_says() -> None:
    assert '--health-cmd=["/app/.venv/bin/python", "/app/deploy/healthy.py"]' in COMPOSE.flags("web2")
    assert any(flag.startswith("--health-cmd=find /backups ") for flag in COMPOSE.flags("backup"))
    assert not any(flag.startswith("--health") for flag in COMPOSE.flags("worker"))


def test_image_script_says_why_it_builds_nothing(tmp_path: Path) -> None:
    program = tmp_path / "id"
    program.write_text("#!/bin/sh\necho 1000\n")
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([ROOT / "script/image"], env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "The images are not built here: that needs Linux and root.\n")


def test_long_tests_build_and_run_the_image() -> None:
    script = (ROOT / "script/test").read_text()

    assert 'step "images, and the product in them" script/image; }\n' in script
    assert "\n    images\n" in script.partition('if [ -z "$long" ]')[2]

import os
import subprocess
import sys


def test_sub(database_url):
    r = subprocess.run(
        [sys.executable, "manage.py", "verify_holds"],
        env={**os.environ, "DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
    )
    print(r.stdout, r.stderr)
    assert r.returncode == 0

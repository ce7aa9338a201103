"""Git repositories that tests make."""

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com")
    done = subprocess.run(["git", *author, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)

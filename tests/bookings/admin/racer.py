"""One of several managers who save the same pages at once: `python -m tests.bookings.admin.racer EMAIL PAGES`.

Posts each page's words (a file with JSON), with another value in one field, and prints as JSON what each page said of it: the
value where it was saved, "told" where somebody else had been there.
"""

import json
import os
import sys
from pathlib import Path

import django

django.setup()

from django.test import Client  # noqa: E402

import config.urls  # noqa: E402, F401  # what takes longest, before the processes part
from accounts.models import User  # noqa: E402


def save(client: Client, address: str, words: dict[str, list[str]], field: str) -> str:
    mine = f"By {os.getpid()}"
    answer = client.post(address, {**words, field: mine})
    if answer.status_code == 302:
        return mine
    return "told" if "while you had it open" in answer.content.decode() else f"{answer.status_code}"


if __name__ == "__main__":
    email, pages = sys.argv[1:]
    client = Client()
    print("ready", flush=True)
    sys.stdin.readline()
    client.force_login(User.objects.get(email=email))
    print(json.dumps([save(client, **page) for page in json.loads(Path(pages).read_text())]), flush=True)

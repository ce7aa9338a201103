"""What pages say, walked over every address there is: words for people, and nothing else."""

import re
from html import unescape
from typing import Any, Final

import pytest

from tests.test_access import World, built, world
from tests.test_headers import is_for_programs, walk

__all__ = ["built", "world"]

pytestmark = pytest.mark.looks

PYTHON: Final = re.compile(
    r"""
    \b[A-Za-z_]\w*\(\w+=          # Field(name='From', …)
    | \b[A-Z]\w*\(['"]           # UUID('…')
    | \b[a-z]+\.[a-z]+\(\d       # datetime.date(2031, 3, 7)
    | <[\w.]+\ object            # <… object at 0x…>
    | __proxy__ | \bNone\b(?!\ available)
    | \{'\w+': | \['
    | %\(\w+\)[sd] | \{\{ | \{%    # what was not filled in
    """,
    re.VERBOSE,
)


def text_of(answer: Any) -> str:
    """What a page shows, a line for each piece."""
    if answer.streaming or is_for_programs(answer):
        return ""
    html = re.sub(r"<(script|style|textarea|pre)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    titles = " ".join(re.findall(r'\s(?:title|aria-label|placeholder)="([^"]*)"', html))
    return unescape(re.sub(r"<[^>]+>", "\n", f"{html}\n{titles}"))


@pytest.mark.slow
def test_no_page_shows_pythons_own_words(world: World) -> None:
    found = {}
    for role, row, answer in walk(world, roles=["viewer", "root"]):
        if shown := [line.strip() for line in text_of(answer).splitlines() if PYTHON.search(line)]:
            found[f"{role} {row.method} /{row.route}"] = shown

    assert found == {}

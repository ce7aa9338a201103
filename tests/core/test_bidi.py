"""Names of another direction in the middle of a sentence."""

import pytest

from core.bidi import isolate

SARA, MUHAMMAD = "שרה כהן", "محمد"


@pytest.mark.parametrize("text", ["Ana García", "O'Connor (2)", "Ёлка", "李小龍", ""])
def test_isolate_leaves_alone_what_reorders_nothing(text: str) -> None:
    assert isolate(text) == text


@pytest.mark.parametrize("text", [SARA, MUHAMMAD, f"Bar {SARA}", "٢٠", "\N{RIGHT-TO-LEFT OVERRIDE}anA"])
def test_isolate_keeps_a_text_of_another_direction_to_itself(text: str) -> None:
    assert isolate(text) == f"\u2068{text}\u2069"


@pytest.mark.parametrize("text", [f"{SARA}\u2069", f"\u2067{SARA}", f"\u2069\u2066{SARA}\u2069"])
def test_isolate_cannot_be_ended_from_within(text: str) -> None:
    assert isolate(text) == f"\u2068{SARA}\u2069"

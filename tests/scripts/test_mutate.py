"""Which mutations script/mutate makes, and what it does with them."""

import ast
from pathlib import Path

import pytest
from mutate_lib import runner
from mutate_lib.mutations import Mutation, mutations

SOURCE = """
def is_open(guests: int = 4) -> bool:
    \"\"\"Docstring.\"\"\"
    if guests <= 3 and True:
        log(guests)
    return any(guests == one for one in (
        range(9)
    ) if f"{one < 1}")
"""


def test_mutations_change_comparisons_branches_constants_and_calls() -> None:
    found = [(mutation.line, mutation.kind, mutation.before, mutation.after) for mutation in mutations(SOURCE)]

    assert found == [
        (2, "constant", "4", "5"),
        (4, "branch", "guests <= 3 and True", "(guests <= 3 or True)"),
        (4, "branch", "guests <= 3 and True", "(not (guests <= 3 and True))"),
        (4, "comparison", "guests <= 3", "(guests < 3)"),
        (4, "constant", "3", "4"),
        (4, "constant", "True", "False"),
        (5, "call", "log(guests)", "None"),
        (
            6,
            "call",
            'any(guests == one for one in ( range(9) ) if f"{one < 1}")',
            "all((guests == one for one in range(9) if f'{one < 1}'))",
        ),
        (6, "comparison", "guests == one", "(guests != one)"),
        (7, "constant", "9", "10"),
        (8, "branch", 'f"{one < 1}"', "(not (f'{one < 1}'))"),
    ]


def test_mutated_source_is_valid_and_keeps_its_lines() -> None:
    for mutation in mutations(SOURCE):
        ast.parse(mutation.source)
        assert len(mutation.source.splitlines()) == len(SOURCE.splitlines())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "stations").mkdir()
    (tmp_path / "stations/timetable.py").write_text("CAPACITY = 3\n")
    return tmp_path


def candidate() -> runner.Candidate:
    mutation = Mutation("constant", 1, "3", "4", "CAPACITY = 4\n")
    return runner.Candidate("stations", Path("stations/timetable.py"), mutation)


@pytest.mark.parametrize(("code", "outcome"), [(0, "survived"), (1, "killed"), (2, "killed"), (None, "timeout")])
def test_candidate_is_killed_unless_the_tests_pass(
    tree: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, outcome: str
) -> None:
    seen: list[str] = []

    def run_tests(_tree: Path, _tests: list[str]) -> tuple[int | None, str]:
        seen.append((tree / "stations/timetable.py").read_text())
        return code, ""

    monkeypatch.setattr(runner, "run_tests", run_tests)

    assert runner.try_candidate(tree, candidate()).outcome == outcome
    assert [*seen, (tree / "stations/timetable.py").read_text()] == ["CAPACITY = 4\n", "CAPACITY = 3\n"]


def test_tests_that_could_not_run_kill_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage_error = 4
    monkeypatch.setattr(runner, "run_tests", lambda _tree, _tests: (usage_error, ""))

    with pytest.raises(runner.BrokenTestsError, match=r"^pytest ended with 4 on stations/timetable.py:1 constant"):
        runner.try_candidate(tree, candidate())

    assert (tree / "stations/timetable.py").read_text() == "CAPACITY = 3\n"


def test_tests_that_fail_without_a_mutation_are_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "run_tests", lambda _tree, _tests: (1, "tests/stations/test_timetable.py::test_x"))

    with pytest.raises(runner.BrokenTestsError, match=r"^Without a mutation, tests/stations/test_timetable.py::test_x"):
        runner.require_green_tests(tree, {"stations"})


def test_sample_is_the_same_for_the_same_seed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AREAS", {"stations": ("tests/stations",)})
    (tree / "stations/timetable.py").write_text("\n".join(f"N{n} = {n}" for n in range(50)))

    first, again, other = (runner.sample_candidates(tree, 5, seed) for seed in (1, 1, 2))

    assert first == again != other


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    result = runner.Result("key", "name", "killed", "test")
    assert runner.read_results(tmp_path / "results") == {}

    runner.append_result(tmp_path / "results", result)

    assert runner.read_results(tmp_path / "results") == {"key": result}

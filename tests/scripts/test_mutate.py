"""Which mutations script/mutate makes, and what it does with them."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import CoverageData
from mutate_lib import equivalents, pytest_runs, runner
from mutate_lib.equivalents import Equivalent, stale_equivalents
from mutate_lib.executed_lines import ExecutedLines, read_executed_lines
from mutate_lib.mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parents[2]
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


def test_mutations_leave_out_what_protects_only_the_code() -> None:
    source = (
        "@dataclass(frozen=True)\nclass Slot: ...\n\n\ndef f(a: list[Literal[1]] = zip(b, strict=True)) -> None: ...\n"
    )

    assert mutations(source) == []


def test_mutations_swap_methods_only_of_querysets_and_functions_only_of_python() -> None:
    source = "a.filter(b=c)\na.all()\nfilter(a, b)\nx = min(a)\n"

    changes = [(mutation.before, mutation.after) for mutation in mutations(source)]

    assert changes == [
        ("a.filter(b=c)", "None"),
        ("a.filter(b=c)", "a.exclude(b=c)"),
        ("a.all()", "None"),
        ("filter(a, b)", "None"),
        ("min(a)", "max(a)"),
    ]


def test_mutation_knows_its_statement_and_whether_it_runs_at_import() -> None:
    source = "LIMIT = 3\n\n\ndef f(a=4):\n    return g(\n        a,\n        5,\n    )\n"

    found = [(each.statement, each.lines, each.is_in_function) for each in mutations(source)]

    assert found == [
        ("LIMIT = 3", range(1, 2), False),
        ("def f(a=4):", range(4, 5), False),
        ("return g(", range(5, 8), True),
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
    mutation = Mutation("constant", 1, "3", "4", "CAPACITY = 4\n", "CAPACITY = 3", range(1, 2), is_in_function=False)
    return runner.Candidate("stations", Path("stations/timetable.py"), mutation, 0)


TESTS = [f"tests/stations/test_{n}.py::test_it" for n in range(500)]


def give_codes(monkeypatch: pytest.MonkeyPatch, *codes: int | None) -> list[int]:
    """Let pytest end with each of these codes in turn. The list that is returned receives how many tests it was to run."""
    counts: list[int] = []
    coming = iter(codes)

    def run_listed(_tree: Path, tests: list[str], *, timeout_seconds: float) -> tuple[int | None, str]:
        counts.append(len(tests))
        return next(coming), ""

    monkeypatch.setattr(runner, "run_listed", run_listed)
    return counts


@pytest.mark.parametrize(("code", "outcome"), [(0, "survived"), (1, "killed"), (2, "killed"), (None, "timeout")])
def test_candidate_is_killed_unless_the_tests_pass(
    tree: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, outcome: str
) -> None:
    seen: list[str] = []

    def run_listed(_tree: Path, _tests: list[str], *, timeout_seconds: float) -> tuple[int | None, str]:
        seen.append((tree / "stations/timetable.py").read_text())
        return code, ""

    monkeypatch.setattr(runner, "run_listed", run_listed)

    assert runner.try_candidate(tree, candidate(), TESTS[:1]).outcome == outcome
    assert [*seen, (tree / "stations/timetable.py").read_text()] == ["CAPACITY = 4\n", "CAPACITY = 3\n"]


def test_few_tests_run_first_and_then_the_others(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    survivor = give_codes(monkeypatch, 0, 0)
    assert runner.try_candidate(tree, candidate(), TESTS).outcome == "survived"
    assert survivor == [40, 460]

    killed = give_codes(monkeypatch, 0, 1)
    assert runner.try_candidate(tree, candidate(), TESTS).outcome == "killed"
    assert killed == [40, 460]


def test_candidate_that_no_test_executes_survives(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = give_codes(monkeypatch)

    assert runner.try_candidate(tree, candidate(), []).outcome == "survived"
    assert counts == []


def test_tests_that_could_not_run_kill_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_codes(monkeypatch, pytest_runs.USAGE_ERROR)

    with pytest.raises(runner.BrokenTestsError, match=r"^pytest ended with 4 on stations/timetable.py:1 constant"):
        runner.try_candidate(tree, candidate(), TESTS[:1])

    assert (tree / "stations/timetable.py").read_text() == "CAPACITY = 3\n"


def write_execution(file: Path, executed: dict[str, list[int]]) -> None:
    """Write what coverage.py writes: by context, the lines of stations/timetable.py that are executed in it."""
    data = CoverageData(str(file))
    for context, lines in executed.items():
        data.set_context(context)
        data.add_lines({"stations/timetable.py": lines})
    data.write()


def test_executed_lines_are_read_by_test(tmp_path: Path) -> None:
    write_execution(
        tmp_path / "data", {"": [1, 2], "a.py::t[x|y]|setup": [2], "a.py::t[x|y]|run": [2, 3], "b.py::t|run": [3]}
    )

    assert read_executed_lines(tmp_path / "data") == ExecutedLines(
        {
            ("stations/timetable.py", 1): frozenset(),
            ("stations/timetable.py", 2): frozenset({"a.py::t[x|y]"}),
            ("stations/timetable.py", 3): frozenset({"a.py::t[x|y]", "b.py::t"}),
        },
        Counter({"a.py::t[x|y]": 2, "b.py::t": 1}),
    )


LINES = ExecutedLines(
    {
        ("stations/timetable.py", 2): frozenset({"tests/stations/c.py::near"}),
        ("stations/timetable.py", 5): frozenset(
            {"a.py::wide", "a.py::narrow", "tests/stations/test_timetable.py::own"}
        ),
        ("stations/models.py", 5): frozenset({"tests/stations/b.py::far"}),
    },
    Counter(
        {
            "a.py::wide": 9,
            "a.py::narrow": 2,
            "tests/stations/test_timetable.py::own": 20,
            "tests/stations/b.py::far": 1,
            "tests/stations/c.py::near": 3,
        }
    ),
)


def test_tests_of_the_file_itself_run_first_and_then_the_most_specific_ones() -> None:
    mutation = Mutation("constant", 6, "3", "4", "", "return 3", range(4, 7), is_in_function=True)

    assert LINES.tests_for("stations", Path("stations/timetable.py"), mutation) == [
        "tests/stations/test_timetable.py::own",
        "a.py::narrow",
        "a.py::wide",
    ]


def test_what_runs_at_import_is_tried_with_the_tests_of_the_area() -> None:
    assert LINES.tests_for("stations", Path("stations/timetable.py"), candidate().mutation) == [
        "tests/stations/test_timetable.py::own",
        "tests/stations/c.py::near",
        "tests/stations/b.py::far",
    ]


def test_tests_that_fail_without_a_mutation_are_refused(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = (pytest_runs.FAILED, "tests/stations/test_timetable.py::test_x")
    monkeypatch.setattr(runner, "record_executed_lines", lambda _tree, _file: failed)

    with pytest.raises(runner.BrokenTestsError, match=r"^Without a mutation, tests/stations/test_timetable.py::test_x"):
        runner.executed_lines(ROOT, tree, tmp_path)


def test_chosen_tests_must_pass_without_a_mutation(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_codes(monkeypatch, pytest_runs.PASSED, pytest_runs.FAILED)
    runner.require_green_tests(tree, TESTS[:1])

    with pytest.raises(runner.BrokenTestsError, match=r"^Without a mutation, pytest fails\.$"):
        runner.require_green_tests(tree, TESTS[:1])


def test_executed_lines_are_recorded_once_for_each_state(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: Iterator[str] = iter(("old", "old", "new"))
    recorded: list[str] = []

    def record(_tree: Path, file: Path) -> tuple[int, str]:
        recorded.append(f"test {len(recorded)}")
        write_execution(file, {f"{recorded[-1]}|run": [1]})
        return pytest_runs.PASSED, ""

    monkeypatch.setattr(runner, "record_executed_lines", record)
    monkeypatch.setattr(runner, "state_of", lambda _root: next(states))

    read = [runner.executed_lines(ROOT, tree, tmp_path).line_counts for _state in ("old", "old", "new")]

    assert read == [{"test 0": 1}, {"test 0": 1}, {"test 1": 1}]
    assert [*tmp_path.glob("executed-*")] == [tmp_path / "executed-new.sqlite"]


def test_pytest_runs_the_listed_tests_and_ignores_others(tmp_path: Path) -> None:
    prepare_tests(tmp_path, "def test_a(): pass\ndef test_b(): assert False\n")

    assert pytest_runs.run_listed(tmp_path, ["test_x.py::test_a", "test_x.py::gone"], timeout_seconds=60) == (0, "")
    assert pytest_runs.run_listed(tmp_path, ["test_x.py::test_b"], timeout_seconds=60) == (1, "test_x.py::test_b")
    assert pytest_runs.run_listed(tmp_path, ["test_x.py"], timeout_seconds=60) == (1, "test_x.py::test_b")
    assert pytest_runs.run_listed(tmp_path, ["test_x.py::gone"], timeout_seconds=60) == (pytest_runs.NO_TESTS, "")


def test_product_that_cannot_be_imported_is_noticed(tmp_path: Path) -> None:
    prepare_tests(tmp_path, "def test_a(): pass\n")
    (tmp_path / "conftest.py").write_text("1 / 0\n")

    assert pytest_runs.run_listed(tmp_path, ["test_x.py::test_a"], timeout_seconds=60)[0] == pytest_runs.INTERRUPTED


def test_tests_that_take_too_long_are_stopped(tmp_path: Path) -> None:
    prepare_tests(tmp_path, "import time\ndef test_a(): time.sleep(60)\n")

    assert pytest_runs.run_listed(tmp_path, ["test_x.py::test_a"], timeout_seconds=2) == (None, "")


def prepare_tests(tree: Path, source: str) -> None:
    (tree / ".venv").symlink_to(sys.prefix)
    (tree / "script").symlink_to(ROOT / "script")
    (tree / "pytest.ini").write_text(
        "[pytest]\naddopts = -p no:django -p no:schemathesis -p no:playwright\nmarkers = long browser race\n"
    )
    (tree / "test_x.py").write_text(source)


def test_equivalent_mutation_is_known_by_its_file_statement_and_change(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Equivalent("stations/timetable.py", "CAPACITY = 3", "3", "4", "No reason.")
    monkeypatch.setattr(equivalents, "EQUIVALENTS", (known,))
    assert equivalents.is_equivalent(Path("stations/timetable.py"), mutations("CAPACITY = 3")[0])
    assert not equivalents.is_equivalent(Path("stations/models.py"), mutations("CAPACITY = 3")[0])
    assert not equivalents.is_equivalent(Path("stations/timetable.py"), mutations("CAPACITY = 2")[0])
    assert stale_equivalents(tree) == []

    (tree / "stations/timetable.py").write_text("CAPACITY = 5\n")

    assert stale_equivalents(tree) == [known]


def test_every_listed_equivalent_is_a_mutation_of_today() -> None:
    assert stale_equivalents(ROOT) == []


def sample(tree: Path, seed: int, lines: list[str]) -> list[str]:
    (tree / "stations/timetable.py").write_text("\n".join(lines))
    return [candidate.mutation.statement for candidate in runner.sample_candidates(tree, 5, seed)]


def test_sample_is_the_same_for_the_same_seed_and_code(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AREAS", {"stations": ("tests/stations",)})
    lines = [f"N{n} = {n}" for n in range(50)]

    first, again, other = (sample(tree, seed, lines) for seed in (1, 1, 2))

    assert first == again != other


def test_change_of_one_statement_leaves_the_others_in_the_sample(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AREAS", {"stations": ("tests/stations",)})
    lines = [f"N{n} = {n}" for n in range(50)]
    before = sample(tree, 1, lines)

    after = sample(tree, 1, ["from math import pi", *(line for line in lines if line != before[2])])

    assert after[:4] == [*before[:2], *before[3:]]


def test_mutations_that_look_the_same_have_keys_of_their_own(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AREAS", {"stations": ("tests/stations",)})
    (tree / "stations/timetable.py").write_text("N = 1\nN = 1\n")

    assert len({candidate.key for candidate in runner.sample_candidates(tree, 5, 1)}) == 2


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    result = runner.Result("key", "name", "killed", "test")
    assert runner.read_results(tmp_path / "results") == {}

    runner.append_result(tmp_path / "results", result)

    assert runner.read_results(tmp_path / "results") == {"key": result}

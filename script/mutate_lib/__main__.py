"""The command line of script/mutate."""

import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mutate_lib.areas import AREAS
from mutate_lib.equivalents import stale_equivalents
from mutate_lib.runner import (
    BrokenTestsError,
    append_result,
    copy_repository,
    equivalent_result,
    executed_lines,
    read_results,
    require_green_tests,
    sample_candidates,
    try_candidate,
)

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "var" / "mutate"

parser = ArgumentParser(
    "script/mutate",
    description="Change the core rules in one place at a time, and see whether a test notices. What was tried is kept in "
    "var/mutate and not tried again. It takes about an hour: --part does a share of it.",
)
parser.add_argument("--count", type=int, default=300, help="how many mutations, of all that are possible (300)")
parser.add_argument("--seed", type=int, default=1, help="another seed chooses others (1)")
parser.add_argument("--part", default="1/1", metavar="K/N", help="only the K-th of N equal parts of them")
parser.add_argument("--area", choices=AREAS, help="only those of one area")
parser.add_argument("--list", action="store_true", help="print the mutations and run nothing")
parser.add_argument("--again", action="store_true", help="try only those that survived before")
parser.add_argument(
    "--tests", nargs="+", metavar="FILE", help="run these tests, not those that execute the changed lines"
)
wanted = parser.parse_args()
if stale := stale_equivalents(ROOT):
    sys.exit(f"These listed equivalents are not mutations of the current code. Remove them or correct them: {stale}")
part, parts = map(int, wanted.part.split("/"))
candidates = [
    candidate
    for candidate in sample_candidates(ROOT, wanted.count, wanted.seed)[part - 1 :: parts]
    if wanted.area in (None, candidate.area)
]
candidates.sort(key=lambda candidate: not candidate.mutation.is_in_function)  # what runs at import takes longest
if wanted.list:
    print(*candidates, sep="\n")
    sys.exit()

FOLDER.mkdir(parents=True, exist_ok=True)
results_file = FOLDER / "results.jsonl"
known = read_results(results_file)
if wanted.again:
    survived = {key for key, result in known.items() if result.outcome == "survived"}
    candidates, known = [candidate for candidate in candidates if candidate.key in survived], {}
results = []
try:
    with TemporaryDirectory(prefix="tree-", dir=FOLDER) as folder:
        tree = Path(folder)
        copy_repository(ROOT, tree)
        if wanted.tests:
            require_green_tests(tree, wanted.tests)
        lines = None if wanted.tests else executed_lines(ROOT, tree, FOLDER)
        for candidate in candidates:
            result = equivalent_result(candidate) or known.get(candidate.key)
            if not result:
                tests = lines.tests_for(candidate.area, candidate.path, candidate.mutation) if lines else wanted.tests
                result = try_candidate(tree, candidate, tests)
                append_result(results_file, result)
            results.append(result)
            print(f"{len(results)}/{len(candidates)} {result.outcome}: {result.name} {result.by}", flush=True)
except BrokenTestsError as error:
    sys.exit(str(error))
print(dict(Counter(result.outcome for result in results)))
print(*(result.name for result in results if result.outcome == "survived"), sep="\n")

"""Bugs put into tinygraph, one at a time: does the battery see each of them?

    python benchmarks/mutants/run.py                  # every mutant; 1 is returned if one survives
    python benchmarks/mutants/run.py --family conv    # or --only NAME (both: several)
    python benchmarks/mutants/run.py --list           # that each still applies; runs nothing
    python benchmarks/mutants/run.py --false-alarms   # right rules: how often is an alarm raised?

The tests of the Functions concerned run first, and the whole battery where these see nothing.  No
file of the working tree is touched: each mutant is in a process of its own, as it imports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import false_alarms
from catalogue import FAMILIES, MUTANTS
from mutant import ROOT, Mutant, Stale

HERE = Path(__file__).resolve().parent
BATTERY = ("tests/test_functions.py",)  # what kills: FunctionSuite over the table of cases
PYTEST = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "--hypothesis-seed=0")
TIMEOUT = 900  # seconds; what makes the battery run longer than this is seen
ALARMS_ALLOWED = 5  # of the examples of --false-alarms
PASSED, FAILED, NOTHING_SELECTED = 0, 1, 5


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: which test killed it, or why that cannot be told."""

    killer: str | None = None  # None: it survived
    error: str = ""
    sizes: Sequence[int] | None = None
    seconds: float = 0
    invalid: str = ""  # the battery could not run, which is no kill


def run_battery(name: str, functions: Sequence[str] = ()) -> dict[str, Any]:
    """Run the tests of some Functions, or all, with a mutant ("none": without a bug)."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "result.json"
        environment = os.environ | {
            "HYPOTHESIS_STORAGE_DIRECTORY": directory,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, HERE / "battery.py", name, ",".join(functions), result]
        command += [*PYTEST, f"--grad-artifacts={directory}", *BATTERY]
        try:
            process = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            return {"code": FAILED, "test": "timeout", "error": f"after {TIMEOUT} s"}
        if not result.exists():
            return {"code": process.returncode, "output": process.stderr.decode()}
        return {**json.loads(result.read_text()), "output": process.stdout.decode()}


def judge(mutant: Mutant) -> Outcome:
    """Run what should see a mutant first, and then all."""
    start = time.perf_counter()
    for functions in (mutant.functions, ()):
        result = run_battery(mutant.name, functions)
        seconds = time.perf_counter() - start
        code = result["code"]
        if code == NOTHING_SELECTED:
            return Outcome(invalid=f"no test has one of {mutant.functions}", seconds=seconds)
        if code != PASSED:
            if code != FAILED or not result.get("test"):
                return Outcome(invalid=result.get("output", "")[-2000:], seconds=seconds)
            return Outcome(result["test"], result["error"], result.get("sizes"), seconds)
    return Outcome(seconds=seconds)


def line(mutant: Mutant, outcome: Outcome) -> str:
    """Return a row of the table."""
    if outcome.invalid:
        what = f"NOT JUDGED: {outcome.invalid}"
    elif outcome.killer is None:
        what = "SURVIVED"
    else:
        test = outcome.killer.rpartition("::")[2]
        what = f"{test.partition('[')[0]} ({outcome.error})"
    sizes = "-" if outcome.sizes is None else ", ".join(map(str, outcome.sizes))
    return f"| {mutant.name} | {what} | {sizes} | {outcome.seconds:.1f} |"


def check_applicable(chosen: Sequence[Mutant]) -> None:
    stale = []
    for mutant in chosen:
        try:
            mutant.source()
        except Stale as error:
            stale.append(str(error))
    if stale:
        sys.exit("\n".join(stale) + f"\n{len(stale)} mutants do not apply to this source any more")


def check_baseline(chosen: Sequence[Mutant]) -> None:
    """Leave if the battery fails without any bug, so that it would prove nothing."""
    names = sorted({name for mutant in chosen for name in mutant.functions})
    whole = len(chosen) == len(MUTANTS)
    result = run_battery("none", () if whole else names)
    if result["code"] != PASSED:
        sys.exit(f"the battery fails without a bug:\n{result.get('output', '')[-4000:]}")
    print(f"without a bug: {result['tests']} tests passed in {result['seconds']:.0f} s\n")


def run(chosen: Sequence[Mutant], jobs: int) -> int:
    check_baseline(chosen)
    print("| mutant | killed by | elements of each input | seconds |")
    print("|---|---|---|---|", flush=True)
    start = time.perf_counter()
    outcomes = {}
    with ThreadPoolExecutor(jobs) as pool:
        for mutant, outcome in zip(chosen, pool.map(judge, chosen), strict=True):
            outcomes[mutant.name] = outcome
            print(line(mutant, outcome), flush=True)
    missed = [name for name, outcome in outcomes.items() if outcome.killer is None]
    print(f"\nkilled {len(chosen) - len(missed)} of {len(chosen)} mutants, in ", end="")
    print(f"{time.perf_counter() - start:.0f} s with {jobs} processes at a time")
    if missed:
        print("not killed:", *missed, sep="\n  ")
    return int(bool(missed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="all whose name contains it")
    parser.add_argument("--family", nargs="+", choices=FAMILIES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="check that each applies, and list it")
    parser.add_argument("--false-alarms", action="store_true", help="check right rules instead")
    options = parser.parse_args()
    if options.false_alarms:
        return false_alarms.run(ALARMS_ALLOWED, options.jobs)
    chosen = [
        mutant
        for mutant in MUTANTS
        if (not options.family or mutant.family in options.family)
        and (not options.only or any(name in mutant.name for name in options.only))
    ]
    if not chosen:
        parser.error("no mutant has such a name")
    check_applicable(chosen)
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name}  ({mutant.file}: {', '.join(mutant.functions)})")
        print(f"{len(chosen)} mutants")
        return 0
    return run(chosen, options.jobs)


if __name__ == "__main__":
    sys.exit(main())

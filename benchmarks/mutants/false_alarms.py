"""Right rules through the checks, with fixed seeds: how often is an alarm raised?

An example is one row of the table of cases with inputs, a cotangent and directions from one seed.
All rows have as many seeds as it takes; every example is checked to first order, and in turn to
second order and against the contracts.
"""

from __future__ import annotations

import itertools
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from mutant import ROOT

EXAMPLES = 30_000
CHUNK = 100


def examples(count: int) -> list[tuple[int, int]]:
    """Return (row, seed) for so many examples, a seed for all rows before the next."""
    from tests.cases import DIFFERENTIABLE

    pairs = ((row, seed) for seed in itertools.count() for row in range(len(DIFFERENTIABLE)))
    return list(itertools.islice(pairs, count))


def alarms(chunk: list[tuple[int, int]]) -> tuple[Counter[str], list[str]]:
    """Return how many examples had each verdict, and the alarms in words."""
    found: Counter[str] = Counter()
    told = []
    for row, seed in chunk:
        verdicts = list(verdicts_of(row, seed))
        worst = next((v for v in verdicts if v.startswith("failed")), None)
        if worst is not None:
            told.append(worst)
        inconclusive = "inconclusive" in verdicts
        found["failed" if worst else "inconclusive" if inconclusive else "passed"] += 1
    return found, told


def verdicts_of(row: int, seed: int) -> Iterator[str]:
    from tests.cases import DIFFERENTIABLE
    from tinygraph.testing import GradientError, InconclusiveWarning, contracts, gradcheck

    case = DIFFERENTIABLE[row]
    arrays = case.draw(np.random.default_rng([seed, row]))
    name = f"failed: {case} with seed {seed}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconclusiveWarning)
        try:
            yield gradcheck(case.function, *arrays, seed=seed).verdict
            if seed % 10 == 1:
                yield gradcheck(case.function, *arrays, order=2, seed=seed).verdict
        except GradientError as error:
            yield f"{name}: {error}"
    if seed % 10 == 0:
        found = contracts(
            case.function, *arrays, seed=seed, view=case.view, keeps_dtype=case.keeps_dtype
        )
        yield from (f"{name}: {finding}" for finding in found if finding.verdict == "failed")


def _prepare() -> None:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))


def run(allowed: int, jobs: int, count: int = EXAMPLES) -> int:
    """Print how many of the examples raised an alarm; return 1 if more than allowed did."""
    _prepare()
    pairs = examples(count)
    chunks = [pairs[i : i + CHUNK] for i in range(0, len(pairs), CHUNK)]
    total: Counter[str] = Counter()
    start = time.perf_counter()
    with ProcessPoolExecutor(jobs, initializer=_prepare) as pool:
        for found, told in pool.map(alarms, chunks):
            total += found
            for text in told:
                print(text, flush=True)
    print(f"{total['failed']} false alarms, {total['inconclusive']} inconclusive, ", end="")
    print(f"of {total.total()} examples, in {time.perf_counter() - start:.0f} s")
    return int(total["failed"] > allowed)

"""Where the time of a row goes, by tinygraph's own profiler.

python benchmarks/where.py lenet vgg
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")  # as run.py has it; NumPy reads it when imported

import peers
from workloads import Row, rows

import tinygraph as tg

SECONDS = 2.0  # of steps for each figure


def main() -> None:
    known = {row.name: row for row in rows()}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("row", nargs="+", choices=known, metavar="ROW", help=", ".join(known))
    for name in parser.parse_args().row:
        report(known[name])


def report(row: Row) -> None:
    """Print the time of a step, and its parts as the profiler sees them."""
    task = peers.make(peers.load("tinygraph"), row.work)
    times: list[float] = []
    while sum(times) < SECONDS:
        start = time.perf_counter()
        task.step()
        times.append(time.perf_counter() - start)
    count = max(1, len(times) // 4)
    with tg.profile() as profile:
        for _ in range(count):
            task.step()
    print(f"{row.title}: {statistics.median(times) * 1e3:.3g} ms a step; of {count} steps:\n")
    print(profile, end="\n\n")


if __name__ == "__main__":
    main()

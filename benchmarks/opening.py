"""How long a page of the interactive graph takes to open in a headless Chromium.

    python benchmarks/opening.py        # with what is installed here: the extras viz and browser

A row's time is from starting the browser until all boxes are there and one can be selected.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import tinygraph as tg

GOALS = {1000: 3, 5000: 10}  # boxes: seconds
ROUNDS = 5


def page_of(count: int, path: Path) -> Path:
    """Write the page of a chain of that many boxes, in frames of 500."""
    y = tg.ones(3, requires_grad=True)
    for stage in range(count // 500):
        with tg.scope(f"stage{stage}"):
            for i in range(500 if stage else 499):  # the leaf is a box too
                y = y.exp() if i % 2 else y.tanh()
    return tg.graph(y).render(path, max_nodes=count)


def opening(launch: Any, path: Path, count: int) -> float:
    """Return the seconds that it takes to open the page with all its boxes."""
    start = time.perf_counter()
    browser = launch()
    try:
        page = browser.new_page()
        page.goto(path.as_uri())
        page.evaluate("tg.views.open('everything')")
        boxes = page.locator("#camera .box")
        assert boxes.count() == count, f"{boxes.count()} boxes, not {count}"
        boxes.nth(3).click()
        return time.perf_counter() - start
    finally:
        browser.close()


def main() -> None:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    print("| boxes | seconds to open | goal | size of the page |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for count, goal in GOALS.items():
            path = page_of(count, Path(folder) / f"{count}.html")
            times = [
                opening(lambda: playwright.chromium.launch(executable_path=program), path, count)
                for _ in range(ROUNDS)
            ]
            size = path.stat().st_size / 1e6
            print(f"| {count:,} | {statistics.median(times):.1f} | {goal} | {size:.1f} MB |")


if __name__ == "__main__":
    main()

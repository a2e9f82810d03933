"""Walking through a page: what the tests of the stepper and of its views have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import tinygraph as tg

Show: TypeAlias = Callable[..., Any]


def leaf(value: Any, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(value), requires_grad=True, name=name)


def recorded(make: Callable[[], tg.Tensor], **options: Any) -> tg.Graph:
    with tg.record():
        loss = make()
        loss.backward()
    loss.name = "loss"
    return tg.graph(loss, **options)


def of_function(graph: tg.Graph, function: str) -> Any:
    return next(v for v in graph if v.function == function)


def number(value: float) -> str:
    """As the page writes it, for what needs no exponent."""
    return f"{value:.3g}".replace("-", "−")


def walk(page: Any) -> None:
    page.get_by_role("tab", name="Steps").click()


def forward(page: Any) -> None:
    page.get_by_role("button", name="Next step").click()


def back(page: Any) -> None:
    page.get_by_role("button", name="Previous step").click()


def step(page: Any, title: str) -> None:
    """Go to the step of a title, as the slider names it."""
    found = page.evaluate("tg.data.steps.map((step) => tg.cards.title(step))")
    page.evaluate(f"tg.stepper.go({found.index(title)})")


def step_of(page: Any, vertex: int, phase: str) -> int:
    found = page.evaluate(
        "([id, phase]) => tg.data.steps.find((x) => x.vertex === id && x.phase === phase).id",
        [vertex, phase],
    )
    return int(found)


def text(locator: Any) -> str:
    """What stands there, with single spaces."""
    return " ".join(locator.inner_text().split())


def texts(locator: Any) -> list[str]:
    return [" ".join(found.split()) for found in locator.all_inner_texts()]

"""The walk in a browser: every number that a teacher would write, at each step, forth and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.render.models import Tower, data

from .walking import Show, back, forward, leaf, number, recorded, step, step_of, text, texts, walk


def scalar() -> tg.Graph:
    w, x, b = leaf(3.0, "w"), tg.tensor(np.array(2.0), name="x"), leaf(-1.0, "b")
    return recorded(lambda: (w * x + b) ** 2)


def titles(page: Any, mark: str) -> list[str]:
    """The titles of the boxes that have a mark."""
    found: list[str] = page.locator(f".box.{mark} .title").all_text_contents()
    return found


def spoken(page: Any) -> list[str]:
    """The heading of a card, and the equations on it."""
    return [text(page.locator("#card h2")), *texts(page.locator("#card .equation"))]


# -- a formula on a whiteboard -------------------------------------------------------------------

STEPS = [
    ["What is given"],
    ["v₂ = w × x", "= 3 × 2 = 6"],
    ["v₄ = v₂ + b", "= 6 + (−1) = 5"],
    ["loss = v₄2", "= 5 2 = 25"],
    ["∂loss/∂loss", "g = 1"],
    ["Through ScalarPower, to v₄", "g = ∂loss/∂loss = 1", "gx = 1 · 2 · 5 2−1 = 10"],
    ["Through Add, to v₂ and b", "g = ∂loss/∂v₄ = 10", "ga = 10", "gb = 10"],
    ["Through Multiply, to w", "g = ∂loss/∂v₂ = 10", "ga = 10 · 2 = 20"],
    ["The gradients of the parameters"],
]
NOTES = [  # what stands on the picture, after each step: values, and gradients
    ({"3", "2", "−1"}, set()),
    ({"3", "2", "−1", "v₂ = 6"}, set()),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5"}, set()),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, set()),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, {"1"}),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, {"1", "10"}),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, {"1", "10"}),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, {"1", "10", "20"}),
    ({"3", "2", "−1", "v₂ = 6", "v₄ = 5", "25"}, {"1", "10", "20"}),
]


def notes(page: Any) -> tuple[set[str], set[str]]:
    found = page.locator("#camera .note.value"), page.locator("#camera .note.gradient")
    return set(found[0].all_text_contents()), set(found[1].all_text_contents())


def test_a_formula_forth_and_back(show: Show) -> None:
    page = show(scalar())
    walk(page)
    for i, (said, written) in enumerate(zip(STEPS, NOTES, strict=True)):
        assert text(page.locator("#stepper .controls .count")) == f"{i + 1} of 9"
        assert spoken(page) == said
        assert notes(page) == written
        forward(page)
    assert spoken(page) == STEPS[-1]  # there is nothing further
    for said, written in zip(STEPS[-2::-1], NOTES[-2::-1], strict=True):
        back(page)
        assert spoken(page) == said
        assert notes(page) == written
    back(page)
    assert spoken(page) == STEPS[0]


def test_what_is_given_and_what_comes_of_it(show: Show) -> None:
    page = show(scalar())
    walk(page)
    assert texts(page.locator("#card .given tr")) == ["w 3", "x 2", "b −1"]
    page.get_by_role("button", name="Last step").click()
    assert texts(page.locator("#card .given tr")) == ["w 20", "b 10"]


def test_the_rule_is_told_as_the_docstring_states_it(show: Show) -> None:
    page = show(scalar())
    walk(page)
    step(page, "Backward, through Multiply: v₂")
    lines = page.locator("#card .rules p")
    assert texts(lines) == ["ga = g b", "gb = g a"]
    assert lines.nth(1).get_attribute("class") == "idle"  # x wants no gradient
    assert text(page.locator("#card .rules + .says")) == "where b = x"


def test_the_picture_shows_where_one_is(show: Show) -> None:
    page = show(scalar())
    walk(page)
    step(page, "Forward, Add: v₄")
    assert titles(page, "mark-now") == ["Add"]
    assert sorted(titles(page, "mark-from")) == ["Multiply", "b"]
    assert titles(page, "mark-later") == ["loss = ScalarPower exponent 2"]
    assert page.locator(".edge.flowing").count() == 2
    step(page, "Backward, through Multiply: v₂")
    assert titles(page, "mark-to") == ["w"]
    assert page.locator(".edge.flowing").count() == 0
    assert page.locator(".edge.returning").count() == page.locator(".heads polygon").count() == 1
    page.get_by_role("tab", name="Details").click()
    assert page.locator(".mark-now, .mark-later, .note, .edge.returning").count() == 0
    assert text(page.locator("#details h2")) == "Multiply"


def three_factors() -> tg.Tensor:
    x = leaf([-0.1234, 0.2345, -0.3456, 0.4567], "x")
    return ((x * 0.123).sin() * (x * 0.456).exp() * (x + 0.1).tanh()).sum()


def four_in_a_row() -> tg.Tensor:
    leaves = [leaf(np.linspace(-1.234, 3.456 + i, 5), name) for i, name in enumerate("abcd")]
    return tg.concatenate([x.exp() for x in leaves]).sum()


@pytest.mark.parametrize("compute", [three_factors, four_in_a_row])
def test_numbers_of_neighbours_do_not_cover_one_another(
    show: Show, compute: Callable[[], tg.Tensor]
) -> None:
    page = show(recorded(compute))
    walk(page)
    page.get_by_role("button", name="Last step").click()
    found = [note.bounding_box() for note in page.locator("#camera .note.value").all()]
    assert page.locator("#camera .note.turned").count() > 0
    for i, a in enumerate(found):
        for b in found[:i]:
            beside = a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
            above = a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
            assert beside or above


# -- sums ----------------------------------------------------------------------------------------


def test_where_a_value_fans_out_gradients_add_up(show: Show) -> None:
    x = leaf(3.0, "x")
    page = show(recorded(lambda: x * x + x))
    walk(page)
    step(page, "Gradients add up at x")
    assert text(page.locator("#card .says").first).startswith("x was used 3 times")
    assert texts(page.locator("#card .addition tr")) == [
        "1 from loss, as its b",
        "+ 3 from v₁, as its a",
        "+ 3 from v₁, as its b",
        "= 7 ∂loss/∂x",
    ]
    assert notes(page)[1] == {"1", "7"}
    back(page)
    assert notes(page)[1] == {"1"}
    parts = page.locator("#card h3 small")
    assert texts(parts) == ["part 2 of 3, added later", "part 3 of 3, added later"]


@pytest.mark.parametrize("width", [1280, 375])
def test_rows_of_numbers_and_long_names_fit_into_the_panel(width: int, show: Show) -> None:
    x = leaf([-0.01234, 0.1234, -0.2345, 0.3456], "encoder.attention.q.bias")
    page = show(recorded(lambda: (x * x + x).sum()), {"viewport": {"width": width, "height": 800}})
    walk(page)
    for name in ("What is given", f"Gradients add up at {x.name}", "The gradients"):
        step(page, name)
        assert page.evaluate("tg.byId('panels').scrollWidth <= tg.byId('panels').clientWidth")
        room = page.locator("#panels").bounding_box()
        for numbers in page.locator("#card .matrix").all():
            drawn = numbers.bounding_box()
            assert drawn["x"] >= room["x"]
            assert drawn["x"] + drawn["width"] <= room["x"] + room["width"]


@pytest.mark.parametrize("width", [1280, 375])
def test_lines_of_a_formula_begin_with_no_comma_or_bracket(width: int, show: Show) -> None:
    rng = np.random.default_rng(0)
    x, y = leaf(rng.normal(size=(3, 4)), "x"), leaf(rng.normal(size=(3, 4)), "y")
    z = leaf(rng.normal(size=(3, 1)), "z")
    make = recorded(lambda: ((x - y).sigmoid().sum(axis=1, keepdims=True) * z).sum())
    page = show(make, {"viewport": {"width": width, "height": 800}})
    walk(page)
    lines = 0
    for _ in range(page.evaluate("tg.data.steps.length")):
        for side in page.locator("#card .equation .side").all():
            left = side.bounding_box()["x"]
            for part in side.locator(":scope > :not(.equals)").all():
                if part.bounding_box()["x"] < left + 21:  # it begins a line, where others do
                    assert not text(part).startswith((",", ")"))
                    assert part.bounding_box()["x"] >= left + 19
                    lines += 1
        forward(page)
    assert lines > 10


def test_the_rule_names_its_operands_in_order(show: Show) -> None:
    a, b = leaf(2.0, "p"), leaf(3.0, "q")
    page = show(recorded(lambda: a * b))
    walk(page)
    step(page, "Backward, through Multiply: loss")
    assert text(page.locator("#card .rules + .says")) == "where a = p, b = q"


def test_a_mask_leaves_colours_to_the_rest(show: Show) -> None:
    scores = leaf(np.linspace(-1, 1, 49).reshape(7, 7), "scores")
    mask = tg.tensor(np.tril(np.ones((7, 7), bool)), name="mask")
    page = show(recorded(lambda: tg.softmax(tg.where(mask, scores, -1e9), axis=-1).square().sum()))
    walk(page)
    step(page, "Forward, Where: v₃")
    chart = page.locator("#card .maps .heat")
    shares = chart.locator("> rect").evaluate_all(
        "all => all.map((x) => parseFloat(x.style.getPropertyValue('--part')))"
    )
    assert (shares[0], shares[1], shares[-1]) == (100, 100, 100)  # −1, −1e9 and 1
    assert shares[7] == pytest.approx(70.8, abs=0.1)
    assert texts(page.locator("#card .maps .scale > span")) == ["−1", "", "1"]


def test_empty_arrays_are_told_in_words(show: Show) -> None:
    x = leaf(np.zeros((0, 4)), "x")
    page = show(recorded(lambda: x.exp().sum() + x.sum()))
    walk(page)
    assert texts(page.locator("#card .given tr")) == ["x empty"]
    step(page, "Gradients add up at x")
    assert texts(page.locator("#card .addition .none")) == ["empty"] * 3


def test_the_pictures_of_three_axes_stand_apart(show: Show) -> None:
    x = leaf(np.arange(8.0).reshape(2, 2, 2), "x")
    page = show(recorded(lambda: (-x).sum()))
    walk(page)
    step(page, "Forward, Negative: v₁")
    parts = page.locator("#card .result .matrix > tbody")
    assert texts(parts) == ["0 −1 −2 −3", "−4 −5 −6 −7"]
    rows = [row.bounding_box() for row in parts.locator("tr").all()]
    assert rows[2]["height"] > rows[1]["height"] + 5


def test_what_was_broadcast_is_reduced(show: Show) -> None:
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]], "x"), leaf([10.0, 20.0], "b")
    page = show(recorded(lambda: (x * b).sum()))
    walk(page)
    step(page, "Backward, through Multiply: v₂")
    assert spoken(page) == [
        "Through Multiply, to x and b",
        "g = ∂loss/∂v₂ = 1 1 1 1",
        "ga = 1 1 1 1 · 10 20 = 10 20 10 20",
        "gb = 1 1 1 1 · 1 2 3 4 = 1 2 3 4",
        "Σ = 4 6",
    ]
    assert text(page.locator(".summed .says")) == (
        "b was repeated along axis 0: its gradient is the sum over it."
    )


def test_a_gradient_that_was_there_before_is_told_apart(show: Show) -> None:
    x = leaf(2.0, "x")
    x.grad = tg.tensor(np.array(100.0))
    page = show(recorded(lambda: x * x))
    walk(page)
    step(page, "Gradients add up at x")
    assert text(page.locator("#card .total")) == "= 4 ∂loss/∂x"
    assert "it held something before" in text(page.locator("#card"))


# -- how one gets around -------------------------------------------------------------------------


def test_by_keys(show: Show) -> None:
    page = show(scalar())
    walk(page)
    page.get_by_role("button", name="Next step").focus()
    for key, place in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2), ("End", 9)):
        page.keyboard.press(key)
        assert text(page.locator("#stepper .controls .count")) == f"{place} of 9"
    page.keyboard.press("Home")
    page.locator("#picture").focus()
    page.keyboard.press("n")
    assert spoken(page) == STEPS[1]
    page.keyboard.press("p")
    assert spoken(page) == STEPS[0]


def test_by_the_slider(show: Show) -> None:
    page = show(scalar())
    walk(page)
    slider = page.get_by_role("slider", name="Step")
    slider.fill("5")
    assert spoken(page) == STEPS[5]
    assert slider.get_attribute("aria-valuetext") == "Backward, through ScalarPower: loss"
    assert text(page.locator("#live")) == "Step 6 of 9. Backward, through ScalarPower: loss"
    page.get_by_role("button", name="backward", exact=True).click()
    assert spoken(page) == STEPS[4]
    page.get_by_role("button", name="forward", exact=True).click()
    assert spoken(page) == STEPS[0]


def test_by_the_picture_and_by_symbols(show: Show) -> None:
    page = show(scalar())
    walk(page)
    page.locator(".box", has_text="Add").click()
    assert spoken(page) == STEPS[2]
    page.locator("#card h2").get_by_role("button", name="v₂").click()
    assert spoken(page) == STEPS[1]
    step(page, "Backward, through ScalarPower: loss")
    page.locator(".box", has_text="Add").click()  # still backward
    assert spoken(page) == STEPS[6]


def test_modules_open_on_the_way(show: Show) -> None:
    net = Tower(2)
    graph = recorded(lambda: net(data("x", 5, 3)).sum(), model=net)
    page = show(graph, depth=1)
    walk(page)
    seen = set()
    for i in range(1, page.evaluate("tg.data.steps.length")):
        forward(page)
        seen.add(page.evaluate("tg.views.current().id"))
        assert page.locator(".box.mark-now").count() == (
            "vertex" in page.evaluate(f"tg.data.steps[{i}]")
        )
    assert seen == {"whole", "blocks"}


def test_without_numbers_shapes_and_rules_are_walked(show: Show) -> None:
    w = leaf(np.ones((2, 3)), "w")
    page = show(tg.graph((w * 2).tanh().sum()))
    walk(page)
    assert "with tg.record():" in text(page.locator("#stepper .advice"))
    step(page, "Backward, through Tanh: v₃")
    assert texts(page.locator("#card .rules p")) == ["gx = g (1 − y²)"]
    assert "gx: 2 × 3" in text(page.locator("#card"))
    assert page.locator("#card .equation").count() == 0


def test_without_backward_the_page_says_how(show: Show) -> None:
    with tg.record():
        y = leaf(1.0, "x") * 2
    page = show(tg.graph(y))
    walk(page)
    assert "To see gradients too, run backward inside of" in text(page.locator(".advice"))
    forward(page)
    assert spoken(page) == ["v₂ = x × 2", "= 1 × 2 = 2"]


def test_hostile_names_are_text(show: Show) -> None:
    name = "<img src=x onerror=alert(1)></script>"
    x = leaf([1.0, 2.0], name)
    page = show(recorded(lambda: (x * leaf(3.0, "</b>")).sum()))
    walk(page)
    for _ in range(page.evaluate("tg.data.steps.length")):
        forward(page)
    assert page.locator("img").count() == 0


def test_nan_and_infinity_are_shown(show: Show) -> None:
    x = leaf([1.0, 0.0], "x")
    with np.errstate(all="ignore"):
        graph = recorded(lambda: (1 / x - 1 / x).sum())
    page = show(graph)
    walk(page)
    for _ in range(page.evaluate("tg.data.steps.length")):
        assert "undefined" not in text(page.locator("#card"))
        forward(page)
    difference = next(v.id for v in graph if v.function == "Subtract")
    page.evaluate(f"tg.stepper.go({step_of(page, difference, 'forward')})")
    assert spoken(page)[1] == "= 1 ∞ − 1 ∞ = 0 NaN"


# -- arrays --------------------------------------------------------------------------------------


def test_a_large_array_is_a_heat_map_with_statistics(show: Show) -> None:
    values = np.linspace(-1, 3, 40 * 50).reshape(40, 50)
    page = show(recorded(lambda: leaf(values, "x").sum()))
    page.locator(".box", has_text="x").first.click()
    large = page.locator("#details .large").first
    most = number(np.abs(values[:28, :28]).max())
    assert text(large.locator(".maps figcaption")) == (
        f"−{most} {most} rows 1–28 of 40, columns 1–28 of 50"
    )
    assert texts(large.locator(".statistics div")) == ["min −1", "mean 1", "max 3", "norm 68.3"]
    assert large.locator(".heat rect").count() == 28 * 28
    box = large.locator(".heat").bounding_box()
    cell = box["width"] / 28
    large.locator(".heat").hover(position={"x": 4.5 * cell, "y": 2.5 * cell})
    assert text(large.locator(".maps figcaption > span").last) == (
        f"row 3, column 5: {number(values[2, 4])}"
    )
    first = large.locator(".heat rect").first
    assert first.get_attribute("class") == "below"

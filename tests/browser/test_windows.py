"""The views of single operations: windows, winners of a pool, y - t; with a teacher's numbers."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

from .walking import (
    Show,
    forward,
    leaf,
    number,
    of_function,
    recorded,
    step,
    step_of,
    text,
    texts,
    walk,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "notebook_layers.py"


class Net:
    """The notebook's network as a graph, with its arrays."""

    def __init__(self) -> None:
        spec = spec_from_file_location("notebook_layers", EXAMPLE)
        assert spec is not None
        assert spec.loader is not None
        layers = module_from_spec(spec)
        spec.loader.exec_module(layers)
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal((3, 2, 6, 6))
        self.w, self.b = rng.standard_normal((4, 2, 3, 3)), rng.standard_normal(4)
        self.t = rng.integers(0, 5, 3)
        x, w, b = leaf(self.x, "x"), leaf(self.w, "w"), leaf(self.b, "b")
        full, offset = leaf(rng.standard_normal((16, 5)) / 4, "full"), leaf(np.zeros(5), "offset")
        with tg.record():
            h = layers.conv_layer(x, w, b, 1, 1)
            self.pooled = layers.pooling_layer(h, 3, 0)
            self.flat = self.pooled.reshape(3, -1)
            loss = layers.output_layer(self.flat, full, offset, self.t)
            loss.backward()
        loss.name = "loss"
        self.graph = tg.graph(loss)
        self.relu = h.numpy()
        self.logits = (self.flat @ full + offset).numpy()
        conv = layers.conv_layer(x, w, b, 1, 1)._source.inputs[0]
        self.conv = tg.conv2d(x, w, b, 1, 1).numpy()
        assert conv is not None


@pytest.fixture(scope="module")
def net() -> Net:
    return Net()


def of(net: Net, function: str) -> Any:
    return of_function(net.graph, function)


def pick(page: Any, label: str, row: int, column: int, shape: tuple[int, int]) -> None:
    """Point at a pixel of a map."""
    chart = page.get_by_role("application", name=label)
    box = chart.bounding_box()
    height, width = box["height"] / shape[0], box["width"] / shape[1]
    chart.hover(position={"x": (column + 0.5) * width, "y": (row + 0.5) * height})


def cells(chart: Any) -> list[float]:
    """The numbers that stand in a map."""
    return [float(x.replace("−", "-")) for x in chart.locator("text").all_text_contents()]


def frames(page: Any, label: str, kind: str) -> set[tuple[int, int]]:
    """The framed cells of a map, as (row, column)."""
    marks = page.get_by_label(label, exact=True).locator(f".marks .{kind}")
    return {(int(m.get_attribute("y") or 0), int(m.get_attribute("x") or 0)) for m in marks.all()}


def test_convolution_shows_windows(net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    page.evaluate(f"tg.stepper.go({step_of(page, of(net, 'Conv2d').id, 'forward')})")
    pick(page, "output, a pixel to be chosen", 2, 3, (6, 6))
    window = {(r, c) for r in (1, 2, 3) for c in (2, 3, 4)}
    assert frames(page, "input", "window") == window
    inside, kernel = net.x[0, 0, 1:4, 2:5], net.w[0, 0]
    shown = [cells(page.get_by_label(x, exact=True)) for x in ("window", "kernel", "products")]
    for found, expected in zip(shown, (inside, kernel, inside * kernel), strict=True):
        np.testing.assert_allclose(found, expected.reshape(-1), rtol=6e-3, atol=5e-4)
    both = (net.x[0, :, 1:4, 2:5] * net.w[0]).sum()
    assert text(page.locator(".windows .sum")) == (
        f"Channel 1: the products sum to {number((inside * kernel).sum())}. output (3, 4) = "
        f"sum over 2 channels {number(both)} + bias {number(net.b[0])} = "
        f"{number(net.conv[0, 0, 2, 3])}"
    )
    assert both + net.b[0] == pytest.approx(net.conv[0, 0, 2, 3])
    assert "column 16 of 36, of 18 numbers" in text(page.locator(".windows .detail"))
    assert "4 × 18 matrix: row 1 times that column" in text(page.locator(".windows .detail"))


def test_windows_by_keys_filters_and_channels(net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    at = step_of(page, of(net, "Conv2d").id, "forward")
    page.evaluate(f"tg.stepper.go({at})")
    pick(page, "output, a pixel to be chosen", 0, 0, (6, 6))
    page.get_by_role("application", name="output").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert frames(page, "input", "window") == {(r, c) for r in (0, 1, 2) for c in (0, 1, 2)}
    assert text(page.locator("#stepper .controls .count")).startswith(
        f"{at + 1} of"
    )  # the walk stood still
    page.get_by_role("button", name="next filter").click()
    page.get_by_role("button", name="next channel").click()
    kernel = cells(page.get_by_label("kernel", exact=True))
    np.testing.assert_allclose(kernel, net.w[1, 1].reshape(-1), rtol=6e-3)
    assert f"= {number(net.conv[0, 1, 1, 1])}" in text(page.locator(".windows .sum"))


def test_a_window_in_the_padding(net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    page.evaluate(f"tg.stepper.go({step_of(page, of(net, 'Conv2d').id, 'forward')})")
    pick(page, "output, a pixel to be chosen", 0, 0, (6, 6))
    assert frames(page, "input", "window") == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert cells(page.get_by_label("window", exact=True))[:4] == [0, 0, 0, 0]
    assert text(page.locator(".windows .sum")).endswith(f"= {number(net.conv[0, 0, 0, 0])}")


def test_convolution_sends_gradients_back_through_windows(net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    v = of(net, "Conv2d")
    page.evaluate(f"tg.stepper.go({step_of(page, v.id, 'backward')})")
    g = v.grad.corner.array[0, 0]
    r, c = np.unravel_index(np.abs(g).argmax(), g.shape)  # where the view begins
    padded = np.pad(net.x[0, 0], 1)
    expected = g[r, c] * net.w[0, 0], g[r, c] * padded[r : r + 3, c : c + 3]
    for label, numbers in zip(("added to gx", "added to gw"), expected, strict=True):
        found = cells(page.get_by_label(label, exact=True))
        np.testing.assert_allclose(found, numbers.reshape(-1), rtol=6e-3, atol=5e-4)
    assert page.get_by_label("gradient of the input", exact=True).count() == 1


@pytest.mark.parametrize("phase", ["forward", "backward"])
def test_pooling_shows_its_winners(phase: str, net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    v = of(net, "MaxPool2d")
    page.evaluate(f"tg.stepper.go({step_of(page, v.id, phase)})")
    winners = set()
    for i in (0, 3):
        for j in (0, 3):
            part = net.relu[0, 0, i : i + 3, j : j + 3]
            r, c = np.unravel_index(part.argmax(), (3, 3))
            winners.add((int(i + r), int(j + c)))
    assert frames(page, "input, winners framed", "winner") == winners
    label = "output" if phase == "forward" else "gradient of the output"
    pick(page, f"{label}, a pixel to be chosen", 1, 0, (2, 2))
    (winner,) = (w for w in winners if w[0] >= 3 and w[1] < 3)
    said = text(page.locator(".windows .sum"))
    assert f"input ({winner[0] + 1}, {winner[1] + 1})" in said
    if phase == "forward":
        assert f"output (2, 1) = max = {number(net.pooled.numpy()[0, 0, 1, 0])}" in said
    else:
        g = number(v.grad.corner.array[0, 0, 1, 0]) if v.grad.corner else "?"
        assert said.startswith(f"g = {g} goes to the winner")
        framed = frames(page, "gradient of the input, winners framed", "winner")
        sent = v.contributions[0].corner.array[0, 0]
        assert framed == winners
        assert {tuple(map(int, p)) for p in np.argwhere(sent)} <= winners


def grouped(axes: int) -> tuple[tg.Graph, Any, Any]:
    """A convolution in two groups, and a pool, with windows of all sorts; the arrays."""
    rng = np.random.default_rng(1)
    x = leaf(rng.uniform(-1, 1, (2, 4, *[9, 7][-axes:])), "x")
    w = leaf(rng.uniform(-1, 1, (6, 2, *[3] * axes)), "w")
    function = {1: tg.conv1d, 2: tg.conv2d}[axes]
    pool = {1: tg.nn.functional.max_pool1d, 2: tg.max_pool2d}[axes]
    stride: Any = {1: 2, 2: (2, 1)}[axes]
    graph = recorded(lambda: pool(function(x, w, None, stride, 1, 2, 2), 2).sum())
    return graph, x.numpy(), w.numpy()


def test_a_filter_of_a_group_sees_its_channels(show: Show) -> None:
    graph, x, w = grouped(2)
    page = show(graph)
    walk(page)
    v = of_function(graph, "Conv2d")
    page.evaluate(f"tg.stepper.go({step_of(page, v.id, 'forward')})")
    sizes = "Windows of 3 × 3, stride 2 × 1, padding 1, dilation 2, 2 groups"
    assert text(page.locator(".windows .sizes")) == sizes
    said = page.locator(".counters .group")
    assert text(said) == "group 1 of 2: channels 1 to 2 of the input"
    for _ in range(4):
        page.get_by_role("button", name="next filter").click()
    assert text(said) == "group 2 of 2: channels 3 to 4 of the input"
    assert text(page.locator(".counter .count").last) == "channel 1 of 2"
    pick(page, "output, a pixel to be chosen", 1, 2, (4, 5))
    spots = {(r, c) for r in (1, 3, 5) for c in (1, 3, 5)}
    assert frames(page, "input", "window") == spots
    inside = x[0, 2:4, 1:6:2, 1:6:2]
    found = cells(page.get_by_label("window", exact=True))
    np.testing.assert_allclose(found, inside[0].reshape(-1), rtol=6e-3, atol=5e-4)
    output = (inside * w[4]).sum()
    assert output == pytest.approx(v.stats.corner.array[0, 4, 1, 2], rel=1e-6)
    assert text(page.locator(".windows .sum")).endswith(
        f"sum over 2 channels {number(output)} = {number(output)}"
    )
    detail = text(page.locator(".windows .detail"))
    assert "The group's kernels are the 3 rows of a 3 × 18 matrix: row 2 times" in detail
    page.evaluate(f"tg.stepper.go({step_of(page, v.id, 'backward')})")
    for _ in range(4):
        page.get_by_role("button", name="next filter").click()
    pick(page, "gradient of the output, a pixel to be chosen", 1, 2, (4, 5))
    sent = cells(page.get_by_label("added to gx", exact=True))
    expected = v.grad.corner.array[0, 4, 1, 2] * w[4, 0]
    np.testing.assert_allclose(sent, expected.reshape(-1), rtol=6e-3, atol=5e-4)


def test_windows_and_winners_of_sequences(show: Show) -> None:
    graph, x, w = grouped(1)
    page = show(graph)
    walk(page)
    v = of_function(graph, "Conv1d")
    page.evaluate(f"tg.stepper.go({step_of(page, v.id, 'forward')})")
    assert text(page.locator(".windows .sizes")) == (
        "Windows of 3, stride 2, padding 1, dilation 2, 2 groups"
    )
    assert "Sequence 1 of 2 is shown" in text(page.locator(".windows .aside").first)
    page.get_by_role("button", name="previous filter").click()  # the last one
    pick(page, "output, a pixel to be chosen", 0, 1, (1, 3))
    assert frames(page, "input", "window") == {(0, 1), (0, 3), (0, 5)}
    output = (x[0, 2:4, 1:6:2] * w[5]).sum()
    said = text(page.locator(".windows .sum"))
    assert f"output 2 = sum over 2 channels {number(output)} = {number(output)}" in said
    pool = of_function(graph, "MaxPool1d")
    page.evaluate(f"tg.stepper.go({step_of(page, pool.id, 'backward')})")
    row = np.array(v.stats.entries)[0, 0]
    winner = int(row[:2].argmax())
    assert frames(page, "input, winners framed", "winner") == {(0, winner)}
    assert text(page.locator(".windows .sum")) == (
        f"g = 1 goes to the winner, input {winner + 1}; all others of the window get 0."
    )


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("axes", [1, 2])
def test_windows_fit_into_the_panel(axes: int, width: int, show: Show) -> None:
    page = show(grouped(axes)[0], {"viewport": {"width": width, "height": 800}})
    walk(page)
    for _ in range(page.evaluate("tg.data.steps.length")):
        forward(page)
        assert page.evaluate("tg.byId('panels').scrollWidth <= tg.byId('panels').clientWidth")


def softmax(x: Any) -> Any:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def column(page: Any, place: int) -> list[float]:
    cells = page.locator(f".logits tbody tr td:nth-of-type({place})").all_inner_texts()
    return [float(x.replace("−", "-")) for x in cells]


@pytest.mark.parametrize("one_hot", [False, True])
def test_the_gradient_of_cross_entropy_is_y_minus_t(one_hot: bool, show: Show) -> None:
    rng = np.random.default_rng(1)
    x, classes = rng.standard_normal((3, 5)), rng.integers(0, 5, 3)
    y, t = softmax(x), np.eye(5)[classes]
    graph = recorded(lambda: tg.cross_entropy(leaf(x, "x"), t if one_hot else classes))
    loss = next(v for v in graph if "CrossEntropy" in (v.function or ""))
    page = show(graph)
    walk(page)
    page.evaluate(f"tg.stepper.go({step_of(page, loss.id, 'backward')})")
    for sample in range(3):
        assert texts(page.locator(".logits thead th")) == ["class", "y", "t", "y − t", "gx"]
        np.testing.assert_allclose(column(page, 1), y[sample], rtol=6e-3)
        np.testing.assert_allclose(column(page, 2), t[sample])
        np.testing.assert_allclose(column(page, 3), (y - t)[sample], rtol=6e-3)
        np.testing.assert_allclose(column(page, 4), (y - t)[sample] / 3, rtol=6e-3)
        page.get_by_role("button", name="next sample").click()


def test_the_loss_is_that_of_the_target(net: Net, show: Show) -> None:
    page = show(net.graph)
    walk(page)
    page.evaluate(f"tg.stepper.go({step_of(page, of(net, 'ClassCrossEntropy').id, 'forward')})")
    expected = -np.log(softmax(net.logits)[0, net.t[0]])
    assert text(page.locator(".windows .sum")) == f"loss = −Σ t log y = {number(expected)}"


def test_im2col_is_a_matrix_of_windows(show: Show) -> None:
    x = leaf(np.arange(50.0).reshape(1, 2, 5, 5), "x")
    graph = recorded(lambda: tg.unfold(x, 3, stride=2).sum())
    page = show(graph)
    walk(page)
    step(page, "Forward, Unfold: v₁")
    pick(page, "columns, one to be chosen", 1, 3, (18, 4))
    assert frames(page, "input", "window") == {(r, c) for r in (2, 3, 4) for c in (2, 3, 4)}
    assert frames(page, "input", "winner") == {(2, 3)}
    assert text(page.locator(".windows .sum")) == (
        "Column 4 of 4 is this window, from top to bottom; row 2 is channel 1."
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_scheme(scheme: str, net: Net, show: Show) -> None:
    page = show(net.graph, window={"color_scheme": scheme})
    walk(page)
    page.evaluate(f"tg.stepper.go({step_of(page, of(net, 'Conv2d').id, 'forward')})")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    padding = page.get_by_label("window", exact=True).locator("rect").first
    fill = padding.evaluate(
        "(cell) => { cell.style.setProperty('--part', '0%'); return getComputedStyle(cell).fill; }"
    )
    assert fill == page.evaluate(
        "(paper) => { const probe = document.createElement('p');"
        " probe.style.color = `color-mix(in oklab, red 0%, ${paper})`; document.body.append(probe);"
        " return getComputedStyle(probe).color; }",
        paper,
    )

"""Values, amounts and alarms in boxes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.render.numbers import amount, duration, short

from . import models
from .models import leaf
from .test_view import view


def recorded(array: list[float]) -> tg.Graph:
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor(np.array(array, np.float32), requires_grad=True, name="x")
        y = ((x * 2).sqrt().log() + 1).sum()
        y.backward()
    return tg.graph(y)


def test_all_numbers_of_a_small_graph() -> None:
    with tg.record():
        a = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="a")
        y = (a * 0.5).sum()
        y.backward()
    shown = {box.id: box.lines for box in view(tg.graph(y), values="full").boxes}
    assert shown["a"][1:] == (
        "(2, 2) · 4 numbers",
        "value = [1, 2]",
        "[3, 4]",
        "gradient = [0.5, 0.5]",
        "[0.5, 0.5]",
    )
    assert shown["Sum"] == ("Sum", "value = 5", "gradient = 1")


def test_what_is_empty_says_so_and_a_single_zero_is_told_as_it_is() -> None:
    with tg.record():
        empty = tg.zeros((0, 4), requires_grad=True, name="empty")
        y = empty.sum()
        y.backward()
    shown = {box.id: box.lines for box in view(tg.graph(y), values="stats").boxes}
    assert shown["empty"][-2:] == ("empty", "gradient empty")
    assert shown["Sum"] == ("Sum", "0", "gradient 1")


def test_gradients_stand_in_the_rules_where_there_are_any() -> None:
    shown = view(recorded([1, 2]), values="stats", backward="paired")
    lines = {box.id: box.lines for box in shown.boxes}
    assert lines["Log"][1:] == ("(2,)", "0.3466 … 0.6931")
    assert lines["grad Log"][1:] == ("gx = g / x", "g 1")
    assert lines["x"][-1] == "gradient 0.25 … 0.5"


@pytest.mark.parametrize("paired", [False, True])
def test_where_a_gradient_ends_the_reason_stands(paired: bool) -> None:
    with tg.record():
        w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
        y = (w * -1).relu().sum()
        y.backward()
    shown = view(tg.graph(y), overlay="grad_norm", backward="paired" if paired else "none")
    ends = [box.id for box in shown.boxes if "none of it goes on:" in box.lines]
    assert ends == ["grad ReLU" if paired else "ReLU"]
    (box,) = (box for box in shown.boxes if box.id in ends)
    assert " ".join(box.lines).endswith("its inputs are 0 or negative (a dead ReLU)")


def test_values_need_a_recording() -> None:
    with pytest.raises(ValueError, match=r'values= needs the numbers.*"with tg\.record\(\):"'):
        view(models.formula(), values="stats")
    with pytest.raises(ValueError, match=r'"with tg\.record\(\):"'):
        view(models.formula(), overlay="nonfinite")
    with pytest.raises(ValueError, match=r'needs gradients: .*"with tg\.record\(\):"'):
        view(models.formula(), overlay="grad_norm")
    with pytest.raises(ValueError, match=r'needs times: .*"with tg\.profile\(\):"'):
        view(models.formula(), overlay="time")


def test_the_first_that_is_not_finite_is_told_from_the_others() -> None:
    marks = {
        box.id: (box.mark, box.lines) for box in view(recorded([1, -1]), overlay="nonfinite").boxes
    }
    assert {id: mark for id, (mark, _) in marks.items() if id not in ("x", "Multiply")} == {
        "Sqrt": "origin",
        "Log": "victim",
        "Add": "victim",
        "Sum": "victim",
    }
    lines = marks["Sqrt"][1]
    assert "first not finite: 1.414, 1 NaN" in lines
    assert "from Multiply: −2 … 2" in lines
    assert any(line.startswith("at ") and "test_marks.py:" in line for line in lines)


def test_a_gradient_that_is_not_finite_though_all_values_are() -> None:
    with tg.record(), np.errstate(all="ignore"):
        x = tg.tensor([0.0, 1.0], requires_grad=True, name="x")
        y = (x.sqrt() * 2).sum()
        y.backward()
    marks = {box.id: box.mark for box in view(tg.graph(y), overlay="nonfinite").boxes}
    assert marks == {"x": "victim", "Sqrt": "origin", "Multiply": None, "Sum": None}


def test_an_origin_inside_of_a_closed_box_is_named() -> None:
    with tg.record(), np.errstate(all="ignore"):
        x = leaf("x", 2)
        with tg.scope("part"):
            y = (x - 2).sqrt().log()
    (box,) = (
        b for b in view(tg.graph(y.sum()), overlay="nonfinite", depth=1).boxes if b.id == "part"
    )
    assert box.mark == "origin"
    assert "in part/Sqrt" in box.lines


def test_gradient_norms_dead_and_missing() -> None:
    with tg.record():
        x, w, u = leaf("x", 2), leaf("w", 2), leaf("u", 2)
        y = (tg.relu(x - 5) + w * 3 + u.detach()).sum()
        y.backward()
        lost = u * 2
    boxes = {box.id: box for box in view(tg.graph(y, lost), overlay="grad_norm").boxes}
    assert (boxes["x"].mark, boxes["x"].lines[-1]) == ("dead", "gradient all 0")
    assert boxes["w"].lines[-1] == "|g| 4.243"
    assert boxes["w"].mark == 1.0
    assert (boxes["u"].mark, boxes["u"].lines[-1]) == ("missing", "no gradient")
    assert 0 < boxes["Sum"].mark < 1  # type: ignore[operator]


@pytest.mark.parametrize("overlay", ["flops", "bytes"])
def test_cost(overlay: str) -> None:
    boxes = view(models.network(), overlay=overlay).boxes
    (conv,) = (box for box in boxes if box.id == "Conv2d")
    assert max(box.mark for box in boxes if isinstance(box.mark, float)) == 1.0
    assert conv.lines[-1].endswith("FLOP" if overlay == "flops" else "B")


def test_time() -> None:
    with tg.profile():
        loss = tg.conv2d(leaf("x", 2, 1, 8, 8), leaf("w", 4, 1, 3, 3)).sum()
        loss.backward()
    shown = view(tg.graph(loss), overlay="time", backward="paired")
    lines = {box.id: box.lines[-1] for box in shown.boxes}
    assert lines["Conv2d"].endswith("s")
    assert lines["grad Conv2d"].endswith("s")


def test_numbers_are_short() -> None:
    assert [short(x) for x in (1 / 3, -2.0, 1.5e-7, 12345.6, float("nan"), None)] == [
        "0.3333",
        "−2",
        "1.5e−07",
        "1.235e+04",
        "NaN",
        "–",
    ]
    assert [amount(x, "B") for x in (0, 999, 1500, 2.5e6)] == ["0 B", "999 B", "1.5 kB", "2.5 MB"]
    assert [duration(x) for x in (2.0, 0.0015, 2e-7)] == ["2 s", "1.5 ms", "0.2 µs"]

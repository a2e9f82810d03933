"""steps: the walk through a Graph, with the numbers of known formulas asserted at each step."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._graph import Graph
from tinygraph.render.html.arrays import plain_with_arrays
from tinygraph.render.html.formulas import NOTATION, TIMES, parse, symbols
from tinygraph.render.html.steps import Step, steps


def leaf(value: Any, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(value), requires_grad=True, name=name)


def recorded(make: Callable[[], tg.Tensor]) -> Graph:
    with tg.record():
        loss = make()
        loss.backward()
    return tg.graph(loss)


def entries(summary: Any) -> Any:
    return None if summary is None else summary.entries


def numbers_of(graph: Graph, token: Any) -> Any:
    """What stands at a place of a formula."""
    if token[0] == "number":
        return token[2]
    vertex = graph[token[2]]
    if token[0] == "aux":
        return entries(vertex.aux[token[3]][1])
    if token[0] == "grad":
        return entries(vertex.grad)
    return vertex.value if vertex.value is not None else entries(vertex.stats)


def written(graph: Graph, formula: Any) -> str:
    """A formula with its numbers in place."""
    texts = []
    for token in formula:
        if isinstance(token, tuple):
            value = numbers_of(graph, token)
            negative = isinstance(value, (int, float)) and value < 0
            texts.append(f"({value:.6g})" if negative else str(value).removesuffix(".0"))
        else:
            texts.append(f" {TIMES} " if token == TIMES else token)
    return "".join(texts)


def stated(formula: Any, names: list[str] | None = None) -> str:
    """A formula as it is stated: with names."""
    texts = []
    for token in formula:
        if isinstance(token, tuple):
            kind, name, where = token[:3]
            if names is not None:
                name = names[where] if kind == "value" else str(where)
            texts.append(name)
        else:
            texts.append(" " if token == TIMES else token)
    return "".join(texts)


def told(graph: Graph, step: Step) -> Any:
    """A step as a line, with all its numbers."""
    names = symbols(graph)
    kind = step["kind"]
    if kind in ("start", "end"):
        wanted = "stats" if kind == "start" else "grad"
        return kind, {names[i]: entries(getattr(graph[i], wanted)) for i in step["vertices"]}
    vertex = graph[step["vertex"]]
    if kind == "forward":
        left = f"{names[vertex.id]} = {stated(step['formula'], names)}"
        return f"{left} = {written(graph, step['formula'])}", entries(vertex.stats)
    if kind == "seed":
        return f"g of {names[vertex.id]}", entries(vertex.grad)
    if kind == "sum":
        parts = [reaching(graph, user, position) for user, position in step["parts"]]
        return f"sum at {names[vertex.id]}", parts, entries(vertex.arrived or vertex.grad)
    lines = [f"{x['name']} = {written(graph, x['text'])}" for x in step["rule"]]
    sent = {names[p["to"]]: reaching(graph, vertex.id, p["operand"]) for p in step["parts"]}
    return lines, sent


def reaching(graph: Graph, user: int, position: int) -> Any:
    vertex = graph[user]
    reduced = vertex.reductions[position] if vertex.reductions else None
    return entries(reduced or vertex.contributions[position])


def walk(graph: Graph) -> list[Any]:
    return [told(graph, step) for step in steps(graph)]


# -- known formulas ------------------------------------------------------------------------------


def test_a_scalar_formula() -> None:
    w, x, b = leaf(3.0, "w"), tg.tensor(np.array(2.0), name="x"), leaf(-1.0, "b")
    assert walk(recorded(lambda: (w * x + b) ** 2)) == [
        ("start", {"w": 3.0, "x": 2.0, "b": -1.0}),
        ("v₂ = w × x = 3 × 2", 6.0),
        ("v₄ = v₂ + b = 6 + (-1)", 5.0),
        ("v₅ = v₄^2 = 5^2", 25.0),
        ("g of v₅", 1.0),
        (["gx = 1 · 2 · 5^(2−1)"], {"v₄": 10.0}),
        (["ga = 10", "gb = 10"], {"v₂": 10.0, "b": 10.0}),
        (["ga = 10 · 2", "gb = 10 · 3"], {"w": 20.0}),
        ("end", {"w": 20.0, "b": 10.0}),
    ]


def test_a_value_that_is_used_twice() -> None:
    x = leaf(3.0, "x")
    assert walk(recorded(lambda: x * x + x)) == [
        ("start", {"x": 3.0}),
        ("v₁ = x × x = 3 × 3", 9.0),
        ("v₂ = v₁ + x = 9 + 3", 12.0),
        ("g of v₂", 1.0),
        (["ga = 1", "gb = 1"], {"v₁": 1.0, "x": 1.0}),
        (["ga = 1 · 3", "gb = 1 · 3"], {"x": 3.0}),
        ("sum at x", [1.0, 3.0, 3.0], 7.0),
        ("end", {"x": 7.0}),
    ]


def test_what_is_broadcast_is_summed() -> None:
    x, b = leaf([[1.0, 2.0], [3.0, 4.0]], "x"), leaf([10.0, 20.0], "b")
    graph = recorded(lambda: (x * b).sum())
    _, product = (step for step in steps(graph) if step["kind"] == "rule")
    assert product["parts"] == [{"operand": 0, "to": 0}, {"operand": 1, "to": 1, "axes": [0]}]
    vertex = graph[product["vertex"]]
    assert entries(vertex.contributions[1]) == ((1.0, 2.0), (3.0, 4.0))
    assert told(graph, product)[1] == {"x": ((10.0, 20.0), (10.0, 20.0)), "b": (4.0, 6.0)}


@pytest.mark.parametrize(
    ("shape", "axes"), [((), [0, 1]), ((3,), [0]), ((2, 1), [1]), ((1, 1), [0, 1])]
)
def test_axes_that_were_repeated(shape: tuple[int, ...], axes: list[int]) -> None:
    x, b = leaf(np.ones((2, 3))), leaf(np.ones(shape))
    (add,) = (s for s in steps(tg.graph(x + b)) if s["kind"] == "rule")
    assert add["parts"] == [{"operand": 0, "to": 0}, {"operand": 1, "to": 1, "axes": axes}]


def test_a_branching_graph_is_walked_as_the_engine_did() -> None:
    x = leaf(0.5, "x")
    graph = recorded(lambda: tg.sin(x) * tg.exp(x) + tg.sin(x * 2))
    order = [graph[s["vertex"]].function for s in steps(graph) if s["kind"] == "rule"]
    turns = sorted((v.turn, v.function) for v in graph if v.turn is not None)
    assert order == [function for _, function in turns]
    (meeting,) = (s for s in steps(graph) if s["kind"] == "sum")
    _, parts, total = told(graph, meeting)
    assert sum(parts) == pytest.approx(total, rel=1e-12)
    derivative = math.exp(0.5) * (math.sin(0.5) + math.cos(0.5)) + 2 * math.cos(1)
    assert total == pytest.approx(derivative, rel=1e-12)


UNARY = [  # with a formula of numbers, forward and backward
    *(tg.negative, tg.square, tg.sqrt, tg.abs, tg.reciprocal, tg.exp, tg.log, tg.sin, tg.cos),
    *(tg.tan, tg.tanh, tg.sigmoid, tg.log1p, tg.expm1, tg.exp2, tg.cosh, tg.sinh, tg.arctan),
    *(lambda x: x**3, lambda x: x**-0.5, tg.rsqrt, tg.cbrt, tg.log2, tg.arcsinh),
]
BINARY = [
    *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b),
    *(lambda a, b: a**b, tg.maximum, tg.minimum, tg.hypot, tg.arctan2, tg.logaddexp),
]
MEANING = {
    **{name: getattr(math, name) for name in ("exp", "log", "sin", "cos", "tan", "tanh", "cosh")},
    **{"sinh": math.sinh, "sqrt": math.sqrt, "pi": math.pi, "max": max, "min": min},
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "sign": np.sign,
}


def evaluated(text: str) -> float:
    """What a formula comes to whose names are replaced by numbers."""
    text = re.sub(r" \(infinite.*|, .*0 at.*| as for.*", "", text)
    text = re.sub(r"√([\d.]+)", r"sqrt(\1)", text)
    text = re.sub(r"\|(.*)\|", r"abs(\1)", text)
    text = re.sub(r"\b(exp|log|sin|cos|tan|tanh|cosh|sinh) (\([^)]*\)|[\d.]+)", r"\1(\2)", text)
    for written, meant in {"−": "-", "×": "*", "÷": "/", "^": "**", "σ": "sigmoid"}.items():
        text = text.replace(written, meant)
    text = re.sub(r"/ ([\d.]+) · (\S+)", r"/ (\1 * \2)", text).replace(TIMES, "*")
    return float(eval(text.replace("²", "**2").replace("³", "**3"), {**MEANING}))


@pytest.mark.parametrize("function", UNARY)
@pytest.mark.parametrize("value", [0.3, 1.7])
def test_formulas_of_one_number_give_its_results(
    function: Callable[..., tg.Tensor], value: float
) -> None:
    check(recorded(lambda: function(leaf(value, "x")) * 1.5))


@pytest.mark.parametrize("function", BINARY)
def test_formulas_of_two_numbers_give_their_results(function: Callable[..., tg.Tensor]) -> None:
    check(recorded(lambda: function(leaf(0.7, "a"), leaf(1.9, "b")) * -1.5))


def check(graph: Graph) -> None:
    """Every formula that is written with numbers comes to what was recorded."""
    for step in steps(graph):
        vertex = graph[step["vertex"]] if "vertex" in step else None
        if vertex is None:
            continue
        if step["kind"] == "forward" and vertex.function in NOTATION:
            made = evaluated(written(graph, step["formula"]))
            assert made == pytest.approx(entries(vertex.stats), rel=1e-5)
        for line in step.get("rule", ()):
            made = evaluated(written(graph, line["text"]))
            sent = vertex.contributions[line["operand"]]
            if sent is not None:
                assert made == pytest.approx(entries(sent), rel=1e-5)


# -- formulas ------------------------------------------------------------------------------------

X, Y = ("value", "x", 0), ("value", "y", 1)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("x y", (X, TIMES, Y)),
        ("2 x / 3y²", ("2", TIMES, X, " / 3", TIMES, Y, "²")),
        ("x (1 - y²)", (X, TIMES, "(1 − ", Y, "²)")),
        ("-x sin y", ("−", X, TIMES, "sin ", Y)),
        ("0 where y <= 0, else x", ("0 where ", Y, " ≤ 0, else ", X)),
        ("x yᵀ", (X, TIMES, Y, "ᵀ")),
        ("xᵀ y", (X, "ᵀ", TIMES, Y)),
        ("sum g x\u0302", ("sum g x\u0302",)),
        ("max z", ("max z",)),
    ],
)
def test_parse(text: str, formula: Any) -> None:
    assert parse(text, {"x": X, "y": Y}) == formula


def test_operations_are_written_by_hand() -> None:
    x, w = leaf(np.ones((2, 3)), "x"), leaf(np.ones((3, 3)), "w")
    b = leaf(np.ones(3), "b")
    cases = {
        "x @ w": x @ w,
        "x @ wᵀ": tg.linear(x, w),
        "x @ wᵀ + b": tg.linear(x, w, b),
        "Σ x": x.sum(),
        "Sum(x, axis 1)": x.sum(axis=1),
        "Σ x ÷ 6": x.mean(),
        "max(x, 0)": tg.relu(x),
        "x^3": x**3,
        "x × 2": x * 2,
        "Concatenate(x, w, axis 0)": tg.concatenate([x, w]),
    }
    for text, y in cases.items():
        graph = tg.graph(y)
        (step,) = (s for s in steps(graph) if s["kind"] == "forward")
        assert stated(step["formula"], symbols(graph)) == text


def test_symbols() -> None:
    x, twin, other = leaf(1.0, "x"), leaf(1.0, "x"), leaf(1.0, "</script>")
    graph = tg.graph((x * twin - 0.5) * other * leaf(2.0, "fc.weight"))
    assert symbols(graph) == ["v₀", "v₁", "v₂", "0.5", "v₄", "v₅", "v₆", "fc.weight", "v₈"]


# -- what was not recorded -----------------------------------------------------------------------


def test_without_record_the_walk_is_the_same() -> None:
    def loss() -> tg.Tensor:
        x = leaf([1.0, 2.0], "x")
        return ((x * 2).exp() * x).sum()

    def outline(graph: Graph) -> list[Any]:
        return [(s["kind"], s.get("vertex"), s.get("parts")) for s in steps(graph)]

    assert outline(tg.graph(loss())) == outline(recorded(loss))


def test_what_needs_no_gradient_is_not_walked_back() -> None:
    x = tg.tensor([1.0, 2.0], name="x")
    with tg.record():
        y = (x * 2).sum()
    assert [s["kind"] for s in steps(tg.graph(y))] == ["start", "forward", "forward"]


def test_a_traced_backward_pass_is_not_walked_twice() -> None:
    x = leaf([1.0, 2.0], "x")
    loss = (x * x).sum()
    plain, traced = tg.graph(loss), tg.graph(loss, backward=True)
    assert steps(traced) == steps(plain)


def test_several_outputs_each_begin() -> None:
    x = leaf([1.0], "x")
    found = steps(tg.graph(x * 2, x.exp()))
    assert [s["kind"] for s in found if s["phase"] == "backward"] == [
        *("seed", "rule", "seed", "rule", "sum", "end")
    ]


# -- what is shown beside numbers ----------------------------------------------------------------


def test_windows_and_logits() -> None:
    x, w = leaf(np.ones((1, 2, 6, 6)), "x"), leaf(np.ones((3, 2, 3, 3)), "w")
    h = tg.max_pool2d(tg.conv2d(x, w, stride=(1, 2), padding=1), 2)
    logits = h.reshape(1, -1)
    even = tg.tensor(np.full((1, 9), 1 / 9))
    loss = tg.cross_entropy(logits, tg.tensor([0])) + tg.cross_entropy(logits, even)
    loss = loss + tg.unfold(x, 2).sum()
    graph = tg.graph(loss)
    shown = {graph[s["vertex"]].function: s["show"] for s in steps(graph) if "show" in s}
    windows = {"stride": (1, 2), "padding": (1, 1), "dilation": (1, 1)}
    assert shown == {
        "Conv2d": {"kind": "conv", "kernel_size": (3, 3), **windows, "groups": 1},
        "MaxPool2d": {
            **{"kind": "pool", "kernel_size": (2, 2), "stride": (2, 2)},
            **{"padding": (0, 0), "dilation": (1, 1)},
        },
        "ClassCrossEntropy": {"kind": "softmax", "classes": True},
        "CrossEntropy": {"kind": "softmax", "classes": False},
        "Unfold": {
            **{"kind": "columns", "kernel_size": (2, 2), "stride": (1, 1)},
            **{"padding": (0, 0), "dilation": (1, 1)},
        },
    }


OURS = ("Conv2d", "MaxPool2d", "Unfold", "ClassCrossEntropy", "Sum", "Mean", "Add", "Square")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("shape", [(), (2, 2), (1, 1, 3, 3)])
def test_a_class_of_a_users_own_may_have_the_name_of_ours(name: str, shape: Any) -> None:
    def forward(self: Any, thing: Any) -> Any:
        return thing * 2

    def backward(self: Any, g: Any) -> Any:
        return g * 2

    own = type(name, (tg.Function,), {"forward": forward, "backward": backward})()
    found = steps(recorded(lambda: own(leaf(np.ones(shape), "x")).sum()))
    step = next(s for s in found if s["kind"] == "forward")
    assert stated(step["formula"]) == f"{name}(thing)"
    assert "show" not in step


# -- arrays in the page --------------------------------------------------------------------------


def test_each_summary_is_told_once() -> None:
    x = leaf([1.0, 2.0, 3.0], "x")
    graph = recorded(lambda: (x + x).sum())
    vertices, _, summaries = plain_with_arrays(graph)
    add = next(v for v in vertices if v.get("function") == "Add")
    assert add["contributions"] == [add["grad"], add["grad"]]
    assert summaries[add["grad"]]["entries"] == [1.0, 1.0, 1.0]
    assert len(summaries) == len({str(s) for s in summaries})
    assert "stats" not in plain_with_arrays(tg.graph(x * 2))[0][0]


def test_numbers_have_six_digits() -> None:
    vertices, _, summaries = plain_with_arrays(recorded(lambda: leaf([1 / 3, 2 / 3]).sum()))
    assert summaries[vertices[0]["stats"]]["entries"] == [0.333333, 0.666667]


def test_many_arrays_have_smaller_pictures() -> None:
    def chain(length: int) -> Graph:
        with tg.record():
            y = tg.tensor(np.arange(40 * 40.0).reshape(40, 40))
            for _ in range(length):
                y = y + 1.5
        return tg.graph(y)

    few, many = plain_with_arrays(chain(3))[2], plain_with_arrays(chain(1000))[2]
    assert [s["corner"]["shape"] for s in few if "corner" in s] == [[28, 28]] * 4
    shapes = [s["corner"]["shape"] for s in many if "corner" in s]
    assert shapes == [[24, 24]] * 1001
    assert sum(a * b for a, b in shapes) <= 600_000


@pytest.mark.parametrize("shape", [(64, 64), (6, 6)])  # a picture each, or 36 numbers each
def test_a_walk_through_5000_vertices_stays_small(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x = leaf(rng.uniform(-1, 1, shape), "x")

    def loss() -> tg.Tensor:
        y = x
        for _ in range(1666):
            y = tg.sin(y * x + rng.standard_normal(shape))
        return y.sum()

    graph = recorded(loss)
    assert len(graph) > 5000
    whole = {"arrays": plain_with_arrays(graph), "steps": steps(graph)}
    assert len(json.dumps(whole, separators=(",", ":"))) < 10e6

"""steps: the walk through a Graph, with the numbers of known formulas asserted at each step."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph._graph import Graph, Vertex
from tinygraph.render.html.arrays import ROOM, plain_with_arrays
from tinygraph.render.html.columns import columns
from tinygraph.render.html.formulas import NOTATION, TIMES, parse, symbols
from tinygraph.render.html.steps import Step, steps
from tinygraph.render.paired import rules


def leaf(value: Any, name: str | None = None) -> tg.Tensor:
    return tg.tensor(np.array(value), requires_grad=True, name=name)


def recorded(make: Callable[[], tg.Tensor]) -> Graph:
    with tg.record():
        loss = make()
        loss.backward()
    return tg.graph(loss)


def entries(summary: Any) -> Any:
    return None if summary is None else summary.entries


def meant(graph: Graph, vertex: Vertex, place: int | None) -> Vertex:
    """What a formula means: an operand, or the output."""
    operand = None if place is None else vertex.operands[place]
    return vertex if operand is None else graph[operand]


def numbers_of(graph: Graph, vertex: Vertex, token: Any) -> Any:
    """What stands at a place of a formula."""
    if token[0] == "number":
        return token[2]
    if token[0] == "aux":
        return entries(vertex.aux[token[2]][1])
    if token[0] == "grad":
        return entries(vertex.grad)
    vertex = meant(graph, vertex, token[2])
    return vertex.value if vertex.value is not None else entries(vertex.stats)


def written(graph: Graph, vertex: Vertex, formula: Any) -> str:
    """A formula with its numbers in place."""
    texts = []
    for token in formula:
        if isinstance(token, tuple):
            value = numbers_of(graph, vertex, token)
            negative = isinstance(value, (int, float)) and value < 0
            texts.append(f"({value:.6g})" if negative else str(value).removesuffix(".0"))
        else:
            texts.append(f" {TIMES} " if token == TIMES else token)
    return "".join(texts)


def stated(formula: Any, graph: Graph | None = None, vertex: Vertex | None = None) -> str:
    """A formula as it is stated: with the names of arguments, or the symbols of vertices."""
    texts = []
    for token in formula:
        if isinstance(token, tuple):
            kind, name, *where = token
            if graph is not None and vertex is not None and kind == "value":
                name = symbols(graph)[meant(graph, vertex, *where).id]
            texts.append(str(where[0]) if kind == "number" else name)
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
        left = f"{names[vertex.id]} = {stated(step['formula'], graph, vertex)}"
        return f"{left} = {written(graph, vertex, step['formula'])}", entries(vertex.stats)
    if kind == "seed":
        return f"g of {names[vertex.id]}", entries(vertex.grad)
    if kind == "sum":
        parts = [reaching(graph, user, position) for user, position in step["parts"]]
        return f"sum at {names[vertex.id]}", parts, entries(vertex.arrived or vertex.grad)
    lines = [f"{x['name']} = {written(graph, vertex, x['text'])}" for x in step["rule"]]
    sent = {
        names[meant(graph, vertex, part["operand"]).id]: reaching(graph, vertex.id, part["operand"])
        for part in step["parts"]
    }
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
    assert product["parts"] == [{"operand": 0}, {"operand": 1, "axes": [0]}]
    vertex = graph[product["vertex"]]
    assert entries(vertex.contributions[1]) == ((1.0, 2.0), (3.0, 4.0))
    assert told(graph, product)[1] == {"x": ((10.0, 20.0), (10.0, 20.0)), "b": (4.0, 6.0)}


@pytest.mark.parametrize(
    ("shape", "axes"), [((), [0, 1]), ((3,), [0]), ((2, 1), [1]), ((1, 1), [0, 1])]
)
def test_axes_that_were_repeated(shape: tuple[int, ...], axes: list[int]) -> None:
    x, b = leaf(np.ones((2, 3))), leaf(np.ones(shape))
    (add,) = (s for s in steps(tg.graph(x + b)) if s["kind"] == "rule")
    assert add["parts"] == [{"operand": 0}, {"operand": 1, "axes": axes}]


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
    *(lambda x: x**3, lambda x: x**-0.5, tg.rsqrt, tg.cbrt, tg.log2, tg.arcsinh, tg.relu),
]
BINARY = [
    *(lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b),
    *(lambda a, b: a**b, tg.maximum, tg.minimum, tg.hypot, tg.arctan2, tg.logaddexp),
    *(tg.fmax, tg.fmin),
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
    text = text.replace(" or 1.9 is NaN", "").replace("≤", "<=").replace("≥", ">=")
    text = re.sub(r"([^,]+?) where ([^,]+), (?:else )?", r"(\1) if (\2) else ", text)
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
            made = evaluated(written(graph, vertex, step["formula"]))
            assert made == pytest.approx(entries(vertex.stats), rel=1e-5)
        for line in step.get("rule", ()):
            made = evaluated(written(graph, vertex, line["text"]))
            sent = vertex.contributions[line["operand"]]
            if sent is not None:
                assert made == pytest.approx(entries(sent), rel=1e-5)


# -- formulas ------------------------------------------------------------------------------------

X, Y = ("value", "x", 0), ("value", "y", None)


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


def functions() -> list[type[tg.Function]]:
    """All Functions of tinygraph whose result may require a gradient, and that have a rule."""
    found = []
    waiting: list[type[tg.Function]] = [tg.Function]
    for function in waiting:  # which grows meanwhile
        waiting += function.__subclasses__()
        ours = function.__module__.startswith("tinygraph.")
        if ours and function.backward is not tg.Function.backward:
            found.append(function)
    return found


def test_every_function_states_its_rule_as_a_formula() -> None:
    missing = []
    for function in functions():
        vertex = replace(tg.graph(leaf(1.0))[0], doc=function.__doc__)
        if not function.__name__.startswith("_") and not rules(vertex):
            missing.append(function.__name__)
    assert len(functions()) > 120
    assert missing == []


def test_each_of_several_operands_has_its_rule() -> None:
    a, b, c = leaf(np.ones((2, 3)), "a"), leaf(np.ones((3, 4)), "b"), leaf(np.ones(4), "c")
    graph = tg.graph(tg.einsum("ij,jk,k->i", a, b, c))
    (step,) = (s for s in steps(graph) if s["kind"] == "rule")
    vertex = graph[step["vertex"]]
    lines = [f"{line['name']} = {stated(line['text'], graph, vertex)}" for line in step["rule"]]
    assert lines == [
        "goperands[0] = einsum(g, b, c)",
        "goperands[1] = einsum(g, a, c)",
        "goperands[2] = einsum(g, a, b)",
    ]
    (step,) = (s for s in steps(tg.graph(tg.concatenate([a, a]))) if s["kind"] == "rule")
    assert [stated(line["text"]) for line in step["rule"]] == ["gxs = split(g), where they meet"]


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
        assert stated(step["formula"], graph, graph[step["vertex"]]) == text


def test_symbols() -> None:
    x, twin, other = leaf(1.0, "x"), leaf(1.0, "x"), leaf(1.0, "</script>")
    graph = tg.graph((x * twin - 0.5) * other * leaf(2.0, "fc.weight"))
    assert symbols(graph) == ["v₀", "v₁", "v₂", "0.5", "v₄", "v₅", "v₆", "fc.weight", "v₈"]
    graph = tg.graph(x * 1e-7 - 1e9)
    assert [symbols(graph)[v.id] for v in graph if v.kind == "constant"] == ["1e−7", "1e9"]


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
            **{"padding": (0, 0), "dilation": (1, 1), "groups": 1},
        },
        "ClassCrossEntropy": {"kind": "softmax", "classes": True},
        "CrossEntropy": {"kind": "softmax", "classes": False},
        "Unfold": {
            **{"kind": "columns", "kernel_size": (2, 2), "stride": (1, 1)},
            **{"padding": (0, 0), "dilation": (1, 1), "groups": 1},
        },
    }


def test_a_sequence_is_an_image_of_one_row() -> None:
    x, w = leaf(np.ones((2, 4, 9)), "x"), leaf(np.ones((6, 2, 3)), "w")
    graph = tg.graph(tg.nn.functional.max_pool1d(tg.conv1d(x, w, None, 2, 1, 2, 2), 2).sum())
    shown = {graph[s["vertex"]].function: s["show"] for s in steps(graph) if "show" in s}
    assert shown == {
        "Conv1d": {
            **{"kind": "conv", "kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 1)},
            **{"dilation": (1, 2), "groups": 2},
        },
        "MaxPool1d": {
            **{"kind": "pool", "kernel_size": (1, 2), "stride": (1, 2), "padding": (0, 0)},
            **{"dilation": (1, 1), "groups": 1},
        },
    }


OURS = (
    *("Conv1d", "Conv2d", "MaxPool1d", "MaxPool2d", "Unfold", "ClassCrossEntropy"),
    *("Sum", "Mean", "Add", "Square"),
)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("shape", [(), (2, 2), (1, 1, 3), (1, 1, 3, 3)])
def test_a_class_of_a_users_own_may_have_the_name_of_ours(name: str, shape: Any) -> None:
    def forward(self: Any, thing: Any) -> Any:
        return thing * 2

    def backward(self: Any, g: Any) -> Any:
        return g * 2

    def __init__(self: Any) -> None:
        self.kernel_size = self.stride = self.padding = self.dilation = 2

    methods = {"__init__": __init__, "forward": forward, "backward": backward}
    own = type(name, (tg.Function,), methods)()
    found = steps(recorded(lambda: own(leaf(np.ones(shape), "x")).sum()))
    step = next(s for s in found if s["kind"] == "forward")
    assert stated(step["formula"]).startswith(f"{name}(thing, ")
    assert "show" not in step


# -- arrays in the page --------------------------------------------------------------------------


def test_each_summary_is_told_once() -> None:
    x = leaf([1.0, 2.0, 3.0], "x")
    graph = recorded(lambda: (x + x).sum())
    vertices, _, summaries = plain_with_arrays(graph)
    add = next(v for v in vertices if v.get("function") == "Add")
    assert add["contributions"] == [add["grad"], add["grad"]]
    assert summaries[add["grad"]]["entries"] == (1.0, 1.0, 1.0)
    assert len(summaries) == len({str(s) for s in summaries})
    assert "stats" not in plain_with_arrays(tg.graph(x * 2))[0][0]


def test_numbers_have_six_digits() -> None:
    vertices, _, summaries = plain_with_arrays(recorded(lambda: leaf([1 / 3, 2 / 3]).sum()))
    assert summaries[vertices[0]["stats"]]["entries"] == (0.333333, 0.666667)


def test_many_arrays_have_smaller_pictures() -> None:
    def chain(length: int) -> Graph:
        with tg.record():
            y = tg.tensor(np.arange(40 * 40.0).reshape(40, 40))
            for _ in range(length):
                y = y + 1.5
        return tg.graph(y)

    few, many = plain_with_arrays(chain(3))[2], plain_with_arrays(chain(1000))[2]
    assert [s["leading"] for s in few if "leading" in s] == [(28, 28)] * 4
    shapes = [s["leading"] for s in many if "leading" in s]
    assert shapes == [(17, 17)] * 1001
    assert sum(a * b for a, b in shapes) <= ROOM


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
    vertices, _, summaries = plain_with_arrays(graph)
    whole = [columns(vertices), columns(summaries), columns(steps(graph))]
    assert len(json.dumps(whole, separators=(",", ":"))) < 5.5e6

"""Formulas: what an operation computes and how its rule goes, with places for the numbers.

A formula is a tuple of *tokens*: text as it stands, "·" for a product that is written by standing
side by side, and places: what stands there, how the docstring calls it, and where the numbers are.
``("value", "b", 1)`` is the second operand, ``("value", "y", None)`` the output, ``("grad", "g")``
the gradient that arrived, ``("aux", "winners", 0)`` the first of what was handed on, and
``("number", "p", 2)`` is 2.  So operations that are alike have the same formula.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ..._graph import Graph, Vertex, printable
from ..labels import number, settings
from ..paired import rules

Token: TypeAlias = str | tuple[Any, ...]
Formula: TypeAlias = tuple[Token, ...]

TIMES = "·"
OTHERS = ", others)"  # how a rule ends that takes all operands but that whose gradient it is
LONG = 24  # characters of a name
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

# How operations are written by hand; all others as Name(operands, settings).
NOTATION = {
    "Add": "a + b",
    "Subtract": "a - b",
    "Multiply": "a × b",
    "Divide": "a ÷ b",
    "Negative": "-x",
    "Power": "a^b",
    "ScalarPower": "x^p",
    "Square": "x²",
    "Sqrt": "√x",
    "Abs": "|x|",
    "Reciprocal": "1 ÷ x",
    "Exp": "exp x",
    "Log": "log x",
    "Sin": "sin x",
    "Cos": "cos x",
    "Tan": "tan x",
    "Tanh": "tanh x",
    "Sigmoid": "σ(x)",
    "ReLU": "max(x, 0)",
    "Maximum": "max(a, b)",
    "Minimum": "min(a, b)",
    "Equal": "a = b",
    "NotEqual": "a ≠ b",
    "Less": "a < b",
    "LessEqual": "a ≤ b",
    "Greater": "a > b",
    "GreaterEqual": "a ≥ b",
    "MatMul": "a @ b",
    "Linear": "x @ wᵀ + b",
    "CrossEntropy": "-Σ t log softmax(x)",
    "ClassCrossEntropy": "-log softmax(x) of class t",
    "MeanLoss": "Σ x ÷ n",
}
REDUCTIONS = {"Sum": "Σ x", "Mean": "Σ x ÷ n"}  # where all axes are meant

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?!\u0302)", re.ASCII)  # x̂ is another than x
APPLIED = r"(?:sign|cos|sin|cosh|sinh|log|exp|sqrt|sigmoid|softmax|floor|trunc|σ|Φ)\b"
AFTER = re.compile(rf"^ (?=\((?!infinite)|{APPLIED})")  # what follows a value is a factor
BEFORE = re.compile(r"(?<=[0-9)²³ᵀ]) ?$")  # what precedes it is


def symbols(graph: Graph) -> list[str]:
    """Return how formulas call each vertex: by its name, its number, or as v₃."""
    counts = Counter(vertex.name for vertex in graph)
    return [_symbol(vertex, counts) for vertex in graph]


def _symbol(vertex: Vertex, counts: Mapping[str | None, int]) -> str:
    name = vertex.name
    if name and counts[name] == 1 and len(name) <= LONG and re.fullmatch(r"[\w.]+", name):
        return printable(name)
    if vertex.kind == "constant" and vertex.value is not None:
        return re.sub(r"e\+?(-?)0*", r"e\1", number(vertex.value)).replace("-", "−")
    return f"v{str(vertex.id).translate(SUBSCRIPTS)}"


def forward_formula(graph: Graph, vertex: Vertex) -> Formula:
    """Return what an operation computes: ``w × x``."""
    function = vertex.function or ""
    given: list[tuple[str, Token]] = [
        (name, ("value", name, position))
        for position, (name, id) in enumerate(zip(vertex.arguments, vertex.operands, strict=False))
        if id is not None
    ]
    text = REDUCTIONS.get(function) if _over_all(graph, vertex) else NOTATION.get(function)
    if text is None or not {*WORD.findall(text)}.issuperset(dict(given)):  # a class of that name
        between = [token for _, place in given for token in (", ", place)][1:]
        rest = [f", {setting}" for setting in settings(graph, vertex)]
        return (f"{function}(", *between, "".join([*rest, ")"]))
    if len(given) < len(vertex.arguments):
        text = text.removesuffix(" + b")  # there is no bias
    return parse(text, {**dict(given), **_numbers(graph, vertex)})


def _over_all(graph: Graph, vertex: Vertex) -> bool:
    """Return whether an operation on one operand is over all its axes."""
    if vertex.function not in REDUCTIONS or len(vertex.operands) != 1:
        return False
    (operand,) = vertex.operands
    axes = tuple(range(len(graph[operand].shape))) if operand is not None else None
    return dict(vertex.attributes).get("axis") == axes


def _numbers(graph: Graph, vertex: Vertex) -> dict[str, Token]:
    """Return the numbers that a docstring calls by a letter."""
    given = dict(vertex.attributes)
    known: dict[str, Any] = {"p": given.get("exponent", given.get("p"))}
    operand = vertex.operands[0] if vertex.operands else None
    if vertex.function == "Mean" and operand is not None:
        known["n"] = math.prod(graph[operand].shape) // max(math.prod(vertex.shape), 1)
    return {
        name: ("number", name, value)
        for name, value in known.items()
        if isinstance(value, (int, float))
    }


def rule_formulas(graph: Graph, vertex: Vertex) -> list[dict[str, Any]]:
    """Return the lines of a rule as its docstring states it, one for each operand: ``g b``.

    What the rule keeps stands for its numbers; all else is text.
    """
    known: dict[str, Token] = {"g": ("grad", "g"), "y": ("value", "y", None)}
    known |= {name: ("aux", name, i) for i, (name, _) in enumerate(vertex.aux)}
    for position, (name, id) in enumerate(zip(vertex.arguments, vertex.operands, strict=False)):
        if id is not None:
            known[name] = ("value", name, position)
    known = {name: place for name, place in known.items() if name in ("g", *vertex.saved)}
    known |= _numbers(graph, vertex)
    lines: list[dict[str, Any]] = []
    for line in rules(vertex):
        name, _, text = line.partition(" = ")
        argument = name.removeprefix("g")
        if argument in vertex.arguments:
            position = vertex.arguments.index(argument)
            lines.append({"name": name, "operand": position, "text": parse(text, known)})
        elif argument in vertex.saved and text.endswith(OTHERS):
            lines += _for_each(vertex, argument, text, known)
        else:
            lines.append({"text": parse(line, known)})
    return lines


def _for_each(
    vertex: Vertex, argument: str, text: str, known: Mapping[str, Token]
) -> Iterator[dict[str, Any]]:
    """Iterate over the lines of a rule for each of any number of operands: ``f(g, others)``."""
    places: dict[int, Token] = {
        position: ("value", name, position)
        for position, name in enumerate(vertex.arguments)
        if name.startswith(f"{argument}[")
    }
    before = parse(text.removesuffix(OTHERS), known)
    for position in places:
        others = (token for i, place in places.items() if i != position for token in (", ", place))
        name = f"g{vertex.arguments[position]}"
        yield {"name": name, "operand": position, "text": (*before, *others, ")")}


def parse(text: str, known: Mapping[str, Token]) -> Formula:
    """Return a formula in which the names in ``known`` stand for places."""
    tokens: list[Token] = []
    start = 0
    text = text.replace("<=", "≤").replace(">=", "≥").replace("-", "−")
    for match in WORD.finditer(text):
        place = known.get(match[0])
        if place is not None:
            _add_text(tokens, text[start : match.start()], before=True)
            tokens.append(place)
            start = match.end()
    _add_text(tokens, text[start:], before=False)
    return tuple(tokens)


def _add_text(tokens: list[Token], text: str, before: bool) -> None:
    """Add the text between two places, with the products that its gaps mean."""
    after = bool(tokens)  # a place precedes it
    if after and before and text in ("", " "):
        tokens.append(TIMES)
        return
    if after and AFTER.match(text):
        tokens.append(TIMES)
        text = text[1:]
    times = before and BEFORE.search(text)
    text = text[: times.start()] if times else text
    tokens += [text] if text else []
    tokens += [TIMES] if times else []

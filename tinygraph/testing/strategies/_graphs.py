"""Random graphs, as programs that can be read, run and pasted."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import tinygraph as tg

from ._networks import Network, networks
from ._tensors import tensors
from ._values import Kind

Operation: TypeAlias = Callable[..., tg.Tensor]

LETTERS = string.ascii_lowercase

# Each takes one or two n × n matrices to another, so that they fit together in any order.
OPERATIONS = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "matmul": "{0} @ {1}",
    "transpose": "{0}.T",
    "flip": "{0}[::-1]",
    "row": "{0} + {1}[0]",
    "sum": "{0} - {1}.sum(axis=1, keepdims=True)",
    "mean": "{0} * {1}.mean(axis=1, keepdims=True)",
    "interleave": "tg.concatenate([{0}, {1}])[::2]",
    "divide": "{0} / ({1} * {1} + 1)",
    "tanh": "tg.tanh({0})",
    "bell": "tg.exp(-{0} * {0})",
    "softmax": "tg.softmax({0}, axis=1)",
    "relu": "tg.relu({0})",
    "maximum": "tg.maximum({0}, {1})",
    "max": "{0} - {1}.max(axis=0)",
}


@dataclass(frozen=True, eq=False)
class Program:
    """A graph that was drawn: call it on its ``inputs``, or on others of the same shapes.

    Its repr is a program that computes it.
    """

    source: str
    inputs: tuple[tg.Tensor, ...]
    functions: Mapping[str, Operation] = field(default_factory=dict)

    @cached_property
    def _graph(self) -> Callable[..., tg.Tensor]:
        names: dict[str, Any] = {"tg": tg, **self.functions}
        exec(self.source, names)
        graph: Callable[..., tg.Tensor] = names["graph"]
        return graph

    def __call__(self, *inputs: Any) -> tg.Tensor:
        """Compute the output, a Tensor."""
        return self._graph(*inputs)

    def __repr__(self) -> str:
        given = [
            f"    tg.tensor({x.tolist()}, dtype={str(x.dtype)!r}, requires_grad={x.requires_grad}),"
            for x in self.inputs
        ]
        return "\n".join(["import tinygraph as tg\n", self.source, "y = graph(", *given, ")"])


def graphs(
    ops: Iterable[str | Operation] | None = None, kind: Kind = "distinct"
) -> SearchStrategy[Program]:
    """Draw graphs: of up to five operations on square matrices, or small networks.

    Values are used several times, twice by the same operation, or not at all.  The networks are
    a perceptron, a convolutional one with pooling, a normalised residual one, self-attention, and
    a recurrent one; they are drawn only where ``ops`` is not given.

    Parameters
    ----------
    ops : iterable of str or callable, optional
        Which operations: names of `OPERATIONS`, and your own Functions and functions, of one or
        two square matrices, which must return another of the same shape.
    kind : str
        As in `values`; distinct values are between -1 and 1 here.

    Raises
    ------
    ValueError
        If there is no such operation.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> graph = find(st.graphs(["tanh", "multiply"]), lambda graph: graph.source.count("=") == 2)
    >>> print(graph)
    import tinygraph as tg
    <BLANKLINE>
    def graph(a):
        b = tg.tanh(a)
        c = tg.tanh(b)
        return c
    <BLANKLINE>
    y = graph(
        tg.tensor([[0.5]], dtype='float64', requires_grad=True),
    )
    >>> graph(*graph.inputs).shape
    (1, 1)
    """
    tensors((), kind=kind)  # complains now, not when drawing
    functions: dict[str, Operation] = {}
    templates = [_template(op, functions) for op in (OPERATIONS if ops is None else ops)]
    if not templates:
        raise ValueError("graphs: there are no operations to draw from")
    if ops is not None:
        drawn = _programs(templates, [name for name in LETTERS if name not in functions])
    else:
        drawn = _programs(templates, LETTERS) | networks()
    return _filled(drawn, functions, kind)


@st.composite
def _filled(
    draw: DrawFn,
    networks: SearchStrategy[Network],
    functions: dict[str, Operation],
    kind: Kind,
) -> Program:
    network = draw(networks)
    within = (-1, 1) if kind == "distinct" else None
    inputs = tensors(tuple(network.shapes.values()), kind=kind, within=within)
    return Program(network.source, draw(inputs), functions)


def _template(op: str | Operation, functions: dict[str, Operation]) -> str:
    """Return the expression that applies an operation; a user's is entered into ``functions``."""
    if isinstance(op, str):
        if op not in OPERATIONS:
            raise ValueError(f"graphs: expected operations of {', '.join(OPERATIONS)}, not {op!r}")
        return OPERATIONS[op]
    if isinstance(op, tg.Function):
        name, count = type(op).__name__, len(op.signature.inputs)
    else:
        name = getattr(op, "__name__", type(op).__name__)
        parameters = inspect.signature(op).parameters.values()
        count = sum(p.default is p.empty and p.kind is not p.KEYWORD_ONLY for p in parameters)
    if count not in (1, 2):
        raise ValueError(f"graphs: {name} takes {count} operands, not one or two")
    if not name.isidentifier() or name in functions:  # a lambda, the same class twice
        name = f"f{len(functions)}"
    functions[name] = op
    return f"{name}({', '.join(['{0}', '{1}'][:count])})"


@st.composite
def _programs(draw: DrawFn, templates: list[str], names: Sequence[str]) -> Network:
    leaves = draw(st.integers(1, 2))
    lines = []
    last = leaves - 1
    for _ in range(draw(st.integers(1, 5))):
        # often the latest value, so that most of what is computed counts
        operand = st.just(last) | st.integers(0, last)
        template = draw(st.sampled_from(templates))
        operands = [names[draw(operand)] for i in range(2) if f"{{{i}}}" in template]
        last += 1
        lines.append(f"{names[last]} = {template.format(*operands)}")
    n = draw(st.integers(1, 2))
    return Network(dict.fromkeys(names[:leaves], (n, n)), [*lines, f"return {names[last]}"])

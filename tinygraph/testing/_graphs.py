"""Assertions about a graph: that it is what it was, complete, and in single precision."""

from __future__ import annotations

from difflib import unified_diff
from typing import Any

import tinygraph as tg
from tinygraph import Graph, Tensor


def assert_same_graph(first: Graph | Tensor, second: Graph | Tensor) -> None:
    """Fail where two graphs differ: in their operations, attributes, operands, shapes or dtypes.

    Where in a model the operations are, and what was recorded of them, is not compared.

    Parameters
    ----------
    first, second : Graph or Tensor
        A Tensor stands for all that leads to it.

    Raises
    ------
    AssertionError
        With the lines in which they differ.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing import assert_same_graph
    >>> x = tg.tensor([1.0, 2.0], name="x")
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> assert_same_graph((x * w).sum(), (x * w).sum())
    >>> assert_same_graph((x * w).sum(), (x * w).mean())
    Traceback (most recent call last):
    AssertionError: the graphs differ:
     %0 = input x  (2,) float32
     %1 = parameter w  (2,) float32
     %2 = Multiply(x, w)  (2,) float32
    -%3 = Sum(axis=(0,), keepdims=False)(%2)  () float32  -> output
    +%3 = Mean(axis=(0,), keepdims=False)(%2)  () float32  -> output
    """
    one, other = (str(_graph(given)).splitlines()[1:] for given in (first, second))
    if one != other:
        changes = list(unified_diff(one, other, lineterm="", n=3))[2:]
        shown = [line for line in changes if not line.startswith("@@")]
        raise AssertionError("\n".join(["the graphs differ:", *shown]))


def assert_all_parameters_reached(loss: Tensor, model: Any) -> None:
    """Fail where a parameter of ``model`` that requires a gradient does not lead to ``loss``.

    Raises
    ------
    AssertionError
        With the names of those parameters, and why, as `tinygraph.explain` has it.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing import assert_all_parameters_reached
    >>> net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Linear(2, 1))
    >>> x = tg.ones((1, 2))
    >>> assert_all_parameters_reached(net(x).sum(), net)
    >>> assert_all_parameters_reached(net[1](x).sum(), net)
    Traceback (most recent call last):
    AssertionError: 2 of 4 parameters do not lead to the loss:
      0.weight: The loss was not computed from 0.weight...
      0.bias: The loss was not computed from 0.bias...
    """
    wanted = {name: p for name, p in model.named_parameters() if p.requires_grad}
    reached = _reached(tg.graph(loss, model=model))
    missing = [name for name in wanted if name not in reached]
    if missing:
        reasons = [f"  {name}: {tg.explain(wanted[name], loss, model).reason}" for name in missing]
        count = f"{len(missing)} of {len(wanted)} parameters do not lead to the loss:"
        raise AssertionError("\n".join([count, *reasons]))


def assert_no_float64(given: Graph | Tensor) -> None:
    """Fail where a graph holds double precision, which doubles the cost of all that follows.

    Raises
    ------
    AssertionError
        With the vertices where it enters: those without an operand that has it already.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import assert_no_float64
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> assert_no_float64((x * 0.5).sum())
    >>> assert_no_float64((x * np.array([0.5, 0.5])).sum())
    Traceback (most recent call last):
    AssertionError: float64 enters the graph at:
      %1 = input  (2,) float64
    """
    graph = _graph(given)
    lines = str(graph).splitlines()[1:]
    double = {v.id for v in graph if v.dtype == "float64"}
    enters = [v.id for v in graph if v.id in double and double.isdisjoint(v.operands)]
    if enters:
        shown = (f"  {lines[i]}" for i in enters)
        raise AssertionError("\n".join(["float64 enters the graph at:", *shown]))


def _reached(graph: Graph) -> set[str | None]:
    """Return the names of the leaves to which gradients flow."""
    seen: set[int] = set()
    ahead = list(graph.outputs)
    while ahead:
        vertex = graph[ahead.pop()]
        if vertex.requires_grad and vertex.id not in seen:
            seen.add(vertex.id)
            ahead += [i for i in vertex.operands if i is not None]
    return {graph[i].name for i in seen if graph[i].function is None}


def _graph(given: Graph | Tensor) -> Graph:
    return given if isinstance(given, Graph) else tg.graph(given)

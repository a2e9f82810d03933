"""Graph: an immutable snapshot of what was recorded, for every reader.

A picture, a listing, a cost table all read the same plain values; a Graph holds neither arrays nor
Tensors, so it keeps nothing alive, and backward, which frees arrays, changes nothing in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from ._autograd import postorder
from ._function import Node, Source, source_of
from ._tensor import Constant, Shape, Tensor

if TYPE_CHECKING:
    pass

Kind: TypeAlias = Literal["input", "parameter", "constant", "operation"]
Plain: TypeAlias = "bool | int | float | str | tuple[Plain, ...] | None"


class HasParameters(Protocol):
    """What ``graph(..., model=)`` takes: a `tinygraph.nn.Module`, or whatever names its Tensors."""

    def named_parameters(self) -> Iterable[tuple[str, Tensor]]:
        """Return the parameters with their dotted names."""
        ...


@dataclass(frozen=True, slots=True)
class Vertex:
    """One place in a `Graph`.

    Attributes
    ----------
    id : int
        Its position in the Graph; operands come before what uses them.
    kind : {"input", "parameter", "constant", "operation"}
        A parameter is a leaf that requires a gradient or belongs to the model; a constant is a
        single number without a name; an input is any other array that no gradient flows to.
    name : str or None
        What the user or the model calls it.
    function : str or None
        The class of an operation.
    attributes : tuple of (name, value)
        The static attributes of an operation: numbers, strings, None, and tuples of them.
    operands : tuple of int or None
        Where the inputs of an operation come from, in order; None for one that was left out.
    shape : tuple of int
    dtype : str
    value : number or None
        What a constant is, where a user wrote it, as in ``x * 2``.
    doc : str or None
        The docstring of an operation, as its source has it: its shapes and its rule.
    """

    id: int
    kind: Kind
    name: str | None
    function: str | None
    attributes: tuple[tuple[str, Plain], ...]
    operands: tuple[int | None, ...]
    shape: Shape
    dtype: str
    value: float | None
    doc: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """Everything that leads to some Tensors; `graph` makes it.

    A Graph is a sequence of `Vertex`, in an order in which they can be computed.

    Attributes
    ----------
    vertices : tuple of Vertex
    outputs : tuple of int
        The ids of the Tensors the Graph was made of.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([1.0, 2.0], name="x")
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True, name="w")
    >>> print(tg.graph((x * w - x).sum()))
    Graph: 3 operations, 1 parameter, 1 input
    %0 = input x  (2,) float32
    %1 = parameter w  (2,) float32
    %2 = Multiply(x, w)  (2,) float32
    %3 = Subtract(%2, x)  (2,) float32
    %4 = Sum(axis=(0,), keepdims=False)(%3)  () float32  -> output
    """

    vertices: tuple[Vertex, ...]
    outputs: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.vertices)

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices)

    def __getitem__(self, id: int) -> Vertex:
        return self.vertices[id]

    def __repr__(self) -> str:
        return f"<{_summary(self)}>"

    def __str__(self) -> str:
        return "\n".join([_summary(self), *listing(self)])


def graph(*outputs: Tensor, model: HasParameters | None = None) -> Graph:
    """Return a snapshot of everything that leads to ``outputs``, before or after backward.

    Parameters
    ----------
    *outputs : Tensor
        One or more.
    model : object with ``named_parameters()``, optional
        Gives the parameters their dotted names; without it, and for all else, a Tensor's own
        ``name`` counts.

    Raises
    ------
    TypeError
        If there is no output, one is not a Tensor, or ``model`` cannot name its parameters.
    """
    if not outputs:
        raise TypeError("graph: expected at least one Tensor")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"graph: expected Tensors, not {type(output).__name__}")
    names: dict[Source, str] = {}
    if model is not None:
        if not hasattr(model, "named_parameters"):
            raise TypeError(
                f"graph: model must have named_parameters(), and {type(model).__name__} has not"
            )
        names = {source_of(tensor): name for name, tensor in model.named_parameters()}

    return snapshot([source_of(output) for output in outputs], names)


def snapshot(roots: Sequence[Source], names: Mapping[Source, str] = MappingProxyType({})) -> Graph:
    """Return a snapshot of everything that leads to some places in the recorded graph."""
    ids: dict[Source, int] = {}
    vertices: list[Vertex] = []

    def add(source: Source) -> None:
        if source not in ids:
            ids[source] = len(vertices)
            vertices.append(_vertex(source, ids, names))

    for node in postorder(roots):
        for source in node.inputs:
            if source is not None:
                add(source)
        add(node)
    for root in roots:  # adds those that no operation made
        add(root)
    return Graph(tuple(vertices), tuple(ids[root] for root in roots))


_dtype_name = cache(str)


def _vertex(source: Source, ids: Mapping[Source, int], names: Mapping[Source, str]) -> Vertex:
    function, doc = None, None
    attributes: tuple[tuple[str, Plain], ...] = ()
    operands: tuple[int | None, ...] = ()
    kind: Kind = "input"
    name = names.get(source, source.name)
    if isinstance(source, Node):
        kind = "operation"
        function = type(source.function).__name__
        doc = type(source.function).__doc__
        attributes = tuple((key, _plain(x)) for key, x in source.function.attributes.items())
        operands = tuple(None if s is None else ids[s] for s in source.inputs)
    elif isinstance(source, Tensor) or source in names:
        kind = "parameter"
    elif name is None and source.shape == ():
        kind = "constant"
    return Vertex(
        id=ids[source],
        kind=kind,
        name=name,
        function=function,
        attributes=attributes,
        operands=operands,
        shape=source.shape,
        dtype=_dtype_name(source.dtype),
        value=source.value if isinstance(source, Constant) else None,
        doc=doc,
    )


# -- plain values --------------------------------------------------------------------------------


def _plain(value: Any) -> Plain:
    """Return an attribute as a plain value that is the same in every run."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(_plain(x) for x in value)
    if isinstance(value, (set, frozenset)):
        return tuple(sorted((_plain(x) for x in value), key=repr))
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (np.ndarray, Tensor)):
        return f"{value.dtype} array {value.shape}"
    if isinstance(value, slice):
        ends = ["" if x is None else str(x) for x in (value.start, value.stop)]
        return ":".join(ends if value.step is None else [*ends, str(value.step)])
    if value is Ellipsis:
        return "..."
    if isinstance(value, (np.dtype, type)):
        return _dtype_name(value) if isinstance(value, np.dtype) else value.__name__
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def printable(text: str) -> str:
    """Return ``text`` on one line: what cannot be printed as its Python escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def format_plain(value: Plain) -> str:
    """Return an attribute as text: as Python writes it, with strings bare."""
    if isinstance(value, tuple):
        inside = ", ".join(format_plain(x) for x in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return printable(str(value))


# -- the listing ---------------------------------------------------------------------------------


def _summary(graph: Graph) -> str:
    counts = Counter(vertex.kind for vertex in graph)
    kinds: tuple[Kind, ...] = ("operation", "parameter", "input", "constant")
    parts = [f"{counts[k]} {k}{'' if counts[k] == 1 else 's'}" for k in kinds if counts[k]]
    return f"Graph: {', '.join(parts)}"


def listing(graph: Graph) -> list[str]:
    """Return a line for each vertex, in order: what it is, of what it is made, shape and dtype."""
    counts = Counter(vertex.name for vertex in graph)
    outputs = set(graph.outputs)
    references: list[str] = []  # how later lines call a vertex: by a unique plain name, or %id
    lines: list[str] = []
    for v in graph:
        plain = v.name is not None and counts[v.name] == 1 and re.fullmatch(r"[\w.]+", v.name)
        name = "" if v.name is None else f" {v.name if plain else repr(v.name)}"
        references.append(name.strip() if plain else f"%{v.id}")
        if v.function is None:
            line = f"%{v.id} = {v.kind}{name if v.value is None else f' {v.value}'}"
        else:
            settings = ", ".join(f"{key}={format_plain(value)}" for key, value in v.attributes)
            operands = ", ".join("None" if i is None else references[i] for i in v.operands)
            call = f"{v.function}({settings})" if settings else v.function
            line = f"%{v.id}{name} = {call}({operands})"
        lines.append(f"{line}  {v.shape} {v.dtype}{'  -> output' if v.id in outputs else ''}")
    return lines

"""Taking a snapshot: from the recorded graph, which lives and changes, to a `Graph` of values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ._autograd import postorder
from ._cost import cost, size_in_bytes
from ._flow import Flow
from ._function import InertNode, Node, Source, source_of
from ._graph import Graph, Kind, Plain, Vertex
from ._places import HasParameters, Path, Places, common, tensor_names
from ._record import Record, seen
from ._summary import Summary, summarize
from ._tensor import Array, Constant, Tensor
from ._trace import Trace


def graph(*outputs: Tensor, model: HasParameters | None = None, backward: bool = False) -> Graph:
    """Return a snapshot of everything that leads to ``outputs``, before or after backward.

    Parameters
    ----------
    *outputs : Tensor
        One or more.
    model : object with ``named_parameters()``, optional
        Gives parameters, buffers and modules their dotted names; without it, and for all else, a
        Tensor's own ``name`` counts, and where a module was first made part of a model.
    backward : bool
        Trace the backward pass of (the sum of) the outputs too: the operations that the rules are
        made of follow those of the forward pass, and ``gradients`` tells those of the leaves.

    Raises
    ------
    TypeError
        If there is no output, one is not a Tensor, or ``model`` cannot name its parameters.
    ValueError
        If the backward pass cannot be traced: an earlier one has freed the graph, or no output
        requires a gradient.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor(2.0, requires_grad=True, name="x")
    >>> print(tg.graph(x * x, backward=True))
    Graph: 4 operations, 1 parameter, 1 constant
    %0 = parameter x  () float32
    %1 = Multiply(x, x)  () float32  -> output
    %2 = constant 1.0  () float32
    %3 = Multiply(%2, x)  () float32
    %4 = Multiply(%2, x)  () float32
    %5 = Add(%3, %4)  () float32  -> gradient of x
    """
    if not outputs:
        raise TypeError("graph: expected at least one Tensor")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"graph: expected Tensors, not {type(output).__name__}")
    trace = Trace(outputs) if backward else None
    return numbered([source_of(output) for output in outputs], model, trace)[0]


def snapshot(roots: Sequence[Source], model: HasParameters | None = None) -> Graph:
    """Return a snapshot of everything that leads to some places in the recorded graph."""
    return numbered(roots, model)[0]


def numbered(
    roots: Sequence[Source], model: HasParameters | None = None, trace: Trace | None = None
) -> tuple[Graph, dict[Source, int]]:
    """Return a snapshot, and the ids of the places in it."""
    gradients = {} if trace is None else trace.gradients
    ends = [*roots, *gradients.values()]
    nodes = postorder(ends, (Node, InertNode))
    writer = _Writer(nodes, model, {} if trace is None else trace.rules)
    for node in nodes:
        for source in node.inputs:
            if source is not None:
                writer.add(source)
        writer.add(node)
    seeds = {g for g in gradients.values() if g not in writer.used_in and not isinstance(g, Node)}
    writer.only_backward |= seeds
    for end in ends:  # adds those that no operation made
        writer.add(end)
    ids = writer.ids
    return Graph(
        vertices=tuple(writer.vertices),
        outputs=tuple(ids[root] for root in roots),
        modules=writer.places.modules,
        gradients=tuple(sorted((ids[leaf], ids[g]) for leaf, g in gradients.items())),
    ), ids


_dtype_name = cache(str)
UNSEEN = Record()


class _Writer:
    """Writes the vertices of a snapshot, one after another."""

    def __init__(
        self,
        nodes: Sequence[Node],
        model: HasParameters | None,
        rules: Mapping[Node, Node | None],
    ) -> None:
        self.rules = rules
        parameters, buffers = tensor_names(model)
        self.parameters = {source_of(tensor): name for tensor, name in parameters.items()}
        self.buffers = {source_of(tensor): name for tensor, name in buffers.items()}
        self.places = Places((node.scope for node in nodes), model)
        self.flow = Flow(nodes)
        self.used_in: dict[Source, Path] = {}  # where all that uses a leaf is
        self.values: dict[Source, Array] = {}  # what leaves held when they were first used
        self.only_backward: set[Source] = set()  # leaves that forward does not use
        for node in nodes:
            self._note_leaves(node)
        self.ids: dict[Source, int] = {}
        self.vertices: list[Vertex] = []
        self._keys: dict[str, int] = {}
        self._traits: dict[Any, _Traits] = {}
        self._summaries: dict[int, Summary] = {}  # by the id() of an array that a Record holds

    def _note_leaves(self, node: Node) -> None:
        path = self.places.paths[node.scope]
        record = seen(node) or UNSEEN
        for i, source in enumerate(node.inputs):
            if source is not None and not isinstance(source, Node):
                if source not in self.used_in and node in self.rules:
                    self.only_backward.add(source)
                before = self.used_in.get(source, path)
                self.used_in[source] = path if before is path else common((before, path))
                value = record.inputs[i] if record.inputs else None
                if value is not None:
                    self.values.setdefault(source, value)

    def add(self, source: Source) -> None:
        """Write the vertex of ``source``, unless that is done."""
        if source in self.ids:
            return
        self.ids[source] = len(self.vertices)
        self.vertices.append(
            self._operation(source) if isinstance(source, Node) else self._leaf(source)
        )

    def _operation(self, node: Node) -> Vertex:
        function = type(node.function).__name__
        scope = self.places.paths[node.scope]
        attributes = node.function.attributes
        traits = self._traits_of(node, bool(attributes))
        record = seen(node)
        rule = self.rules.get(node)
        return Vertex(
            id=self.ids[node],
            kind="operation",
            name=node.name,
            function=function,
            attributes=tuple([(key, _plain(x)) for key, x in attributes.items()]),
            operands=tuple([None if s is None else self.ids[s] for s in node.inputs]),
            arguments=traits.arguments,
            shape=node.shape,
            dtype=_dtype_name(node.dtype),
            value=None,
            doc=type(node.function).__doc__,
            key=self._key((*scope, function)),
            scope=scope,
            requires_grad=type(node) is Node,
            saved=traits.saved,
            saved_operands=traits.saved_operands,
            broadcast=traits.broadcast,
            flops=traits.flops,
            bytes=traits.bytes,
            phase="backward" if node in self.rules else "forward",
            rule_of=None if rule is None else self.ids[rule],
            **({} if record is None else self._seen(node, record)),
        )

    def _seen(self, node: Node, record: Record) -> dict[str, Any]:
        """Return what is known of an operation that was watched: not of most."""
        return {
            "location": record.location,
            "stats": self._summary(record.output),
            "grad": self._summary(record.gradient),
            "contributions": tuple(map(self._summary, record.contributions)),
            "reductions": tuple(map(self._summary, self.flow.reductions.get(node, ()))),
            "arrived": self._summary(self.flow.unlike(record.gradient, node)),
            "aux": tuple([(name, summarize(np.asarray(value))) for name, value in record.aux]),
            "turn": self.flow.turns.get(node),
            "forward_time": record.forward_time,
            "backward_time": record.backward_time,
        }

    def _leaf(self, source: Constant | Tensor) -> Vertex:
        name = self.parameters.get(source) or self.buffers.get(source) or source.name
        kind: Kind = "input"
        if isinstance(source, Tensor) or source in self.parameters:
            kind = "parameter"
        elif name is None and source.shape == ():
            kind = "constant"
        inside = kind != "input" or source in self.buffers
        scope = self.used_in.get(source, ()) if inside else ()
        value = self.values.get(source)
        held = source.grad if isinstance(source, Tensor) and value is not None else None
        gradient = None if held is None else held.data
        return Vertex(
            id=self.ids[source],
            kind=kind,
            name=name,
            function=None,
            attributes=(),
            operands=(),
            shape=source.shape,
            dtype=_dtype_name(source.dtype),
            value=source.value if isinstance(source, Constant) else None,
            doc=None,
            key=self._key((*scope, kind) if name is None else (name,)),
            scope=scope,
            requires_grad=isinstance(source, Tensor),
            stats=self._summary(value),
            grad=self._summary(gradient),
            arrived=self._summary(self.flow.unlike(gradient, source)),
            bytes=size_in_bytes(source),
            phase="backward" if source in self.only_backward else "forward",
        )

    def _key(self, steps: Path) -> str:
        """Return a name for a vertex, numbered where it is taken."""
        base = key = "/".join(steps)
        while key in self._keys:
            self._keys[base] += 1
            key = f"{base}#{self._keys[base]}"
        self._keys[key] = 1
        return key

    def _traits_of(self, node: Node, special: bool) -> _Traits:
        """Return what the Function and the shapes decide; equal ones are thought about once."""
        specs = [None if s is None else (s.shape, s.dtype.char) for s in node.inputs]
        function: Any = node.function if special else type(node.function)
        key = (function, type(node), node.shape, node.dtype.char, *specs)
        known = self._traits.get(key)
        if known is None:
            flops, moved = cost(node.function, node.inputs, node)
            names = tuple(node.function.signature.names(len(node.inputs)))
            known = self._traits[key] = _Traits(
                names, *_saved(node), _broadcast(node), flops, moved
            )
        return known

    def _summary(self, array: Array | None) -> Summary | None:
        """Summarize an array; most gradients arrive as they left, and are the same one."""
        if array is None:
            return None
        known = self._summaries.get(id(array))
        if known is None:
            known = self._summaries[id(array)] = summarize(np.asarray(array))
        return known


class _Traits(NamedTuple):
    arguments: tuple[str, ...]
    saved: tuple[str, ...]
    saved_operands: tuple[int, ...]
    broadcast: tuple[int, ...]
    flops: int | None
    bytes: int


def _saved(node: Node) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of what the rule of ``node`` keeps, and which of its operands that is."""
    if type(node) is not Node:
        return (), ()
    signature = node.function.signature
    last = len(signature.inputs) - 1  # stands for all the remaining ones, where there are more
    places = tuple(
        i
        for i, source in enumerate(node.inputs)
        if source is not None and signature.inputs[min(i, last)] in signature.kept
    )
    missing = {
        name
        for name, source in zip(signature.inputs, signature.by_name(node.inputs), strict=True)
        if source is None
    }
    return tuple(name for name in signature.kept if name not in missing), places


def _broadcast(node: Node) -> tuple[int, ...]:
    """Return which inputs of ``node`` are repeated along an axis."""
    if not node.function.broadcasts:
        return ()
    own = 2 if type(node.function).__name__ == "MatMul" else 0  # axes that do not broadcast
    whole = node.shape[: len(node.shape) - own]
    return tuple(
        i
        for i, source in enumerate(node.inputs)
        if source is not None and source.shape[: len(source.shape) - own] != whole
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

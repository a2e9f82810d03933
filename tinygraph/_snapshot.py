"""Taking a snapshot: from the recorded graph, which lives and changes, to a `Graph` of values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from ._autograd import postorder
from ._cost import cost, size_in_bytes
from ._flow import Flow
from ._function import InertNode, Node, Source, source_of
from ._garbage import uncollected
from ._graph import Graph, Kind, Plain, Vertex, write_vertex
from ._places import HasParameters, Path, Places, common, tensor_names
from ._record import Record, all_seen
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


@uncollected()
def numbered(
    roots: Sequence[Source], model: HasParameters | None = None, trace: Trace | None = None
) -> tuple[Graph, dict[Source, int]]:
    """Return a snapshot, and the ids of the places in it."""
    gradients = {} if trace is None else trace.gradients
    ends = [*roots, *gradients.values()]
    nodes = postorder(ends, (Node, InertNode))
    writer = _Writer(nodes, model, {} if trace is None else trace.rules)
    writer.add_all(source for node in nodes for source in (*node.inputs, node))
    seeds = {g for g in gradients.values() if g not in writer.used_in and not isinstance(g, Node)}
    writer.only_backward |= seeds
    writer.add_all(ends)  # those that no operation made
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
        self.records = all_seen(nodes)
        self.flow = Flow(self.records)
        self.used_in: dict[Source, Path] = {}  # where all that uses a leaf is
        self.values: dict[Source, Array] = {}  # what leaves held when they were first used
        self.only_backward: set[Source] = set()  # leaves that forward does not use
        for node in nodes:
            self._note_leaves(node)
        self.ids: dict[Source, int] = {}
        self.vertices: list[Vertex] = []
        self._keys: dict[str, int] = {}
        self._writers: dict[Any, Callable[..., Vertex]] = {}
        self._summaries: dict[int, Summary] = {}  # by the id() of an array that a Record holds

    def _note_leaves(self, node: Node) -> None:
        path = self.places.paths[node.scope]
        record = self.records.get(node, UNSEEN)
        for i, source in enumerate(node.inputs):
            if source is not None and not isinstance(source, Node):
                if source not in self.used_in and node in self.rules:
                    self.only_backward.add(source)
                before = self.used_in.get(source, path)
                self.used_in[source] = path if before is path else common((before, path))
                value = record.inputs[i] if record.inputs else None
                if value is not None:
                    self.values.setdefault(source, value)

    def add_all(self, sources: Iterable[Source | None]) -> None:
        """Write the vertices of what is not written yet."""
        for source in sources:
            if source is not None and source not in self.ids:
                id = self.ids[source] = len(self.vertices)
                self.vertices.append(
                    self._operation(source, id)
                    if isinstance(source, Node)
                    else self._leaf(source, id)
                )

    def _operation(self, node: Node, id: int) -> Vertex:
        scope = self.places.paths[node.scope]
        record = self.records.get(node)
        rule = self.rules.get(node)
        vertex = self._writer_of(node)(
            id=id,
            name=node.name,
            operands=tuple([None if s is None else self.ids[s] for s in node.inputs]),
            key=self._key((*scope, type(node.function).__name__)),
            scope=scope,
            phase="backward" if node in self.rules else "forward",
            rule_of=None if rule is None else self.ids[rule],
        )
        return vertex if record is None else replace(vertex, **self._seen(node, record))

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

    def _leaf(self, source: Constant | Tensor, id: int) -> Vertex:
        name = self.parameters.get(source) or self.buffers.get(source) or source.name
        learns = isinstance(source, Tensor)
        kind: Kind = "input"
        if learns or source in self.parameters:
            kind = "parameter"
        elif name is None and source.shape == ():
            kind = "constant"
        inside = kind != "input" or source in self.buffers
        scope = self.used_in.get(source, ()) if inside else ()
        vertex = write_vertex(
            id=id,
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
            requires_grad=learns,
            bytes=size_in_bytes(source),
            phase="backward" if source in self.only_backward else "forward",
        )
        return replace(vertex, **self._held(source)) if self.records else vertex

    def _held(self, source: Constant | Tensor) -> dict[str, Any]:
        """Return what is known of a leaf that operations used that were watched."""
        value = self.values.get(source)
        held = source.grad if isinstance(source, Tensor) and value is not None else None
        gradient = None if held is None else held.data
        return {
            "stats": self._summary(value),
            "grad": self._summary(gradient),
            "arrived": self._summary(self.flow.unlike(gradient, source)),
        }

    def _key(self, steps: Path) -> str:
        """Return a name for a vertex, numbered where it is taken."""
        base = key = "/".join(steps)
        while key in self._keys:
            self._keys[base] += 1
            key = f"{base}#{self._keys[base]}"
        self._keys[key] = 1
        return key

    def _writer_of(self, node: Node) -> Callable[..., Vertex]:
        """Return what writes an operation, and knows what the Function and the shapes decide.

        Equal ones are thought about once.
        """
        function = node.function
        attributes = function.attributes
        specs = [None if s is None else (s.shape, s.dtype.char) for s in node.inputs]
        what: Any = function if attributes else type(function)
        key = (what, type(node), node.shape, node.dtype.char, *specs)
        known = self._writers.get(key)
        if known is None:
            saved, saved_operands = _saved(node)
            flops, moved = cost(function, node.inputs, node)
            known = self._writers[key] = partial(
                write_vertex,
                kind="operation",
                function=type(function).__name__,
                attributes=tuple((name, _plain(x)) for name, x in attributes.items()),
                shape=node.shape,
                dtype=_dtype_name(node.dtype),
                value=None,
                doc=type(function).__doc__,
                requires_grad=type(node) is Node,
                arguments=tuple(function.signature.names(len(node.inputs))),
                saved=saved,
                saved_operands=saved_operands,
                broadcast=_broadcast(node),
                flops=flops,
                bytes=moved,
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

"""Why a gradient is missing, zero, not finite, huge or tiny: a sentence, and the way it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from ._autograd import observe, postorder
from ._flow import Flow
from ._function import InertNode, Node, Source, Value, source_of
from ._graph import Graph, Vertex
from ._hooks import Change, Watched
from ._mode import FunctionHook
from ._places import HasParameters
from ._record import all_seen, seen
from ._snapshot import numbered
from ._summary import Summary, summarize
from ._tensor import Array, Constant, Tensor
from ._zeros import zero_rule

Finding: TypeAlias = Literal["missing", "zero", "nonfinite", "huge", "tiny", "fine"]

HUGE, TINY = 1e4, 1e-7  # norms, where the gradient of the loss itself is 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `explain` found; ``print`` shows it.

    Attributes
    ----------
    finding : {"missing", "zero", "nonfinite", "huge", "tiny", "fine"}
        What the gradient is.
    reason : str
        Why, in a sentence.
    graph : Graph
        What leads to the loss.
    path : tuple of int
        The ids of the vertices from the Tensor to the loss; where nothing connects them, ().
    culprit : int or None
        The vertex at which it happens.
    norms : tuple of float or None
        For each vertex of the path, the norm of the gradient that arrives there.
    """

    finding: Finding
    reason: str
    graph: Graph
    path: tuple[int, ...] = ()
    culprit: int | None = None
    norms: tuple[float | None, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.reason, *self._steps()])

    def _steps(self) -> Iterator[str]:
        labels = [_label(self.graph[i]) for i in self.path]
        width = max(map(len, labels), default=0)
        for i, label, norm in zip(self.path, labels, self.norms, strict=True):
            gradient = "" if norm is None else f"  gradient {norm:.3g}"
            mark = "  <- here" if i == self.culprit else ""
            yield f"  {label.ljust(width)}{gradient}{mark}".rstrip()


def explain(tensor: Tensor, loss: Tensor, model: HasParameters | None = None) -> Explanation:
    """Say why the gradient of ``loss`` with respect to ``tensor`` is what it is.

    It may be missing, zero, NaN or infinite, huge or tiny; or nothing is wrong.  The gradients are
    computed anew, unless the graph was freed; then those that `record` saw are used.  The hooks on
    the way are called, as backward calls them, and told where they are to blame.
    More is known of what ran under `record`: what no_grad and detach have cut off, input ranges,
    source lines.

    Parameters
    ----------
    tensor : Tensor
        A parameter, or anything else that should lead to the loss.
    loss : Tensor
        Of any shape; that of its sum is looked at.
    model : object with ``named_parameters()``, optional
        Gives parameters their names.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError
        If ``tensor`` or ``loss`` is no Tensor.

    Examples
    --------
    >>> import tinygraph as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> hidden = (w * -1).relu()
    >>> print(tg.explain(w, hidden.sum()))
    The gradient of w is 0 everywhere, from ReLU on: its inputs are 0 or negative (a dead ReLU).
      w                gradient 0
      Multiply         gradient 0
      ReLU             gradient 1.41  <- here
      Sum              gradient 1
    """
    for name, given in (("tensor", tensor), ("loss", loss)):
        if not isinstance(given, Tensor):
            raise TypeError(f"explain: {name} must be a Tensor, not {type(given).__name__}")
    return _Case(tensor, loss, model).explanation()


class _Passage(FunctionHook):
    """What flows back through each Node: the gradient that arrives, and those that leave."""

    def __init__(self) -> None:
        self.arrived: dict[Source, Array] = {}
        self.left: dict[Node, tuple[Array | None, ...]] = {}
        self.changes: dict[Source, list[Change]] = {}

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """Note the gradients at an operation."""
        self.arrived[node], self.left[node] = g, gradients

    def run(self, tensor: Source, loss: Tensor, order: Sequence[Node]) -> bool:
        """Compute what flows to ``tensor``, or take what was recorded; return whether it is known.

        ``order`` holds the Nodes on the ways there.
        """
        watched = Watched((tensor, *order))
        self.changes = watched.changes
        if all(node.kept is not None for node in order):
            with self, np.errstate(all="ignore"):
                found = observe([loss], [tensor], hooks=watched.hooks)
            if tensor in found:
                self.arrived[tensor] = found[tensor]
            return True
        for node in order:
            record = seen(node)
            if record is None or record.gradient is None:
                return False
            self.after_backward(node, record.gradient, record.contributions)
        if isinstance(tensor, Tensor) and tensor.grad is not None:
            self.arrived[tensor] = tensor.grad.data
        watched.compare(Flow(all_seen(order)).arrived, self.arrived)
        return tensor in self.arrived


class _Case:
    """One Tensor, one loss, and what is known of them."""

    def __init__(self, tensor: Tensor, loss: Tensor, model: HasParameters | None) -> None:
        self.tensor, self.loss = tensor, loss
        self.source, self.root = source_of(tensor), source_of(loss)
        self.graph, self.ids = numbered([self.root], model)
        self.name = _name(self.graph, self.ids.get(self.source), tensor)
        self.order = self._between(postorder([self.root]))
        self.flow = _Passage()

    def _between(self, nodes: Sequence[Node]) -> list[Node]:
        """Return those Nodes through which the Tensor leads to the loss."""
        reached: set[Source | None] = {self.source}
        for node in nodes:
            if not reached.isdisjoint(node.inputs):
                reached.add(node)
        return [node for node in nodes if node is not self.source and node in reached]

    def explanation(self) -> Explanation:
        """Return what is the matter."""
        missing = self._why_missing()
        if missing:
            return self._result("missing", *missing)
        if not self.flow.run(self.source, self.loss, self.order):
            return self._result(
                "missing",
                f"An earlier backward has freed what the gradient of {self.name} needs: ask before "
                "it, give it retain_graph=True, or run it under `with tg.record():`.",
            )
        if 0 in self.source.shape:
            return self._result("fine", f"{self.name} has no elements, nor has its gradient.")
        g = summarize(np.asarray(self.flow.arrived[self.source]))
        if not g.finite:
            return self._result("nonfinite", *self._why_nonfinite(g))
        if not g.norm:
            return self._result("zero", *self._why_zero())
        return self._size(g.norm)

    def _result(self, finding: Finding, reason: str, culprit: Source | None = None) -> Explanation:
        path = self._path(culprit)
        norms = []
        for source in path:
            g = self.flow.arrived.get(source)
            norms.append(None if g is None else summarize(np.asarray(g)).norm)
        return Explanation(
            finding,
            reason,
            self.graph,
            tuple(self.ids[source] for source in path),
            None if culprit is None else self.ids.get(culprit),
            tuple(norms),
        )

    def _path(self, through: Source | None) -> list[Source]:
        """Return the shortest way from the Tensor to the loss, by way of a vertex."""
        if through is None or through is self.source:
            return _way(self.source, self.root)
        first, second = _way(self.source, through), _way(through, self.root)
        return [*first, *second[1:]] if first and second else _way(self.source, self.root)

    # -- no gradient -----------------------------------------------------------------------------

    def _why_missing(self) -> tuple[str, Source | None] | None:
        if self.tensor.dtype.kind != "f":
            return (
                f"{self.name} holds {self.tensor.dtype} numbers, which have no gradient; convert "
                "it, e.g. with .astype(np.float32), before it is used.",
                None,
            )
        if isinstance(self.source, InertNode):
            how = "without a gradient: under no_grad, or from nothing that requires one"
            return f"{self.name} was computed {how}.", self.source
        if not self.tensor.requires_grad:
            return f"{self.name} requires no gradient: set requires_grad=True before its use.", None
        if self.order or self.source is self.root:
            return None
        cut = self._cut()
        if cut is None and not self.loss.requires_grad:
            why = "it depends on no Tensor with requires_grad=True, or was computed under no_grad"
            return f"The loss requires no gradient: {why}. {HINT}", None
        return cut or (f"The loss was not computed from {self.name}. {HINT}", None)

    def _cut(self) -> tuple[str, Source | None] | None:
        """Return what cut the Tensor off from the loss, as far as that was recorded."""
        for node in _way(self.source, self.root)[1:]:
            if type(node) is InertNode:
                where = _at(self.graph[self.ids[node]])
                if not node.function.differentiable or node.dtype.kind != "f":
                    return f"{self.name} leads to {node}{where}, which has no gradient.", node
                return f"{self.name} leads to {node}{where}, run under no_grad.", node
        for node in postorder([self.root], (Node, InertNode)):
            for value, source in _known_inputs(node):
                if isinstance(source, Constant) and np.may_share_memory(value, self.tensor.data):
                    where = _at(self.graph[self.ids[node]])
                    return f"{self.name} was detached before it came to {node}{where}.", node
        return None

    # -- a gradient that is zero or not finite ---------------------------------------------------

    def _leaving(self, node: Node) -> list[Array]:
        """Return the gradients that leave a Node towards the Tensor."""
        onward = {self.source, *self.order}
        return [
            np.asarray(gx)
            for source, gx in zip(node.inputs, self.flow.left.get(node, ()), strict=False)
            if source in onward and gx is not None
        ]

    def _hook(self, source: Source, wrong: Callable[[Array], object]) -> str | None:
        """Return the hook at a place that made the gradient wrong, if one did."""
        for change in self.flow.changes.get(source, ()):
            if wrong(change.after) and not wrong(change.before):
                return f"the hook {change.hook} on {self._place(source)}"
        return None

    def _place(self, source: Source) -> str:
        at = _at(self.graph[self.ids[source]])
        return self.name if source is self.source else f"{source}{at}"

    def _why_zero(self) -> tuple[str, Source | None]:
        whole = f"The gradient of {self.name} is 0 everywhere"
        for place in (*reversed(self.order), self.source):
            hook = self._hook(place, lambda g: not np.any(g))
            if hook:
                return f"{whole}: {hook} makes it 0.", place
            arrived = np.any(self.flow.arrived.get(place, 0))
            if isinstance(place, Node) and arrived and not any(map(np.any, self._leaving(place))):
                return f"{whole}, from {self._place(place)} on: {zero_rule(str(place))}.", place
        return f"{whole}: what arrives there on several ways cancels out.", None

    def _why_nonfinite(self, g: Summary) -> tuple[str, Source | None]:
        what = f"The gradient of {self.name} has {_bad(g)}"
        origin = self.graph.origin_of_nonfinite
        if origin is not None:
            vertex = self.graph[origin]
            source = next(s for s, i in self.ids.items() if i == origin)
            made = f"{_label(vertex)}{_at(vertex)} is {_bad(vertex.stats)}{_ranges(source)}"
            return f"{what}: in forward already, {made}.", source
        if not np.isfinite(self.loss.data).all():
            return f"{what}: the loss is not finite. {HINT}", None
        for place in (*reversed(self.order), self.source):
            hook = self._hook(place, lambda g: not np.isfinite(g).all())
            if hook:
                return f"{what}: {hook} makes it so.", place
            arrived = self.flow.arrived.get(place)
            if isinstance(place, Node) and arrived is not None and np.isfinite(arrived).all():
                bad = [s for s in map(summarize, self._leaving(place)) if not s.finite]
                if bad:
                    rule = f"the rule of {self._place(place)} makes {_bad(bad[0])}{_ranges(place)}"
                    return f"{what}: {rule}.", place
        return f"{what}, where finite ones are summed.", None

    # -- its size --------------------------------------------------------------------------------

    def _size(self, norm: float) -> Explanation:
        finding: Finding = "huge" if norm > HUGE else "tiny" if norm < TINY else "fine"
        reason = f"The gradient of {self.name} has norm {norm:.3g}"
        if finding == "fine":
            changes = [f"{by} scales it by {f:.3g}" for f, by, _ in self._hook_factors()]
            return self._result(finding, f"{reason}; {', '.join(changes) or WELL}.")
        verb, pick = ("grows", max) if finding == "huge" else ("shrinks", min)
        hooks = ((f, f"in {by}", source) for f, by, source in self._hook_factors())
        known = [*self._rule_factors(), *hooks]
        if not known:
            return self._result(finding, f"{reason}.")
        factor, by, source = pick(known, key=lambda one: one[0])
        return self._result(finding, f"{reason}: it {verb} most {by}, by {factor:.3g}.", source)

    def _rule_factors(self) -> Iterator[tuple[float, str, Source]]:
        """Yield by how much rules change the norm of the gradient, where, and the place."""
        for node in self.order:
            factor = self._factor(node)
            if factor:
                yield factor, f"at {self._place(node)}", node

    def _hook_factors(self) -> Iterator[tuple[float, str, Source]]:
        """Yield the same for hooks."""
        for source, changes in self.flow.changes.items():
            for change in changes:
                before, after = summarize(change.before).norm, summarize(change.after).norm
                if before and after and not np.array_equal(change.before, change.after):
                    yield after / before, f"the hook {change.hook} on {self._place(source)}", source

    def _factor(self, node: Node) -> float | None:
        """Return by how much the norm of the gradient changes at a Node."""
        arrived = summarize(np.asarray(self.flow.arrived.get(node, 0.0))).norm
        left = [s.norm for s in map(summarize, self._leaving(node)) if s.norm]
        return max(left) / arrived if arrived and left else None


WELL = "nothing is wrong with it"

HINT = (
    "Run the forward pass under `with tg.record():` to see what was cut off by no_grad or detach, "
    "and where."
)


def _bad(found: Summary | None) -> str:
    return "infinite" if found and not found.nans else "NaN"


def _way(start: Source, end: Source) -> list[Source]:
    """Return the shortest way from ``start`` through what uses it to ``end``; [] if there is none.

    What no gradient flows through counts too, where it was recorded.
    """
    users: dict[Source, list[Node]] = {}
    for node in postorder([end], (Node, InertNode)):
        for source in dict.fromkeys(node.inputs):
            if source is not None:
                users.setdefault(source, []).append(node)
    came: dict[Source, Source | None] = {start: None}
    front = [start]
    while front and end not in came:
        following: list[Source] = []
        for source in front:
            for user in users.get(source, ()):
                if user not in came:
                    came[user] = source
                    following.append(user)
        front = following
    way: list[Source] = []
    here: Source | None = end if end in came else None
    while here is not None:
        way.append(here)
        here = came[here]
    return way[::-1]


def _known_inputs(node: Node) -> Iterator[tuple[Array, Any]]:
    """Iterate over the inputs of a Node whose values are known, with their places."""
    record = seen(node)
    if record is not None and record.inputs is not None:
        values: Sequence[Any] = record.inputs
    else:
        signature = node.function.signature
        kept = dict(zip(signature.kept, node.kept or (), strict=False))
        named = signature.inputs if not signature.variadic else ()
        values = [kept.get(name) for name in named]
    for value, source in zip(values, node.inputs, strict=False):
        if value is not None:
            yield value, source


def _ranges(source: Source) -> str:
    """Return the ranges of the inputs of a Node, as far as they are known."""
    if not isinstance(source, Node):
        return ""
    names = source.function.signature.names(len(source.inputs))
    places = {id(s): name for s, name in zip(source.inputs, names, strict=True)}
    parts = []
    for value, place in _known_inputs(source):
        if value.dtype.kind == "f":
            s = summarize(value)
            span = "not finite" if s.min is None else f"from {s.min:.6g} to {s.max:.6g}"
            parts.append(f"{places[id(place)]} {span}")
    return f" of {', '.join(parts)}" if parts else ""


def _name(graph: Graph, id: int | None, tensor: Tensor) -> str:
    name = tensor.name if id is None else graph[id].name
    return name or ("the Tensor" if tensor.is_leaf else f"the result of {tensor._source}")


def _label(vertex: Vertex) -> str:
    return vertex.name or vertex.key


def _at(vertex: Vertex) -> str:
    """Return where a vertex is, in the model and in the source, as far as that is known."""
    places = [".".join(vertex.scope), f"at {vertex.location}" if vertex.location else ""]
    known = " ".join(filter(None, places))
    return f" ({known})" if known else ""

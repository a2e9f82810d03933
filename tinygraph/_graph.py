"""Graph: an immutable snapshot of what was recorded, for every reader.

A picture, a listing, a cost table all read the same plain values; a Graph holds neither arrays nor
Tensors, so it keeps nothing alive, and backward, which frees arrays, changes nothing in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, make_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ._places import ModuleInfo, Path
from ._summary import Summary
from ._tensor import Shape

if TYPE_CHECKING:
    from . import render as rendering

Kind: TypeAlias = Literal["input", "parameter", "constant", "operation"]
Phase: TypeAlias = Literal["forward", "backward"]
Plain: TypeAlias = "bool | int | float | str | tuple[Plain, ...] | None"


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
    arguments : tuple of str
        What an operation calls them, and its docstring: a and b, x and w.
    shape : tuple of int
    dtype : str
    value : number or None
        What a constant is, where a user wrote it, as in ``x * 2``; what each number of an array is
        that a module made: the 0 of a state that a recurrent one starts with.
    doc : str or None
        The docstring of an operation, as its source has it: its shapes and its rule.
    key : str
        A name that no other vertex has, and that stays when something elsewhere is changed: its
        scope, its name or function, and the number among those that are called alike.
    scope : tuple of str
        Where in the model it is: the names of modules and `scope` blocks, outermost first.  The
        second call of a module at one place is told apart, as "conv#2".  A parameter or constant
        is where all that uses it is; an input is nowhere.
    requires_grad : bool
        Whether a gradient flows to it.
    saved : tuple of str
        What the rule of an operation keeps for backward: inputs by their names, "y" for the output,
        and what else forward hands on.
    saved_operands : tuple of int
        Which operands are among what is saved, as places in ``operands``.
    broadcast : tuple of int
        Which operands are repeated along an axis, so that their gradients are sums over it.
    location : str or None
        The line that applied the operation, as ``file:line``; this and what follows is known of
        what ran under `record`.
    stats : Summary or None
        The numbers that it holds.
    grad : Summary or None
        The gradient with respect to it: of an operation the one that arrived in the latest
        backward, of a parameter all that its ``grad`` holds.
    contributions : tuple of Summary or None
        What the rule of an operation returned for each operand.
    reductions : tuple of Summary or None
        What those became whose operand was broadcast, so that they were summed to its shape; None
        for the others, () if there are none.
    arrived : Summary or None
        The sum of the contributions that reached it, where that is not ``grad``: a leaf has held
        something before, backward began here, or a hook has changed the gradient.
    aux : tuple of (name, Summary)
        What else an operation handed on to its rule: the winners of a maximum, masks.
    turn : int or None
        In which order the rules ran: 0 for the one that ran first.
    flops : int or None
        The floating-point operations that an operation takes, by formula; None where there is no
        formula, for a user's own Function, and for what is no operation.
    bytes : int
        What an operation reads and writes: nothing, where it gives a view.  Else its own size.
    forward_time, backward_time : float or None
        The seconds that an operation and its rule took, of what ran under `profile`.
    phase : {"forward", "backward"}
        "backward" for what only the traced backward pass uses.
    rule_of : int or None
        The operation of the forward pass whose rule an operation of the backward pass is part of;
        None for a sum of gradients that arrive on several ways.
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
    key: str
    scope: Path
    requires_grad: bool
    arguments: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    saved_operands: tuple[int, ...] = ()
    broadcast: tuple[int, ...] = ()
    location: str | None = None
    stats: Summary | None = None
    grad: Summary | None = None
    contributions: tuple[Summary | None, ...] = ()
    reductions: tuple[Summary | None, ...] = ()
    arrived: Summary | None = None
    aux: tuple[tuple[str, Summary], ...] = ()
    turn: int | None = None
    flops: int | None = None
    bytes: int = 0
    forward_time: float | None = None
    backward_time: float | None = None
    phase: Phase = "forward"
    rule_of: int | None = None


def _freeze(draft: Any) -> None:
    draft.__class__ = Vertex


# Makes a Vertex as `Vertex` does, but in a third of the time, which matters where there are many:
# the constructor of a frozen dataclass sets each field by a call.  That of one that is not frozen
# does not, and since it has the same slots, what it made can become a Vertex.
write_vertex: Callable[..., Vertex] = make_dataclass(
    "write_vertex",
    [(f.name, f.type, f) for f in fields(Vertex)],
    slots=True,
    namespace={"__post_init__": _freeze},
)


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """Everything that leads to some Tensors; `tinygraph.graph` makes it.

    A Graph is a sequence of `Vertex`, in an order in which they can be computed.

    Attributes
    ----------
    vertices : tuple of Vertex
    outputs : tuple of int
        The ids of the Tensors the Graph was made of.
    modules : tuple of ModuleInfo
        Those of the model, and then what was called at other places: modules outside of it, and
        those in a `scope` block, which is part of their path.
    gradients : tuple of (int, int)
        The ids of leaves, and of their gradients, where the backward pass was traced.

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
    modules: tuple[ModuleInfo, ...] = ()
    gradients: tuple[tuple[int, int], ...] = ()

    if TYPE_CHECKING:  # `_methods` binds these
        to_dot = rendering.to_dot
        to_json = rendering.to_json
        render = rendering.render
        _repr_mimebundle_ = rendering.mimebundle

    def __len__(self) -> int:
        return len(self.vertices)

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices)

    def __getitem__(self, id: int) -> Vertex:
        return self.vertices[id]

    @property
    def origin_of_nonfinite(self) -> int | None:
        """The first vertex that made NaN or infinity, or None; known of what `record` saw.

        That is an operation whose operands do not explain it, or a leaf that holds NaN; an
        infinite leaf, such as a mask, is meant to be.
        """
        for vertex in self.vertices:
            found = vertex.stats
            operands = [self.vertices[i].stats for i in vertex.operands if i is not None]
            meant = vertex.function is None and found is not None and not found.nans
            if found and not found.finite and not meant and not explains(operands, found):
                return vertex.id
        return None

    @property
    def origin_of_nonfinite_gradient(self) -> int | None:
        """The first operation of backward whose rule made NaN or infinity, or None."""
        for vertex in reversed(self.vertices):
            for found in vertex.contributions:
                if found and not found.finite and not explains([vertex.grad], found):
                    return vertex.id
        return None

    def __repr__(self) -> str:
        return f"<{_summary(self)}>"

    def __str__(self) -> str:
        return "\n".join([_summary(self), *listing(self)])


def explains(operands: Sequence[Summary | None], found: Summary) -> bool:
    """Return whether operands hold NaN, or infinity where ``found`` holds no NaN."""
    known = [x for x in operands if x is not None]
    return any(x.nans for x in known) or (not found.nans and any(x.infs for x in known))


# -- the listing -----------------------------------------------------------------------------------


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
            value = "" if v.value is None else f" {v.value}"
            line = f"%{v.id} = {v.kind}{name or value}"
        else:
            settings = ", ".join(f"{key}={format_plain(value)}" for key, value in v.attributes)
            operands = ", ".join("None" if i is None else references[i] for i in v.operands)
            call = f"{v.function}({settings})" if settings else v.function
            line = f"%{v.id}{name} = {call}({operands})"
        lines.append(f"{line}  {v.shape} {v.dtype}{'  -> output' if v.id in outputs else ''}")
    for leaf, gradient in graph.gradients:
        lines[gradient] += f"  -> gradient of {references[leaf]}"
    return lines

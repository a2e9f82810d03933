"""What stands in a box: a title, and below it shapes, counts, and what is out of the ordinary."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from .._graph import Graph, Plain, Vertex, format_plain
from .._places import Path, common, plain_step
from .partition import STEPS, Group

WINDOW = ("stride", "padding", "dilation", "size")  # in pixels: height × width
CUT, LONGEST = 40, 64  # characters of an attribute, and of a name

# What an operation usually has: its label leaves it out.
USUAL: dict[str, Plain] = {
    "groups": 1,
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
    "keepdims": False,
    "ddof": 0,
    "eps": 1e-5,
    "ndim": 1,
    "ignore_index": -100,
    "sizes": "{}",  # of the axes that only the result of an einsum has
}

COMMUTATIVE = {"Add", "Multiply", "Maximum", "Minimum", "Equal", "NotEqual"}
INFIX = {"Add": "+", "Subtract": "−", "Multiply": "×", "Divide": "÷", "Power": "^"}


class Labels:
    """The lines of all boxes of a Graph, each once asked for.

    Parameters
    ----------
    graph : Graph
    constants : bool
        Whether constants have boxes: if not, their numbers stand in the labels of operations.
    """

    def __init__(self, graph: Graph, constants: bool) -> None:
        self._graph = graph
        self._constants = constants
        self._usual = graph[graph.outputs[0]].dtype  # the dtype that goes without saying
        self._modules = {module.path: module for module in graph.modules}

    def vertex(self, vertex: Vertex, inside: Path) -> tuple[str, ...]:
        """Return the lines for a vertex by itself, in the cluster of the scope ``inside``."""
        if vertex.function is not None:
            return _some(self._operation(vertex, inside), self._shape(vertex))
        names = []
        if vertex.name:
            names.append(shortened(without(vertex.name, self._module_around(inside))))
        if vertex.kind == "constant" or vertex.value is not None:
            names.append(number(vertex.value))
        title = " = ".join(names) or vertex.kind
        size = math.prod(vertex.shape)
        several = vertex.kind == "parameter" and len(vertex.shape) > 1
        return _some(title, _dots(self._shape(vertex), plural(size, "number") if several else ""))

    def _operation(self, vertex: Vertex, inside: Path) -> str:
        place = shortened(".".join(vertex.scope[len(inside) :]))
        title = f"{place}: {vertex.function}" if place else f"{vertex.function}"
        if vertex.name is not None:
            title = f"{shortened(vertex.name)} = {title}"
        numbers = [] if self._constants else _numbers(self._graph, vertex)
        return " ".join([title, *settings(self._graph, vertex), *numbers])

    def group(self, group: Group, inside: Path) -> tuple[str, ...]:
        """Return the lines for a closed module or scope, or for blocks that are folded."""
        vertices = [self._graph[id] for id in group.vertices]
        operations = [v for v in vertices if v.kind == "operation"]
        count = parameters(vertices)
        total = plural(count, "parameter") if count else ""
        if len(operations) == 1:
            (vertex,) = operations
            return _some(self._operation(vertex, inside), self._shape(vertex), total)
        title, extent = self._group_title(group, inside)
        counts = _dots(plural(len(operations), "operation"), total)
        return _some(title, extent, self._shape(operations[-1]), counts)

    def _group_title(self, group: Group, inside: Path) -> tuple[str, str]:
        if group.parts:
            return self._repeat_title(group)
        place = shortened(".".join(group.scope[len(inside) :]))
        if not place:
            return self._contents(group.vertices), ""
        kind = self.class_of(group.scope)
        return _titled(place, kind), ""

    def _repeat_title(self, group: Group) -> tuple[str, str]:
        """Return what is repeated how often, and, if it is a module, from where to where."""
        scopes = [self._place_of(part) for part in group.parts]
        times = f"× {len(group.parts)}"
        first, last = scopes[0], scopes[-1]
        if len(first) > len(group.scope) and len(set(scopes)) == len(scopes):
            unit = self.class_of(first) or _unnumbered([plain_step(s[-1]) for s in scopes])
            return f"{unit} {times}", f"{'.'.join(first)} … {'.'.join(last)}"
        unit = self._contents(group.parts[0])
        return (f"({unit}) {times}" if "," in unit else f"{unit} {times}"), ""

    def _place_of(self, part: Sequence[int]) -> Path:
        """Return the module or scope of a block; what takes a step's share may be outside of it."""
        vertices = [self._graph[id] for id in part]
        scopes = [v.scope for v in vertices if v.function not in STEPS]
        return common(scopes or [v.scope for v in vertices])

    def _contents(self, vertices: Sequence[int]) -> str:
        """Return the operations among some vertices, or the most frequent of them."""
        functions = [self._graph[id].function for id in vertices]
        names = [name for name in functions if name is not None]
        if len(names) <= 3:
            return ", ".join(names)
        counts = Counter(names).most_common()
        shown = [f"{name} × {n}" if n > 1 else name for name, n in counts[:3]]
        return ", ".join(shown) + ("" if len(counts) <= 3 else ", …")

    def cluster(self, path: Path, inside: Path) -> tuple[str, ...]:
        """Return the title of an open module or scope, and its parameters."""
        title = shortened(".".join(path[len(inside) :]))
        module = self._modules.get(module_path(path))
        if module is None:
            return (title,)
        count = module.parameters
        return _some(_titled(title, module.class_name), plural(count, "parameter") if count else "")

    def _module_around(self, path: Path) -> Path:
        """Return the innermost module around a place: other scopes are in no name of a Tensor."""
        while path and module_path(path) not in self._modules:
            path = path[:-1]
        return path

    def class_of(self, path: Path) -> str | None:
        """Return the class of the module at a path, or None for a scope."""
        module = self._modules.get(module_path(path)) if path else None
        return module.class_name if module else None

    def _shape(self, vertex: Vertex) -> str:
        """Return a shape, and the dtype if it is not usual; a single number goes unsaid."""
        shape = str(vertex.shape) if vertex.shape else ""
        return _some_text(" ", shape, vertex.dtype if vertex.dtype != self._usual else "")


def _unnumbered(names: Sequence[str]) -> str:
    """Return the name of what is repeated: ``block`` for block0, block1, ..."""
    first = names[0]
    return first if len(set(names)) == 1 else first.rstrip("0123456789") or first


def _titled(place: str, kind: str | None) -> str:
    """Return ``conv1: Conv2d``; a module outside of any model is called by its class alone."""
    return place if kind in (None, place) else f"{place}: {kind}"


def _some(*lines: str) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def _some_text(between: str, *texts: str) -> str:
    return between.join(filter(None, texts))


def _dots(*texts: str) -> str:
    return _some_text(" · ", *texts)


def module_path(path: Path) -> str:
    """Return the dotted path of a module: a second call is of the same one."""
    return ".".join(map(plain_step, path))


def parameters(vertices: Iterable[Vertex]) -> int:
    """Return how many numbers the parameters among some vertices have."""
    return sum(math.prod(vertex.shape) for vertex in vertices if vertex.kind == "parameter")


def tooltip(vertex: Vertex) -> tuple[str, ...]:
    """Return all there is to know of a vertex: also what its label leaves out."""
    settings = ", ".join(f"{name}={format_plain(value)}" for name, value in vertex.attributes)
    what = f"{vertex.function}({settings})" if vertex.function else vertex.kind
    lines = [f"{vertex.key} = {what}  {vertex.shape} {vertex.dtype}"]
    if vertex.location:
        lines.append(place(vertex.location))
    return (*lines, *inspect.cleandoc(vertex.doc or "").splitlines())


def place(location: str) -> str:
    """Return the name of a file and the line, without the folders that differ between machines."""
    return "/".join(location.replace("\\", "/").rsplit("/", 2)[-2:])


def without(name: str, path: Path) -> str:
    """Return a dotted name as it is called inside of a module."""
    return name.removeprefix(f"{module_path(path)}.") if path else name


def shortened(name: str) -> str:
    """Return a name without its middle, if it is longer than a box should be wide."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"


def number(value: float | None) -> str:
    """Return a number as short as can be: 3 for 3.0, 1e-05; one that is not known by a word."""
    if value is None:
        return "number"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def plural(count: int, what: str) -> str:
    """Return ``1,234 operations`` or ``1 operation``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# -- the attributes of an operation --------------------------------------------------------------


def _numbers(graph: Graph, vertex: Vertex) -> list[str]:
    """Return the operands that are plain numbers, as they stand in the formula."""
    operands = [None if i is None else graph[i] for i in vertex.operands]
    if not any(operand is not None and operand.kind == "constant" for operand in operands):
        return []
    texts = ["·" if v is None or v.kind != "constant" else number(v.value) for v in operands]
    sign = INFIX.get(vertex.function or "")
    return [f" {sign} ".join(texts) if sign else f"({', '.join(texts)})"]


def settings(graph: Graph, vertex: Vertex) -> list[str]:
    """Return the telling attributes of an operation: neither usual nor repeated by its shape."""
    operands = [None if i is None else graph[i] for i in vertex.operands]
    given = dict(vertex.attributes)
    axes = len(vertex.shape[2:])  # the spatial ones, where there are windows
    usual = {**USUAL, "shape": vertex.shape, "dtype": vertex.dtype, "size": vertex.shape[2:]}
    usual |= {"padding": (0,) * axes, "dilation": (1,) * axes}
    found = []
    kernel = given.pop("kernel_size", None)
    if kernel is not None:  # a pool, whose windows lie side by side
        usual["stride"] = kernel
    elif (vertex.function or "").startswith("Conv") and len(operands) > 1 and operands[1]:
        kernel = operands[1].shape[2:]
        usual["stride"] = (1,) * axes
    if kernel is not None:
        sides = kernel if isinstance(kernel, tuple) else (kernel,)
        found.append("×".join(map(format_plain, sides)))
    if operands and operands[0] is not None:
        usual["axis"] = tuple(range(len(operands[0].shape)))  # all of them
    for name, value in given.items():
        if name not in usual or value != usual[name]:
            found.append(name if value is True else f"{name} {_short(name, value)}")
    return found


def _short(name: str, value: Plain) -> str:
    """Return a stride (2, 2) as 2 and (2, 1) as 2×1, an axis (1,) as 1; cut what is long."""
    if isinstance(value, tuple) and (name in WINDOW or len(value) == 1):
        text = "×".join(map(format_plain, value[:1] if len(set(value)) == 1 else value))
    else:
        text = format_plain(value)
    return text if len(text) <= CUT else f"{text[: CUT - 1]}…"

"""Graph -> DOT, with one visual grammar for all pictures.

Every kind of vertex has a shape of its own and a colour of its own (Okabe and Ito's, which the
colour-blind can tell apart).  Labels are plain text: not every layout engine reads HTML ones.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from .._graph import Graph, Kind, Plain, Vertex, format_plain, listing, printable
from ._errors import RenderError

if TYPE_CHECKING:
    import graphviz

FONT = "Arial"  # its widths are known to every engine, and its likes are on every machine

GRAPH = {"ordering": "in", "nodesep": "0.2", "ranksep": "0.28", "pad": "0.2", "bgcolor": "white"}
NODE = {"fontname": FONT, "fontsize": "12", "fontcolor": "#1a1a1a", "height": "0.3"}
EDGE = {"color": "#47525c", "arrowsize": "0.7"}
PALE = {"color": "#9aa5af"}  # an edge from a parameter or a constant
STRAIGHT = {"weight": "8"}  # the way of the data, to which what comes in at the side gives way

GREEN = {"color": "#009e73", "fillcolor": "#d9f0e9"}
ORANGE = {"color": "#e69f00", "fillcolor": "#fdf1d8"}
BLUE = {"color": "#0072b2", "fillcolor": "#deedf7"}
VERMILION = {"color": "#d55e00", "fillcolor": "#fae3d4"}

KINDS: dict[Kind, dict[str, str]] = {
    "input": {"shape": "ellipse", "style": "filled", "margin": "0.03,0.02", **GREEN},
    "parameter": {"shape": "cylinder", "style": "filled", "margin": "0.1,0.04", **ORANGE},
    "operation": {"shape": "box", "style": "rounded,filled", "margin": "0.17,0.07", **BLUE},
    "constant": {"shape": "plain", "fontcolor": "#6b7680", "fontsize": "10"},
}
OUTPUT = {"peripheries": "2", **VERMILION}

WINDOW = ("stride", "padding", "dilation", "size")  # in pixels: height × width

# What an operation usually has: its label leaves it out.
USUAL: dict[str, Plain] = {
    "groups": 1,
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
    "keepdims": False,
    "ddof": 0,
    "ignore_index": -100,
}


def to_dot(graph: Graph) -> graphviz.Digraph:
    """Return a Graph as DOT: data flows from top to bottom, operands from left to right.

    The same Graph gives the same DOT, byte for byte.

    Raises
    ------
    RenderError
        If the graphviz package is not installed.
    """
    try:
        import graphviz
    except ImportError:
        raise RenderError(
            "DOT is written by the graphviz package: pip install 'tinygraph[viz]'"
        ) from None
    dot = graphviz.Digraph("tinygraph", graph_attr=GRAPH, node_attr=NODE, edge_attr=EDGE)
    outputs = set(graph.outputs)
    usual = graph[graph.outputs[0]].dtype
    for vertex, line in zip(graph, listing(graph), strict=True):
        style = KINDS[vertex.kind] | (OUTPUT if vertex.id in outputs else {})
        doc = inspect.cleandoc(vertex.doc or "").splitlines()
        label, tooltip = (
            graphviz.nohtml("\\n".join(map(_escape, lines)))
            for lines in (_label(graph, vertex, usual), [line, *doc])
        )
        dot.node(str(vertex.id), label, tooltip=tooltip, **style)
        for place, operand in enumerate(vertex.operands):
            if operand is not None:
                kind = graph[operand].kind
                look = PALE if kind in ("parameter", "constant") else {}
                course = STRAIGHT if place == 0 or kind == "operation" else {}
                dot.edge(str(operand), str(vertex.id), **look, **course)
    return dot


def _escape(text: str) -> str:
    """Escape a line so that DOT shows it as it is."""
    return printable(text).replace("\\", "\\\\").replace("&", "&amp;")


def _label(graph: Graph, vertex: Vertex, usual: str) -> list[str]:
    """Return the lines of a label: what it is, and its shape; its dtype where it is not usual."""
    if vertex.function is None:
        title = vertex.name or (vertex.kind if vertex.value is None else str(vertex.value))
    else:
        title = vertex.function if vertex.name is None else f"{vertex.name} = {vertex.function}"
        title = " ".join([title, *_settings(graph, vertex)])
    details = [str(vertex.shape)] if vertex.shape else []  # that it is one number goes unsaid
    if vertex.dtype != usual:
        details.append(vertex.dtype)
    return [title, " ".join(details)] if details else [title]


def _settings(graph: Graph, vertex: Vertex) -> list[str]:
    """Return the telling attributes of an operation: neither usual nor repeated by its shape."""
    operands = [None if i is None else graph[i] for i in vertex.operands]
    given = dict(vertex.attributes)
    axes = len(vertex.shape[2:])  # the spatial ones, where there are windows
    usual = {**USUAL, "shape": vertex.shape, "dtype": vertex.dtype, "size": vertex.shape[2:]}
    usual |= {"padding": (0,) * axes, "dilation": (1,) * axes}
    settings = []
    kernel = given.pop("kernel_size", None)
    if kernel is not None:  # a pool, whose windows lie side by side
        usual["stride"] = kernel
    elif (vertex.function or "").startswith("Conv") and len(operands) > 1 and operands[1]:
        kernel = operands[1].shape[2:]
        usual["stride"] = (1,) * axes
    if kernel is not None:
        sides = kernel if isinstance(kernel, tuple) else (kernel,)
        settings.append("×".join(map(format_plain, sides)))
    if operands and operands[0] is not None:
        usual["axis"] = tuple(range(len(operands[0].shape)))  # all of them
    for name, value in given.items():
        if name not in usual or value != usual[name]:
            settings.append(name if value is True else f"{name} {_short(name, value)}")
    return settings


def _short(name: str, value: Plain) -> str:
    """Return a stride (2, 2) as 2 and (2, 1) as 2×1, an axis (1,) as 1; cut what is long."""
    if isinstance(value, tuple) and (name in WINDOW or len(value) == 1):
        text = "×".join(map(format_plain, value[:1] if len(set(value)) == 1 else value))
    else:
        text = format_plain(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

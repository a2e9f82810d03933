"""What the walk shows of some operations beside numbers: windows, winners, y − t."""

from __future__ import annotations

from typing import Any

from ..._graph import Graph, Vertex

SIZES = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}  # and those of a single row
KINDS = {
    **{"Conv1d": "conv", "Conv2d": "conv", "Unfold": "columns"},
    **{"MaxPool1d": "pool", "MaxPool2d": "pool"},
}
LOSSES = ("CrossEntropy", "ClassCrossEntropy")  # by a distribution over the classes, by a class


def windows(graph: Graph, vertex: Vertex) -> dict[str, Any]:
    """Return how to show an operation on images or on logits, as ``{"show": ...}``, or nothing.

    A sequence is an image of one row.  A user's own class may have the name of one of ours: what
    it lacks is not shown.
    """
    shapes = [() if id is None else graph[id].shape for id in vertex.operands]
    axes = [len(shape) for shape in shapes]
    kind = KINDS.get(vertex.function or "")
    given: dict[str, Any] = dict(vertex.attributes)
    if kind == "conv" and axes[:2] in ([3, 3], [4, 4]):
        given["kernel_size"] = shapes[1][2:]
    told = all(isinstance(given.get(name), tuple) for name in SIZES)
    if kind and told and axes[:1] in ([3], [4]):
        lead = 4 - axes[0]
        sizes = {name: (*[one] * lead, *given[name]) for name, one in SIZES.items()}
        return {"show": {"kind": kind, **sizes, "groups": given.get("groups", 1)}}
    if vertex.function in LOSSES and axes[:1] == [2] and len(axes) == 2:
        return {"show": {"kind": "softmax", "classes": vertex.function == "ClassCrossEntropy"}}
    return {}

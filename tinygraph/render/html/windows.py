"""What the walk shows of some operations beside numbers: windows, winners, y − t."""

from __future__ import annotations

from typing import Any

from ..._graph import Graph, Vertex

SIZES = ("kernel_size", "stride", "padding", "dilation")
KINDS = {"Conv2d": "conv", "MaxPool2d": "pool", "Unfold": "columns"}
LOSSES = ("CrossEntropy", "ClassCrossEntropy")  # by a distribution over the classes, by a class


def windows(graph: Graph, vertex: Vertex) -> dict[str, Any]:
    """Return how to show an operation on images or on logits, as ``{"show": ...}``, or nothing.

    A user's own class may have the name of one of ours: what it lacks is not shown.
    """
    shapes = [() if id is None else graph[id].shape for id in vertex.operands]
    axes = [len(shape) for shape in shapes]
    given = dict(vertex.attributes)
    if vertex.function == "Conv2d" and axes[:2] == [4, 4]:
        given["kernel_size"] = shapes[1][2:]
    if vertex.function in KINDS and axes[:1] == [4] and all(name in given for name in SIZES):
        sizes = {name: given[name] for name in (*SIZES, "groups") if name in given}
        return {"show": {"kind": KINDS[vertex.function], **sizes}}
    if vertex.function in LOSSES and axes[:1] == [2] and len(axes) == 2:
        return {"show": {"kind": "softmax", "classes": vertex.function == "ClassCrossEntropy"}}
    return {}

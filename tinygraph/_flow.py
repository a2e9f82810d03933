"""What flowed back under `record`: in which order rules ran, and what reached each place."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from ._autograd import conform
from ._function import Node, Source
from ._record import Record
from ._tensor import Array, Tensor


class Flow:
    """The gradients of some recorded operations, on their way as the engine took them.

    Attributes
    ----------
    turns : dict from Node to int
        In which order the rules ran.
    reductions : dict from Node to tuple of Array or None
        What the contributions to operands that were broadcast became: sums of the operands' shapes.
    arrived : dict from Source to Array
        The sums of what reached each place, added in the order in which the rules ran.
    """

    def __init__(self, records: Mapping[Node, Record]) -> None:
        ran = [(record.turn, node) for node, record in records.items() if record.turn is not None]
        ran.sort(key=itemgetter(0))
        self.turns = {node: rank for rank, (_, node) in enumerate(ran)}
        self.reductions: dict[Node, tuple[Array | None, ...]] = {}
        self.arrived: dict[Source, Array] = {}
        for node in self.turns:
            self._follow(node, records[node])

    def _follow(self, node: Node, record: Record) -> None:
        parts = [
            _reaching(g, source, node)
            for g, source in zip(record.contributions, node.inputs, strict=False)
        ]
        for source, part in zip(node.inputs, parts, strict=False):
            if part is not None and source is not None:
                held = self.arrived.get(source)
                self.arrived[source] = part if held is None else np.asarray(held + part)
        summed = tuple(
            None if part is None or g is None or part.shape == np.shape(g) else part
            for g, part in zip(record.contributions, parts, strict=True)
        )
        if any(part is not None for part in summed):
            self.reductions[node] = summed

    def unlike(self, gradient: Array | None, place: Source) -> Array | None:
        """Return what arrived at a place, unless that is ``gradient``."""
        arrived = self.arrived.get(place)
        if arrived is None or arrived is gradient:
            return None
        same = gradient is not None and np.array_equal(arrived, gradient, equal_nan=True)
        return None if same else arrived


def _reaching(g: Array | None, source: Source | None, node: Node) -> Array | None:
    """Return what of a contribution the engine added to an operand; None where none flows."""
    if g is None or not (type(source) is Node or isinstance(source, Tensor)):
        return None
    try:
        reaching: Array = conform(g, source, node, create_graph=False)[0]
    except ValueError:  # backward stopped here, which told the user why
        return None
    return reaching

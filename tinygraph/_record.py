"""Recording: the values of operations, their gradients and source lines, for whoever reads them.

What is seen of an operation is kept beside its Node, and goes when the Node does.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from . import _writes
from ._function import Function, Node, Value
from ._mode import FunctionHook, Mode
from ._tensor import Array, Tensor


@dataclass(slots=True)
class Record:
    """What was seen of one operation: arrays, seconds, a line of code; None is what was not."""

    location: str | None = None
    inputs: tuple[Array | None, ...] | None = None
    output: Array | None = None
    gradient: Array | None = None
    contributions: tuple[Array | None, ...] = ()  # what the rule returned for each input
    aux: tuple[tuple[str, Any], ...] = ()  # what forward handed on to the rule, by name
    turn: int | None = None  # tells in which order rules ran
    forward_time: float | None = None
    backward_time: float | None = None


_records: WeakKeyDictionary[Node, Record] = WeakKeyDictionary()
_turns = itertools.count()


def record_of(node: Node) -> Record:
    """Return what was seen of ``node`` so far, to be read or added to."""
    record = _records.get(node)
    if record is None:
        record = _records[node] = Record()
    return record


def seen(node: Node) -> Record | None:
    """Return what was seen of ``node``, or None if that is nothing."""
    return _records.get(node)


def all_seen(nodes: Iterable[Node]) -> dict[Node, Record]:
    """Return what was seen of some nodes, in their order, without those of which nothing was."""
    return {node: record for node in nodes if (record := _records.get(node)) is not None}


def caller() -> FrameType:
    """Return the innermost frame that runs a line outside tinygraph."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    return frame


def _is_ours(module: str) -> bool:
    return module == "tinygraph" or module.startswith("tinygraph.")


class record(FunctionHook):
    """Record every operation in a ``with`` block, with its values, gradients and source line.

    Operations without a gradient are recorded too, so that a graph shows the whole computation.
    `graph` then knows the numbers; gradients, where backward runs inside the block.  All arrays
    stay alive as long as the graph does.

    Examples
    --------
    >>> import tinygraph as tg
    >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.record():
    ...     loss = (w * 3).sum()
    ...     loss.backward()
    >>> product = tg.graph(loss)[2]
    >>> product.function, product.stats.entries, product.grad.entries
    ('Multiply', (3.0, 6.0), (1.0, 1.0))
    """

    def __init__(self) -> None:
        # The latest copy of each leaf, with the time of the write log it was made at.
        self._copies: dict[int, tuple[Tensor, int, Array]] = {}

    def _changed(self, mode: Mode) -> Mode:
        return super()._changed(mode)._replace(everything=True)

    def __exit__(self, *exc_info: object) -> None:
        self._copies.clear()
        super().__exit__(*exc_info)

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """Keep the values of an operation, and where it was called."""
        assert node is not None, "everything is recorded"
        record = record_of(node)
        frame = caller()
        record.location = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        sources = zip(node.inputs, inputs, strict=True)
        record.inputs = tuple(self._kept(source, array) for source, array in sources)
        record.output = output if output.base is None else output.copy()
        if function.aux and node.kept:
            kept = zip(function.signature.kept, node.kept, strict=True)
            record.aux = tuple((name, value) for name, value in kept if name in function.aux)

    def _kept(self, source: Any, array: Array | None) -> Array | None:
        """Return an input as it is now: an optimiser will write into a leaf."""
        if array is None or not isinstance(source, Tensor):
            return array
        held = self._copies.get(id(source))
        if held is None or held[1] != _writes.clock:
            held = self._copies[id(source)] = (source, _writes.clock, array.copy())
        return held[2]

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """Keep the gradient that arrived at an operation, and those that left it."""
        record = record_of(node)
        record.turn = next(_turns)
        record.gradient = _array(g)
        record.contributions = tuple(map(_array, gradients[: len(node.inputs)]))


def _array(value: Value) -> Any:
    """Return a value without its graph, which a Record must not keep alive."""
    return value._array if isinstance(value, Tensor) else value

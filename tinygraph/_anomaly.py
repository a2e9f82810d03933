"""Finding the operation that made the first NaN, and writes that nobody announced."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._function import Function, Node, Value
from ._graph import Graph
from ._mode import FunctionHook
from ._record import caller
from ._snapshot import snapshot
from ._tensor import Array, Tensor


class AnomalyError(ValueError):
    """A value that should not be: NaN or infinity out of numbers, or an array written in secret.

    Attributes
    ----------
    graph : Graph or None
        What leads to the operation, if that was recorded: ``error.graph.render("nan.svg")``.
    """

    def __init__(self, message: str, node: Node | None) -> None:
        super().__init__(message)
        self.graph: Graph | None = None if node is None else snapshot([node])


def _range(name: str, x: Array) -> str:
    """Describe an array by its name, shape and range: ``x (2, 3) from -1 to 4, 2 NaN``."""
    finite = x[np.isfinite(x)]
    text = f"{name} {x.shape}"
    if finite.size:
        text += f" from {float(finite.min()):.6g} to {float(finite.max()):.6g}"
    for what, count in (("NaN", np.isnan(x).sum()), ("infinite", np.isinf(x).sum())):
        if count:
            text += f", {count} {what}"
    return text


def _anomaly(outcome: Array, arrays: Sequence[Array]) -> str | None:
    """Say what ``outcome`` holds that ``arrays`` do not explain: NaN, infinity, or None of them."""
    if np.isfinite(outcome).all() or any(np.isnan(x).any() for x in arrays):
        return None
    if np.isnan(outcome).any():
        return "NaN"
    return None if any(np.isinf(x).any() for x in arrays) else "infinity"


def _floats(values: Sequence[Any]) -> list[Array]:
    arrays = [v._array if isinstance(v, Tensor) else v for v in values]
    found = [np.asarray(a) for a in arrays if isinstance(a, (np.ndarray, np.generic))]
    return [a for a in found if a.dtype.kind == "f"]


class detect_anomaly(FunctionHook):
    """Stop at the first operation that makes NaN, or infinity, out of numbers without.

    Covers forward and backward, in a ``with`` block or a decorated function.  The error names the
    operation, the ranges of its inputs, and the line that recorded it; its ``graph`` can be drawn.

    Raises
    ------
    AnomalyError
        At that operation.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> x = tg.tensor([1.0, 0.0], requires_grad=True)
    >>> with np.errstate(divide="ignore"), tg.detect_anomaly():
    ...     y = x.log()
    Traceback (most recent call last):
    tinygraph._anomaly.AnomalyError: Log made infinity: x (2,) from 0 to 1...
    """

    def __init__(self) -> None:
        self._lines: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """Check an output."""
        frame = caller()
        line = f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"
        if node is not None:
            self._lines[node] = line
        found = _anomaly(output, _floats(inputs)) if output.dtype.kind == "f" else None
        if found:
            names = function.signature.names(len(inputs))
            ranges = [_range(n, x) for n, x in zip(names, inputs, strict=True) if x is not None]
            raise AnomalyError(
                f"{type(function).__name__} made {found}: {'; '.join(ranges)}; at {line}", node
            )

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """Check the gradients that a rule returned."""
        (arrived,) = _floats([g])
        for gx in _floats(gradients):
            found = _anomaly(gx, [arrived])
            if found:
                kept = zip(node.function.signature.kept, node.kept or (), strict=True)
                ranges = [_range(name, value) for name, value in kept if _floats([value])]
                where = self._lines.get(node, "a line outside of the block")
                raise AnomalyError(
                    f"the rule of {node} made {found}: "
                    f"{'; '.join([_range('gradient', arrived), *ranges])}; recorded at {where}",
                    node,
                )


class debug(detect_anomaly):
    """All that `detect_anomaly` does, and catch writes into arrays that tinygraph was not told of.

    A rule whose kept values were changed through NumPy would give a wrong gradient in silence.
    This compares checksums, which makes everything slower.

    Raises
    ------
    AnomalyError
        In backward, at the operation whose values were written.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> array = np.ones(2)
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.debug():
    ...     y = (x * array).sum()
    ...     array[0] = 7
    ...     y.backward()
    Traceback (most recent call last):
    tinygraph._anomaly.AnomalyError: 'b', which Multiply keeps, was written...
    """

    def __init__(self) -> None:
        super().__init__()
        self._sums: weakref.WeakKeyDictionary[Node, list[int]] = weakref.WeakKeyDictionary()

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """Check an output, and note what its rule keeps."""
        super().after_forward(function, inputs, output, node)
        if node is not None:
            self._sums[node] = [_checksum(value) for value in node.kept or ()]

    def before_backward(self, node: Node, g: Value) -> None:
        """Compare what the rule kept with what it was."""
        names = node.function.signature.kept
        sums = self._sums.get(node, [])
        for name, value, old in zip(names, node.kept or (), sums, strict=False):
            if _checksum(value) != old:
                raise AnomalyError(
                    f"{name!r}, which {node} keeps, was written unknown to tinygraph after it was "
                    f"recorded at {self._lines[node]}",
                    node,
                )


def _checksum(value: Any) -> int:
    if isinstance(value, tuple):
        return hash(tuple(map(_checksum, value)))
    return 0 if value is None else zlib.crc32(np.ascontiguousarray(value).tobytes())

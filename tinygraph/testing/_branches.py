"""Which smooth piece of a model a run goes through: the discrete choices of all its operations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygraph as tg

from ._report import Array


class record_branches(tg.FunctionHook):
    """Record the branches of the operations that run in a ``with`` block, in order.

    Two records are equal where the same operations ran and made the same choices.  The record of a
    model with masks drawn anew in each run, such as of a dropout, says nothing about those.

    Attributes
    ----------
    taken : list of (type, tuple of ndarray)
        The class of each operation, and what its `Function.branch` returned.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing._branches import record_branches
    >>> def run(x):
    ...     branches = record_branches()
    ...     with branches:
    ...         y = tg.relu(tg.tensor(x) * 2)
    ...     return branches
    >>> run([1.0, -2.0]) == run([3.0, -0.5]), run([1.0, -2.0]) == run([1.0, 2.0])
    (True, False)
    """

    def __init__(self) -> None:
        self.taken: list[tuple[type[tg.Function], tuple[Array, ...]]] = []

    def after_forward(
        self,
        function: tg.Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Any,
    ) -> None:
        """Note the choices of an operation; a discrete output, that Python may ask, is one."""
        choices: tuple[Array, ...] = (output,)
        if output.dtype.kind == "f":
            with np.errstate(all="ignore"):  # the operation itself has warned
                choices = function.branch(*inputs)
        self.taken.append((type(function), tuple(map(np.array, choices))))

    def __eq__(self, other: object) -> bool:
        """Return whether the same operations made the same choices; NaN equals NaN."""
        if not isinstance(other, record_branches):
            return NotImplemented
        return len(self.taken) == len(other.taken) and all(
            ours is theirs and len(a) == len(b) and all(map(_same, a, b))
            for (ours, a), (theirs, b) in zip(self.taken, other.taken, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # it grows


def _same(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=True)

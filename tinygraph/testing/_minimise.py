"""Make a failing example small to read: small integers, zeros, a single one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EVALUATIONS = 200
SIMPLE = (0.0, 1.0, -1.0, 2.0)


def minimise(
    fails: Callable[[Sequence[Array]], bool],
    arrays: Sequence[Array],
    evaluations: int = EVALUATIONS,
) -> list[Array]:
    """Return arrays of the same shapes with simpler floats, for which ``fails`` is still true.

    Every step is tried before it is taken, and only ones that make the arrays simpler are: zero
    before small integers before other numbers.  Arrays that are not floating stay as they are.

    Parameters
    ----------
    fails : callable
        Takes the arrays.  What raises an exception, as a point outside a domain may, has not
        failed.
    arrays : sequence of ndarray
        For which it is true; they are not changed.
    evaluations : int
        How often ``fails`` is called, at most.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygraph.testing._minimise import minimise
    >>> x = np.array([0.3, 1.7, -2.4])
    >>> [a.tolist() for a in minimise(lambda arrays: arrays[0][1] > 0.5, [x])]
    [[0.0, 1.0, 0.0]]
    """
    search = _Search(fails, arrays, evaluations)
    places = [i for i, array in enumerate(arrays) if array.dtype.kind == "f"]
    before = None
    while before != search.left:  # until a round has nothing left to try, or may not
        before = search.left
        for step in (search.whole, search.blocks, search.entries):
            for which in places:
                step(which)
    return search.best


class _Search:
    """The simplest arrays so far, and how many more may be tried."""

    def __init__(
        self, fails: Callable[[Sequence[Array]], bool], arrays: Sequence[Array], evaluations: int
    ) -> None:
        self.fails = fails
        self.best = list(arrays)
        self.left = evaluations
        self.tried: set[tuple[bytes, ...]] = set()

    def propose(self, which: int, simpler: Array) -> None:
        """Take an array in the place of another, if it is simpler and still fails."""
        arrays = [*self.best[:which], simpler, *self.best[which + 1 :]]
        key = tuple(array.tobytes() for array in arrays)
        if self.left and _cost(simpler) < _cost(self.best[which]) and key not in self.tried:
            self.left -= 1
            self.tried.add(key)
            if _is_true(self.fails, arrays):
                self.best = arrays

    def whole(self, which: int) -> None:
        x = self.best[which]
        zero = np.zeros(x.shape)
        for simpler in (zero, zero + 1, np.rint(x) + zero, _ranks(x)):  # -0.0 + 0 is 0
            self.propose(which, np.asarray(simpler, x.dtype))

    def blocks(self, which: int) -> None:
        """Try zeros in halves, quarters, ... of what is not zero."""
        parts = 2
        while parts < np.count_nonzero(self.best[which]):
            for part in range(parts):
                x = self.best[which].copy()
                places = np.flatnonzero(x)
                size = len(places)
                x.flat[places[part * size // parts : (part + 1) * size // parts]] = 0
                self.propose(which, x)
            parts *= 2

    def entries(self, which: int) -> None:
        """Try a simpler number for each entry that is not zero."""
        for place in np.flatnonzero(self.best[which]):
            for simple in (*SIMPLE, np.rint(self.best[which].flat[place]) + 0):
                x = self.best[which].copy()
                x.flat[place] = simple
                self.propose(which, x)


def _is_true(fails: Callable[[Sequence[Array]], bool], arrays: Sequence[Array]) -> bool:
    try:
        return fails(arrays)
    except Exception:
        return False


def _cost(x: Array) -> tuple[float, ...]:
    """Return what makes an array hard to read, the worst first."""
    odd = np.count_nonzero(x != np.rint(x))
    size = np.abs(x.astype(np.float64)).sum()
    return float(odd), float(np.count_nonzero(x)), float(size), float((x < 0).sum())


def _ranks(x: Array) -> Array:
    """Return small integers in the same order and with the same signs; ties stay ties."""
    values = np.unique(np.append(x, 0.0))
    return np.asarray(np.searchsorted(values, x) - np.searchsorted(values, 0.0))

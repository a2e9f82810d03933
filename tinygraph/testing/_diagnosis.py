"""What a wrong gradient looks like: guesses at the mistake, from the numbers alone.

A guess is made only where it explains far more digits of the error than chance would, given the
error bars.  So noise is never taken for a pattern, and each sentence is true of the numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BARS = 4  # agreement is required to within so many error bars
ROUNDINGS = 64  # and so many roundings of the analytic number
DIGITS = 6.0  # chance explains so many decimal digits once in a million wrong gradients
DIGITS_OF_FLOAT = 15.0
SHARP = 1e-3  # an entry is called right if its error bar is so much smaller than the errors
MOST_AXES = 5  # more would make too many hypotheses
MOST_SLICES = 64
MOST_PARTS = 16  # a ratio is told as a fraction of at most so many parts


@dataclass(frozen=True)
class _Comparison:
    """A wrong gradient: the analytic and the numeric numbers, and what the latter may be off by."""

    analytic: Array
    numeric: Array
    slack: Array

    @property
    def rounding(self) -> Array:
        return ROUNDINGS * np.finfo(np.float64).eps * np.abs(self.analytic)

    @property
    def wrong(self) -> Array:
        apart = np.abs(self.analytic - self.numeric) > self.slack + self.rounding
        return np.asarray(apart)

    @property
    def axes(self) -> list[int]:
        return [k for k, n in enumerate(self.numeric.shape) if n > 1][:MOST_AXES]

    def at(self, places: Array) -> _Comparison:
        return _Comparison(self.analytic[places], self.numeric[places], self.slack[places])

    def explained(self, expected: Array, slack: Array) -> float:
        """Return how many digits of the errors ``expected`` explains; -inf if it does not fit."""
        slack = slack + self.rounding
        if not (np.abs(self.analytic - expected) <= slack).all():
            return -math.inf
        errors = np.abs(self.analytic - self.numeric)
        with np.errstate(divide="ignore", invalid="ignore"):
            digits = np.log10(errors / slack)
        return float(np.clip(digits[errors > slack], 0, DIGITS_OF_FLOAT).sum())

    def fits(self, expected: Array, slack: Array, alternatives: float = 1) -> bool:
        """Return whether ``expected``, one of so many alternatives, explains the errors."""
        return self.explained(expected, slack) >= DIGITS + math.log10(alternatives)


def pattern(
    analytic: npt.ArrayLike,
    numeric: npt.ArrayLike,
    bound: npt.ArrayLike,
    inputs: Sequence[npt.ArrayLike] = (),
) -> str | None:
    """Return what the errors of a gradient have in common, as a sentence, or None.

    Parameters
    ----------
    analytic, numeric : array_like
        The gradient by the rule, and the right one.
    bound : array_like
        The error bar of each numeric entry, or one for all.
    inputs : sequence of array_like
        Where it was taken: lets errors be seen that come only with equal values or repeated
        indices.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygraph.testing._diagnosis import pattern
    >>> right = np.array([[1.0, 2.0, -3.0], [0.5, 4.0, 7.0]])
    >>> pattern(2 * right, right, 1e-9)
    'the rule gives 2 × the right gradient, as if it were added twice (or not averaged: 2 is ...)'
    >>> pattern(right[:, ::-1], right, 1e-9)
    'the rule gives the right gradient reversed along axis 1'
    >>> pattern(right + [[0.1, 0, 0.3], [0.4, 0, 0]], right, 1e-9) is None
    True
    """
    a, n = np.asarray(analytic, np.float64), np.asarray(numeric, np.float64)
    bars = BARS * np.asarray(bound, np.float64)
    if not np.isfinite(n).all() or np.isnan(bars).any():
        return None
    if not np.isfinite(a).all():
        return _not_finite(a)
    if a.shape != n.shape:
        return _not_summed(a, n, bars)
    given = _Comparison(a, n, np.broadcast_to(bars, n.shape))
    wrong = given.wrong
    if not wrong.any():
        return None
    arrays = [np.asarray(x) for x in inputs]
    sizes = _sizes(given)
    whole = _values(given, sizes) or _reordered(given) or _summed(given)
    if whole is not None:
        return f"the rule gives {whole}"
    if wrong.all() or not _sharp(given, wrong):
        return None
    where = next(_places(given, wrong, arrays), None)
    what = _values(given.at(wrong), sizes)
    if where is None:
        return what and f"in {_count(wrong)} the rule gives {what}; the others are right"
    return f"wrong only {where}" + (f"; there the rule gives {what}" if what else "")


def _count(places: Array) -> str:
    return f"{int(places.sum())} of {places.size} entries"


def _axes(axes: Sequence[int]) -> str:
    return f"ax{'is' if len(axes) == 1 else 'es'} {', '.join(map(str, axes))}"


def _subsets(axes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(axes) + 1):
        yield from itertools.combinations(axes, size)


def _not_finite(a: Array) -> str:
    what = "NaN" if np.isnan(a).any() else "infinity"
    places = ~np.isfinite(a)
    return f"the rule gives {what}, in {'every entry' if places.all() else _count(places)}"


def _not_summed(a: Array, n: Array, bars: Array) -> str | None:
    """Recognise a gradient that still has the shape to which the input was broadcast."""
    lead = a.ndim - n.ndim
    if lead < 0 or any(m not in (1, k) for m, k in zip(n.shape, a.shape[lead:], strict=True)):
        return None
    kept = [lead + i for i, m in enumerate(n.shape) if m != a.shape[lead + i]]
    axes = (*range(lead), *kept)
    summed = a.sum(axis=axes).reshape(n.shape)
    slack = bars + ROUNDINGS * np.finfo(np.float64).eps * np.abs(a).sum(axis=axes).reshape(n.shape)
    if not (np.abs(summed - n) <= slack).all():
        return None
    return (
        f"the rule gives shape {a.shape} in place of {n.shape}: it does not sum over "
        f"{_axes(axes)}, along which the input was broadcast"
    )


# -- the same factor everywhere ------------------------------------------------------------------


def _values(given: _Comparison, sizes: dict[int, str]) -> str | None:
    """Recognise zeros, and a constant ratio."""
    if not given.analytic.any():
        return "zero"
    n, a = given.numeric, given.analytic
    known = [-1.0, 2.0, 0.5, *sizes, *(1 / size for size in sizes)]
    for ratio in known:
        if given.fits(ratio * n, abs(ratio) * given.slack, len(known)):
            return _ratio(ratio, sizes)
    surest = np.argmax(np.abs(n) - given.slack)
    if n.flat[surest] == 0 or a.flat[surest] == 0:
        return None
    ratio = a.flat[surest] / n.flat[surest]
    blur = (abs(ratio) * given.slack.flat[surest] + given.rounding.flat[surest]) / abs(
        n.flat[surest]
    )
    others = np.arange(n.size).reshape(n.shape) != surest  # one entry is spent on the ratio itself
    rest = given.at(others)
    if rest.wrong.sum() < 2:
        return None
    if rest.fits(ratio * rest.numeric, abs(ratio) * rest.slack + blur * np.abs(rest.numeric)):
        return _ratio(ratio, sizes)
    return None


def _sizes(given: _Comparison) -> dict[int, str]:
    """Return the numbers of entries along axes, by which gradients are often divided."""
    sizes: dict[int, str] = {}
    for axes in _subsets(given.axes):
        size = math.prod(given.numeric.shape[k] for k in axes)
        if size not in sizes:
            sizes[size] = f"the size of {_axes(axes)}"
        elif len(axes) == 1:
            sizes[size] += f" and of {_axes(axes)}"
    return sizes


def _ratio(ratio: float, sizes: dict[int, str]) -> str:
    inverse = round(1 / ratio) if abs(ratio) > 1e-9 else 0
    simple = Fraction(ratio).limit_denominator(MOST_PARTS)
    if ratio == -1:
        return "the right gradient with the wrong sign"
    if ratio == 2:
        also = f" (or not averaged: 2 is {sizes[2]})" if 2 in sizes else ""
        return f"2 × the right gradient, as if it were added twice{also}"
    if ratio in sizes:
        return (
            f"{ratio:g} × the right gradient, and {ratio:g} is {sizes[int(ratio)]} (not averaged?)"
        )
    if inverse in sizes and ratio == 1 / inverse != 0.5:  # a half has more likely reasons
        size = sizes[inverse]
        return f"1/{inverse} of the right gradient, and {inverse} is {size} (averaged twice?)"
    if 0 < simple < 1 and abs(ratio / simple - 1) < 1e-9:
        return f"{simple} of the right gradient"
    return f"{ratio:.6g} × the right gradient".replace("-", "−")


# -- the same numbers elsewhere ------------------------------------------------------------------


def _reordered(given: _Comparison) -> str | None:
    """Recognise the right numbers in other places."""
    n, slack = given.numeric, given.slack
    for name, move in _moves(n):
        if given.fits(move(n), move(slack), n.size):
            return f"the right gradient {name}"
    for axis in given.axes:
        order = _order_along(given, axis)
        if order is not None:
            return f"the right gradient, along axis {axis} in the order {order}"
    if n.size < 2:
        return None
    theirs, ours = np.argsort(n, axis=None), np.argsort(given.analytic, axis=None)
    expected, loose = np.empty(n.size), np.empty(n.size)
    expected[ours], loose[ours] = n.ravel()[theirs], slack.ravel()[theirs]
    ways = 10 ** min(math.lgamma(n.size + 1) / math.log(10), 300)
    if given.fits(expected.reshape(n.shape), loose.reshape(n.shape), ways):
        return "the right numbers in another order"
    return None


def _moves(n: Array) -> Iterator[tuple[str, Any]]:
    """Return ways to move entries about, and what they are called."""
    axes = [k for k, size in enumerate(n.shape) if size > 1][:MOST_AXES]
    for i, j in itertools.combinations(axes, 2):
        if n.shape[i] == n.shape[j]:
            yield f"transposed ({_axes((i, j))})", lambda x, i=i, j=j: np.swapaxes(x, i, j)
        else:
            yield (
                f"in the order of its transpose ({_axes((i, j))}; reshape for transpose?)",
                lambda x, i=i, j=j: np.swapaxes(x, i, j).reshape(x.shape),
            )
    for some in _subsets(axes):
        yield f"reversed along {_axes(some)}", lambda x, some=some: np.flip(x, some)
    for axis in axes:
        for shift in range(1, min(n.shape[axis], MOST_SLICES)):
            step = shift if 2 * shift <= n.shape[axis] else shift - n.shape[axis]
            yield (
                f"rolled by {step} along axis {axis}".replace("-", "−"),
                lambda x, axis=axis, shift=shift: np.roll(x, shift, axis),
            )


def _order_along(given: _Comparison, axis: int) -> list[int] | None:
    """Return which slice of numeric each slice of analytic is, if each is another one."""
    a, n, slack = (np.moveaxis(x, axis, 0) for x in (given.analytic, given.numeric, given.slack))
    if len(n) > MOST_SLICES or a[0].size < 2:  # single entries in another order: the general case
        return None
    slack = slack + np.moveaxis(given.rounding, axis, 0)
    order: list[int] = []
    for slice_ in a:
        near = [
            i for i in range(len(n)) if i not in order and (np.abs(slice_ - n[i]) <= slack[i]).all()
        ]
        if not near:
            return None
        order.append(near[0])
    expected, loose = (np.take(x, order, axis) for x in (given.numeric, given.slack))
    return order if given.fits(expected, loose, math.factorial(len(n))) else None


def _summed(given: _Comparison) -> str | None:
    """Recognise a sum or an average over axes in the place of each of its terms."""
    for axes in _subsets(given.axes):
        for name, reduce in (("summed", np.sum), ("averaged", np.mean)):
            expected, slack = (
                np.broadcast_to(reduce(x, axis=axes, keepdims=True), x.shape)
                for x in (given.numeric, given.slack)
            )
            scale = np.abs(given.numeric).sum(axis=axes, keepdims=True)
            slack = slack + ROUNDINGS * np.finfo(np.float64).eps * scale
            if given.fits(expected, slack, 2 ** (len(given.axes) + 1)):
                return f"the right gradient {name} over {_axes(axes)}"
    return None


# -- errors in certain places only ---------------------------------------------------------------


def _sharp(given: _Comparison, wrong: Array) -> bool:
    """Return whether the entries that are not wrong are right, and not just uncertain."""
    errors = np.abs(given.analytic - given.numeric)[wrong]
    return bool(given.slack[~wrong].max() <= SHARP * np.median(errors))


def _places(given: _Comparison, wrong: Array, inputs: Sequence[Array]) -> Iterator[str]:
    """Recognise places that all errors have in common, and no right entry has."""
    yield from _tied(wrong, inputs)
    for axis in range(wrong.ndim):
        others = tuple(k for k in range(wrong.ndim) if k != axis)
        hit = np.asarray(wrong.any(axis=others))
        size = len(hit)
        index = np.arange(size)
        repeated = _repeated(size, inputs)
        if repeated is not None and (hit == repeated).all():
            yield f"where an index along axis {axis} occurs more than once"
        for parity, name in ((1, "odd"), (0, "even")):
            if size >= 4 and (hit == (index % 2 == parity)).all():
                yield f"at {name} indices of axis {axis} (a stride?)"
    yield from _corners(wrong)
    yield from _border(given, wrong)


def _tied(wrong: Array, inputs: Sequence[Array]) -> Iterator[str]:
    for x in inputs:
        if x.shape == wrong.shape and x.dtype.kind == "f":
            _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
            tied = counts[inverse].reshape(x.shape) > 1
            if wrong[tied].any() and not wrong[~tied].any() and not tied.all():
                yield "at ties: entries whose value occurs more than once"


def _repeated(size: int, inputs: Sequence[Array]) -> Array | None:
    """Return which of so many indices occur more than once in an integer input, if some do not."""
    for x in inputs:
        if x.dtype.kind in "iu" and x.size and -size <= x.min() and x.max() < size:
            repeated = np.bincount((x % size).ravel(), minlength=size) > 1
            if repeated.any() and not repeated.all():
                return np.asarray(repeated)
    return None


def _corners(wrong: Array) -> Iterator[str]:
    """Recognise errors everywhere but at even indices of several axes, as of a lost stride."""
    axes = [k for k, size in enumerate(wrong.shape) if size >= 3]
    index = np.indices(wrong.shape)
    for some in _subsets(axes):
        if len(some) > 1:
            odd = (index[list(some)] % 2 == 1).any(axis=0)
            if (wrong == odd).all():
                yield f"at odd indices of any of {_axes(some)} (a stride?)"


def _border(given: _Comparison, wrong: Array) -> Iterator[str]:
    """Recognise errors in the first or last slices of axes, and in all of those."""
    axes = [k for k, size in enumerate(wrong.shape) if size >= 3][-3:]
    sides: list[tuple[int, int]] = [(axis, end) for axis in axes for end in (0, -1)]
    names = {0: "first", -1: "last"}
    seen = np.abs(given.numeric) > given.slack  # a zero that is right tells nothing
    for size in range(1, len(sides) + 1):
        for some in itertools.combinations(sides, size):
            edge = np.zeros(wrong.shape, bool)
            for axis, end in some:
                np.moveaxis(edge, axis, 0)[end] = True
            if (wrong == edge)[seen | wrong].all() and seen[~edge].any() and wrong.sum() > 1:
                listed = [f"at the {names[end]} index of axis {axis}" for axis, end in some]
                yield f"at the border: {', '.join(listed)} (padding?)"

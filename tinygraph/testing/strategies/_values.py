"""Arrays of values: Hypothesis draws a seed, and the seed the values.

Floats that Hypothesis draws one by one are mostly zeros and near ties, at which nothing has a
derivative.  The simplest seed, 0, gives small numbers that a person can follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike, NDArray

from ._shapes import ShapeLike, shapes_in

Array: TypeAlias = NDArray[Any]
Kind: TypeAlias = Literal["distinct", "normal", "integer", "ties", "extreme", "nonfinite"]
Interval: TypeAlias = tuple[float, float]

SEEDS = st.integers(0, 2**32 - 1)

# A generator of numbers, or None, which stands for the simplest ones, and how many there are.
Fill: TypeAlias = Callable[[np.random.Generator | None, int], Array]


def values(
    shape: ShapeLike | None = None,
    dtype: DTypeLike = np.float64,
    kind: Kind = "distinct",
    *,
    within: Interval | None = None,
) -> SearchStrategy[Array]:
    """Draw arrays of a kind of values.

    Parameters
    ----------
    shape : int, tuple of ints, or strategy of them, optional
        Default: `shapes`.
    dtype : dtype
        A floating, integer or boolean one.
    kind : str
        ``"distinct"``: apart from each other and from 0, by 0.8 where there are up to 8 of them,
        half as much for twice as many, so that all stay below 8.  ``"normal"``: of a normal
        distribution.  ``"integer"``: integers from -3 to 3, on which sums and products are exact.
        ``"ties"``: -1, 0 and 1.  ``"extreme"``: the largest and the smallest numbers, ±1e4, ±1, 0.
        ``"nonfinite"``: NaN and infinities, at least one of them, among others.
        Dtypes that are not floating have the kinds distinct, integer and ties.
    within : pair of numbers, optional
        The open interval in which values of the kind distinct lie, for functions such as the
        logarithm.

    Raises
    ------
    ValueError
        If there is no such kind, or none for this dtype.

    Examples
    --------
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> find(st.values((2, 2)), lambda x: True)
    array([[ 1., -2.],
           [ 3., -4.]])
    >>> find(st.values(2, within=(0, 1)), lambda x: True)
    array([0.375, 0.875])
    """
    dtype = np.dtype(dtype)
    fill = _fill_of(dtype, kind, within)
    return _values(shapes_in("values", shape), dtype, fill)


@st.composite
def _values(draw: DrawFn, shape: SearchStrategy[Any], dtype: np.dtype[Any], fill: Fill) -> Array:
    size = draw(shape)
    seed = draw(SEEDS)
    rng = np.random.default_rng(seed) if seed else None
    return fill(rng, math.prod(size)).astype(dtype).reshape(size)


def _fill_of(dtype: np.dtype[Any], kind: str, within: Interval | None) -> Fill:
    """Return how the values of a kind are made, and check that there are such."""
    if dtype.kind not in "fiub":
        raise ValueError(f"values: expected a floating, integer or boolean dtype, not {dtype}")
    kinds = get_args(Kind) if dtype.kind == "f" else tuple(_WHOLE)
    if kind not in kinds:
        raise ValueError(f"values: expected a kind of {', '.join(kinds)} for {dtype}, not {kind!r}")
    if within is not None:
        low, high = within
        if kind != "distinct" or dtype.kind != "f":
            raise ValueError("values: within is for floating values of the kind 'distinct'")
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"values: expected within=(low, high), not {within}")
        return lambda rng, n: _spread(rng, n, low, high)
    if dtype.kind == "b":
        return _booleans
    if kind == "extreme":
        return lambda rng, n: _extreme(rng, n, np.finfo(dtype))
    if dtype.kind != "f":
        fill = _WHOLE[kind]
        return fill if dtype.kind == "i" else lambda rng, n: np.abs(fill(rng, n))
    return _FLOATING[kind]


def _alternating(n: int) -> Array:
    """Return 1, -2, 3, -4, ..."""
    return np.arange(1, n + 1) * np.where(np.arange(n) % 2, -1.0, 1.0)


def _spacing(n: int) -> float:
    """Return the power of two that keeps n multiples of it within ±8, or 1."""
    return 2.0 ** -max(0, math.ceil(math.log2(max(n, 1) / 8)))


def _distinct(rng: np.random.Generator | None, n: int) -> Array:
    if rng is None:
        return _alternating(n) * _spacing(n)
    spaced = np.arange(n) - n // 2 + 0.5 + rng.uniform(-0.1, 0.1, n)
    return rng.permutation(spaced) * _spacing(n)


def _spread(rng: np.random.Generator | None, n: int, low: float, high: float) -> Array:
    """Put a value into each of n parts of an interval; the simplest ones are never its middle."""
    places = np.full(n, 0.75) if rng is None else rng.uniform(0.1, 0.9, n)
    parts = np.arange(n) if rng is None else rng.permutation(n)
    return low + (high - low) * (parts + places) / n


def _normal(rng: np.random.Generator | None, n: int) -> Array:
    return _distinct(None, n) if rng is None else rng.standard_normal(n)


def _whole(rng: np.random.Generator | None, n: int) -> Array:
    return _alternating(n) if rng is None else rng.permutation(np.arange(n) - n // 2)


def _integer(rng: np.random.Generator | None, n: int) -> Array:
    simplest = [1, -2, 3, -1, 2, -3, 0]
    return np.resize(simplest, n) if rng is None else rng.integers(-3, 4, n)


def _ties(rng: np.random.Generator | None, n: int) -> Array:
    simplest = [1, 1, 0, 0, -1, -1]
    return np.resize(simplest, n) if rng is None else rng.integers(-1, 2, n)


def _booleans(rng: np.random.Generator | None, n: int) -> Array:
    return np.arange(n) % 2 == 0 if rng is None else rng.random(n) < 0.5


def _extreme(rng: np.random.Generator | None, n: int, info: np.finfo[Any]) -> Array:
    magnitudes = [1e4, info.max, info.tiny, info.eps, 1, 0]
    choices = np.array([sign * float(m) for m in magnitudes for sign in (1, -1)])
    return np.resize(choices, n) if rng is None else rng.choice(choices, n)


def _nonfinite(rng: np.random.Generator | None, n: int) -> Array:
    special = np.array([np.nan, np.inf, -np.inf])
    x = _normal(rng, n)
    if rng is None:
        x[:3] = special[:n]
        return x
    chosen = rng.random(n) < 0.5
    if n:
        chosen[rng.integers(n)] = True
    return np.where(chosen, rng.choice(special, n), x)


_WHOLE: dict[str, Fill] = {"distinct": _whole, "integer": _integer, "ties": _ties}
_FLOATING: dict[str, Fill] = {
    "distinct": _distinct,
    "normal": _normal,
    "integer": _integer,
    "ties": _ties,
    "nonfinite": _nonfinite,
}

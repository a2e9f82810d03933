"""Sums of products over named axes (einsum), by matrix products where there are two operands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._types import Array


def contract(
    terms: Sequence[str], out: str, arrays: Sequence[Array], sizes: Mapping[str, int]
) -> Array:
    """Multiply arrays whose axes are named by ``terms``, and sum over the names not in ``out``.

    A name twice in a term means its diagonal.  ``out`` is free of what `numpy.einsum` asks of it:
    a name twice puts the result on a diagonal of zeros, and one that no term has repeats it
    (``sizes`` tells how often).  So the adjoint of a contraction is a contraction.
    """
    dtype = np.result_type(*arrays)
    pool: list[tuple[str, Array]] = []
    for i, (term, array) in enumerate(zip(terms, arrays, strict=True)):
        kept = set(out).union(*terms[:i], *terms[i + 1 :])
        pool.append(_only(_distinct(term), kept, diagonal(array, term), dtype))
    while len(pool) > 1:
        i, j = _cheapest(pool, out)
        (right, b), (left, a) = pool.pop(j), pool.pop(i)
        kept = set(out).union(*(names for names, _ in pool))
        pool.append(_multiply(left, a.astype(dtype, copy=False), right, b, kept))
    names, y = pool[0]
    if len(set(out)) == len(out) == len(names):
        y = y.transpose([names.index(name) for name in out])
        return y.copy("K") if np.may_share_memory(y, arrays[0]) else y
    lengths = {**sizes, **dict(zip(names, y.shape, strict=True))}
    full = np.zeros([lengths[name] for name in out], dtype)
    place = diagonal(full, out)
    place[...] = _aligned(names, y, _distinct(out))
    return full


def diagonal(x: Array, term: str) -> Array:
    """Return a view with one axis for each name in ``term``: a name twice gives its diagonal."""
    names = _distinct(term)
    if len(names) == len(term):
        return x
    strides = [
        sum(x.strides[i] for i, name in enumerate(term) if name == wanted) for wanted in names
    ]
    shape = [x.shape[term.index(name)] for name in names]
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _distinct(term: str) -> str:
    return "".join(dict.fromkeys(term))


def _only(names: str, kept: set[str], x: Array, dtype: np.dtype[Any]) -> tuple[str, Array]:
    """Sum over the axes whose names are not kept."""
    summed = tuple(i for i, name in enumerate(names) if name not in kept)
    if summed:
        x = np.asarray(x.sum(axis=summed, dtype=dtype))
    return "".join(name for name in names if name in kept), x


def _aligned(names: str, x: Array, order: str) -> Array:
    """Put the axes in the given order, with length 1 where ``x`` has none of the name."""
    present = [name for name in order if name in names]
    x = x.transpose([names.index(name) for name in present])
    lengths = dict(zip(present, x.shape, strict=True))
    return x.reshape(tuple(lengths.get(name, 1) for name in order))


def _cheapest(pool: Sequence[tuple[str, Array]], out: str) -> tuple[int, int]:
    """Return the pair whose product is smallest next to its factors: the greedy order."""
    if len(pool) == 2:
        return 0, 1
    sizes: dict[str, int] = {
        name: n for names, x in pool for name, n in zip(names, x.shape, strict=True)
    }

    def growth(pair: tuple[int, int]) -> int:
        rest = set(out).union(*(names for i, (names, _) in enumerate(pool) if i not in pair))
        (left, a), (right, b) = (pool[i] for i in pair)
        return math.prod(sizes[name] for name in {*left, *right} & rest) - int(a.size + b.size)

    return min(((i, j) for j in range(len(pool)) for i in range(j)), key=growth)


def _multiply(left: str, a: Array, right: str, b: Array, kept: set[str]) -> tuple[str, Array]:
    """Multiply two operands and sum over what is not kept, by a (batched) matrix product."""
    summed = "".join(name for name in left if name in right and name not in kept)
    both = "".join(name for name in left if name in right and name in kept)
    rows = "".join(name for name in left if name not in right)
    columns = "".join(name for name in right if name not in left)
    names = both + rows + columns
    if not summed:
        return names, np.asarray(_aligned(left, a, names) * _aligned(right, b, names))
    sizes = {**dict(zip(left, a.shape, strict=True)), **dict(zip(right, b.shape, strict=True))}
    batch, n, k, m = ([sizes[name] for name in part] for part in (both, rows, summed, columns))
    a = _aligned(left, a, both + rows + summed).reshape(*batch, math.prod(n), math.prod(k))
    b = _aligned(right, b, both + summed + columns).reshape(*batch, math.prod(k), math.prod(m))
    return names, (a @ b).reshape((*batch, *n, *m))

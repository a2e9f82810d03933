"""Sums of products over named axes, vector norms, inverses, determinants and factorisations.

What a factorisation gives is several Functions, and those of symmetric matrices have gradients as
such: their rows apply them through `tinygraph.linalg`, to the symmetric part of what is drawn.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.ops.contraction import Einsum
from tinygraph.ops.decompositions import (
    Cholesky,
    Cofactors,
    Det,
    Eigenvalues,
    Eigenvectors,
    Inv,
    LogAbsDet,
    Orthonormal,
    Pinv,
    SingularValues,
    SingularVectors,
    Solve,
)
from tinygraph.ops.norms import VectorNorm

from .table import Case, Input, Shape, exactly, normal, over


@dataclass(frozen=True)
class Through:
    """What the row of some Functions applies, where it is not one of them alone."""

    functions: tuple[type[tg.Function], ...]
    call: Callable[..., tg.Tensor]

    def __call__(self, *xs: Any) -> tg.Tensor:
        return self.call(*xs)

    def __repr__(self) -> str:
        return ".".join(function.__name__ for function in self.functions)


def symmetric(call: Callable[[tg.Tensor], tg.Tensor]) -> Callable[[tg.Tensor], tg.Tensor]:
    return lambda a: call((a + a.mT) / 2)


# -- sums of products ----------------------------------------------------------------------------


def einsum(subscripts: str, sizes: dict[str, int] | None = None) -> Callable[..., np.ndarray]:
    """Loop over all values of all the names."""
    given, out = subscripts.split("->")

    def apply(*xs: np.ndarray) -> np.ndarray:
        lengths = dict(sizes or {})
        for term, x in zip(given.split(","), xs, strict=True):
            lengths |= zip(term, x.shape, strict=True)
        y = np.zeros([lengths[name] for name in out])
        for at in itertools.product(*(range(n) for n in lengths.values())):
            where = dict(zip(lengths, at, strict=True))
            product = 1.0
            for term, x in zip(given.split(","), xs, strict=True):
                product *= x[tuple(where[name] for name in term)]
            y[tuple(where[name] for name in out)] += product
        return y

    return apply


def contraction(subscripts: str, *shapes: Shape, **sizes: int) -> Case:
    inputs = [normal(*shape) for shape in shapes]
    return Case(
        Einsum(subscripts, sizes), inputs, einsum(subscripts, sizes), linear=len(shapes) < 3
    )


CONTRACTIONS = [
    contraction("ij,jk->ik", (2, 3), (3, 2)),
    contraction("bij,bkj->kbi", (2, 2, 3), (2, 1, 3)),
    contraction("i,ij,kj->k", (2,), (2, 3), (2, 3)),
    contraction("ij,ij->ij", (2, 3), (2, 3)),
    contraction("i,j->ji", (2,), (3,)),
    contraction("ij,k->i", (2, 3), (2,)),
    contraction("iji,j->ij", (2, 3, 2), (3,)),
    contraction("ii->", (3, 3)),
    contraction("ij->ji", (2, 3)),
    contraction("i->ii", (3,)),
    contraction("i->jij", (2,), j=3),
    contraction("ij,->i", (2, 3), ()),
    contraction("ij,jk->ik", (0, 3), (3, 2)),
    contraction("ij,jk->ik", (2, 0), (0, 2)),
    contraction("i->", (0,)),
]

# -- norms ---------------------------------------------------------------------------------------


def away_from_zero(*shape: int) -> Input:
    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        return rng.uniform(0.7, 2, shape) * rng.choice([-1, 1], shape)

    return Input(shape, fill)


def p_norm(p: float) -> Callable[[list[float]], float]:
    return lambda values: sum(abs(v) ** p for v in values) ** (1 / p)


NORMS = [
    Case(VectorNorm(axis, keep, p), [away_from_zero(*shape)], over(axis, keep, p_norm(p)))
    for p in (2, 3, 1.5, 0.5, -2)
    for shape, axis, keep in [
        ((2, 3, 2), (0, 2), False),
        ((2, 3), (1,), True),
        ((0, 3), (1,), True),
    ]
]
NORMS += [Case(VectorNorm((), False, 2), [away_from_zero()], over((), False, p_norm(2)))]

# -- matrices ------------------------------------------------------------------------------------


def regular(*shape: int) -> Input:
    """Draw matrices with a large, distinct diagonal and positive small elements beside it.

    So they are far from singular, their singular values and eigenvalues far from each other, and no
    step makes LAPACK choose another sign of a vector.
    """

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        m, n = shape[-2:]
        a = rng.uniform(0.3, 0.6, shape)
        for i in range(min(m, n)):
            a[..., i, i] = 3 + 2 * i + a[..., i, i]
        return a

    return Input(shape, fill)


def cofactors(a: np.ndarray) -> np.ndarray:
    """Leave out each row and column in turn."""
    y = np.zeros_like(a)
    for i, j in np.ndindex(a.shape[-2:]):
        minor = np.delete(np.delete(a, i, -2), j, -1)
        y[..., i, j] = (-1) ** (i + j) * determinant(minor)
    return y


def determinant(a: np.ndarray) -> np.ndarray:
    """Sum over permutations."""
    n = a.shape[-1]
    y = np.zeros(a.shape[:-2])
    for order in itertools.permutations(range(n)):
        swaps = sum(order[i] > order[j] for j in range(n) for i in range(j))
        y += (-1) ** swaps * np.prod([a[..., i, order[i]] for i in range(n)], axis=0)
    return y


def reflected(call: Callable[..., np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda a: call((a + a.mT) / 2)


SQUARES: list[Shape] = [(3, 3), (2, 2, 2), (1, 1), (0, 2, 2), (0, 0)]
RECTANGLES: list[Shape] = [(3, 2), (2, 3), (2, 2, 2), (0, 3, 2), (0, 2)]


def each_of(
    shapes: list[Shape], function: Any, reference: Callable[..., np.ndarray], note: str = ""
) -> list[Case]:
    first, *rest = shapes
    corners = [(shape,) for shape in rest]
    return [Case(function, [regular(*first)], reference, corners, note=note)]


def vectors(a: tg.Tensor) -> tg.Tensor:
    u, _, vh = tg.linalg.svd(a, full_matrices=False)
    return tg.concatenate([u, vh.mT], axis=-2)


def stacked_vectors(a: np.ndarray) -> np.ndarray:
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, vh.mT], axis=-2)


FACTORISATIONS = [
    *each_of(SQUARES, Inv(), np.linalg.inv),
    *each_of(SQUARES[:-1], Det(), determinant),
    *each_of(SQUARES[:-1], Cofactors(), cofactors),
    Case(Cofactors(), [exactly([[1.0, 2.0], [3.0, 1.0]])], cofactors, note=":negative"),
    *each_of(SQUARES[:-1], LogAbsDet(), lambda a: np.log(np.abs(determinant(a)))),
    Case(
        Solve(),
        [regular(3, 3), normal(3, 2)],
        lambda a, b: np.linalg.inv(a) @ b,
        [((2, 2, 2), (2, 2, 1)), ((2, 2), (2, 0)), ((0, 2, 2), (0, 2, 3))],
    ),
    *each_of(RECTANGLES[:-1], Pinv(1e-10, False), np.linalg.pinv),
    *each_of(
        SQUARES, Through((Cholesky,), symmetric(tg.linalg.cholesky)), reflected(np.linalg.cholesky)
    ),
    # a square one has elements that its last column, which has no freedom left, cannot change
    *each_of([(3, 2), (2, 4, 2), (0, 3, 2), (3, 0)], Orthonormal(), lambda a: np.linalg.qr(a)[0]),
    *each_of(
        SQUARES,
        Through((Eigenvalues,), symmetric(tg.linalg.eigvalsh)),
        reflected(np.linalg.eigvalsh),
    ),
    *each_of(
        SQUARES,
        Through((Eigenvectors, Eigenvalues), symmetric(lambda a: tg.linalg.eigh(a)[1])),
        reflected(lambda a: np.linalg.eigh(a)[1]),
    ),
    *each_of(RECTANGLES, SingularValues(False), np.linalg.svdvals),
    *each_of(RECTANGLES, Through((SingularVectors, SingularValues), vectors), stacked_vectors),
]

LINEAR_ALGEBRA = [*CONTRACTIONS, *NORMS, *FACTORISATIONS]

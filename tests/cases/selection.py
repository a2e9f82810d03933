"""Selection, order, functional updates, and what moves or repeats elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.arranging import Diagonal, PutDiagonal, Roll, Tril, Triu
from tinygraph.ops.indexing import PLACE
from tinygraph.ops.selection import Argsort, Put, PutAlongAxis, Sort, Take, TakeAlongAxis
from tinygraph.ops.update import GetLast, PutLast, SetItem

from .table import Case, Shape, adjoint, apart, below, exactly, lines, normal, ties


def along(axis: int) -> Callable[..., np.ndarray]:
    """Take elements of each line, as `numpy.take_along_axis` says it."""

    def take(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros(index.shape)
        for at in np.ndindex(*index.shape):
            y[at] = x[(*at[:axis], index[at], *at[axis + 1 :])]
        return y

    return take


def put_along(axis: int, shape: Shape) -> Callable[..., np.ndarray]:
    def scatter(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros(shape)
        for at in np.ndindex(*index.shape):
            y[(*at[:axis], index[at], *at[axis + 1 :])] += x[at]
        return y

    return scatter


def slices(axis: int) -> Callable[..., np.ndarray]:
    def take(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))
        for at in np.ndindex(*index.shape):
            lead = (slice(None),) * axis
            y[(*lead, *at)] = x[(*lead, index[at])]
        return y

    return take


def put_slices(axis: int, length: int) -> Callable[..., np.ndarray]:
    def put(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros((*x.shape[:axis], length, *x.shape[axis + index.ndim :]))
        for at in np.ndindex(*index.shape):
            lead = (slice(None),) * axis
            y[(*lead, index[at])] += x[(*lead, *at)]
        return y

    return put


def lines_taken() -> list[Case]:
    rows = []
    for shape, axis, index in (
        ((2, 3, 2), 1, below(3, 2, 1, 2)),
        ((3,), 0, below(3, 1)),
        ((3, 2), 0, exactly([[0, 1], [2, 1], [0, -1], [0, 0]])),  # named repeatedly
        ((2, 3), 1, exactly([[1, 1], [-1, 2]])),  # twice, and by a number from the end
        ((3, 4), 1, below(4, 2, 5)),  # fewer lines than x has
        ((3, 2), 1, below(2, 3, 0)),
        ((0, 3), 1, below(3, 0, 2)),
    ):
        rows += [
            Case(TakeAlongAxis(axis), [normal(*shape), index], along(axis), linear=True),
            Case(
                PutAlongAxis(axis, shape),
                [normal(*index.shape), index],
                put_along(axis, shape),
                linear=True,
            ),
        ]
    return rows


def slices_taken() -> list[Case]:
    rows = []
    for shape, axis, index in (
        ((3, 2), 0, exactly([0, 2, 0, -1])),
        ((2, 3, 2), 1, exactly([[1, 0], [1, 1]])),
        ((2, 3), 1, exactly(2)),
        ((2, 3), 1, exactly([-1, 0, 2])),
        ((2, 3), 1, exactly(np.zeros((0,), int))),
        ((0, 3), 1, exactly([1])),
        ((3,), 0, exactly([2, 1])),
    ):
        out = (*shape[:axis], *index.shape, *shape[axis + 1 :])
        rows += [
            Case(Take(axis), [normal(*shape), index], slices(axis), linear=True),
            Case(
                Put(axis, shape[axis]),
                [normal(*out), index],
                put_slices(axis, shape[axis]),
                linear=True,
            ),
        ]
    return rows


def assigned(index: Any) -> Callable[..., np.ndarray]:
    """Assign one element after the other: the last one wins."""

    def assign(x: np.ndarray, v: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        rest = iter(arrays)
        key = tuple(next(rest) if part is PLACE else part for part in index)
        y = np.array(x).reshape(-1)
        read = np.arange(y.size).reshape(x.shape)[key]
        for place, value in zip(np.ravel(read), np.ravel(v), strict=True):
            y[place] = value
        return y.reshape(x.shape)

    return assign


def updates() -> list[Case]:
    rows = []
    for shape, index, arrays in (
        ((3, 4), (slice(None, None, -2), slice(1, 3)), []),
        ((), (), []),
        ((3, 4), (PLACE,), [exactly([0, 2, 0, -1])]),
        ((3, 4), (PLACE, PLACE), [exactly([[0, 2], [2, 0]]), exactly([1, 1])]),
        ((3, 4), (PLACE,), [exactly([[True, False, True, True]] * 3)]),
        ((3,), (PLACE,), [exactly(np.zeros((0,), int))]),
    ):
        drawn = [a.draw(np.random.default_rng()) for a in arrays]
        rest = iter(drawn)
        key = tuple(next(rest) if part is PLACE else part for part in index)
        out = np.zeros(shape)[key].shape
        assign = assigned(index)

        def put(v: Any, *arrays: Any, assign: Any = assign, shape: Any = shape) -> np.ndarray:
            return assign(np.zeros(shape), v, *arrays)

        def get(x: Any, *arrays: Any, put: Any = put, out: Any = out) -> np.ndarray:
            return adjoint(lambda v: put(v, *arrays), out)(x)

        rows += [
            Case(SetItem(index), [normal(*shape), normal(*out), *arrays], assign),
            Case(PutLast(index, shape), [normal(*out), *arrays], put, linear=True),
            Case(GetLast(index), [normal(*shape), *arrays], get, linear=True),
        ]
    return rows


def ordered(descending: bool) -> Callable[[list[float]], list[float]]:
    return lambda values: sorted(values, reverse=descending)


def argsorted(axis: int, descending: bool) -> Callable[[np.ndarray], np.ndarray]:
    def order(values: list[float]) -> list[int]:
        return sorted(range(len(values)), key=values.__getitem__, reverse=descending)

    return lambda x: lines(axis, order)(x).astype(np.intp)


def rolled(shifts: Shape, axes: Shape) -> Callable[[np.ndarray], np.ndarray]:
    def roll(x: np.ndarray) -> np.ndarray:
        y = np.zeros(x.shape)
        for at in np.ndindex(*x.shape):
            to = list(at)
            for shift, axis in zip(shifts, axes, strict=True):
                to[axis] = (to[axis] + shift) % x.shape[axis]
            y[tuple(to)] = x[at]
        return y

    return roll


def triangle(keep: Callable[[int], bool]) -> Callable[[np.ndarray], np.ndarray]:
    """Keep the elements on the diagonals that are named by column - row."""

    def cut(x: np.ndarray) -> np.ndarray:
        y = np.zeros(x.shape)
        for *lead, i, j in np.ndindex(*x.shape):
            if keep(j - i):
                y[(*lead, i, j)] = x[(*lead, i, j)]
        return y

    return cut


def diagonals() -> list[Case]:
    rows = []
    for shape, *where in (
        ((3, 4), 0, 0, 1),
        ((3, 4), 2, 0, 1),
        ((2, 3, 4), -1, 2, 0),
        ((2, 3), 5, 0, 1),
        ((0, 2), 0, 0, 1),
    ):

        def take(x: np.ndarray, where: Any = where) -> np.ndarray:
            offset, axis1, axis2 = where
            planes = np.moveaxis(x, (axis1, axis2), (0, 1))
            height, width = planes.shape[:2]
            rows = [planes[i, i + offset] for i in range(height) if 0 <= i + offset < width]
            return np.moveaxis(np.array(rows).reshape(len(rows), *planes.shape[2:]), 0, -1)

        out = take(np.zeros(shape)).shape
        rows += [
            Case(Diagonal(*where), [normal(*shape)], take, linear=True, view=True),
            Case(PutDiagonal(shape, *where), [normal(*out)], adjoint(take, shape), linear=True),
        ]
    return rows


LINES = (((3, 4), 1), ((4, 2, 2), 0), ((1,), 0), ((0, 3), 1), ((2, 0), 1))

SELECTIONS = [
    *lines_taken(),
    *slices_taken(),
    *updates(),
    *diagonals(),
    *(
        Case(Sort(axis, descending), [apart(*shape)], lines(axis, ordered(descending)))
        for descending in (False, True)
        for shape, axis in LINES
    ),
    *(
        Case(Argsort(axis, descending), [ties(*shape)], argsorted(axis, descending))
        for descending in (False, True)
        for shape, axis in LINES
    ),
    *(
        Case(Roll(shifts, axes), [normal(*shape)], rolled(shifts, axes), linear=True)
        for shape, shifts, axes in (
            ((5,), (2,), (0,)),
            ((3, 4), (-1, 6), (0, 1)),
            ((3, 2), (1, 1), (0, 0)),
            ((0, 2), (1,), (0,)),
            ((2,), (), ()),
        )
    ),
    *(
        Case(function(k), [normal(*shape)], triangle(keep(k)), linear=True)
        for function, keep in (
            (Tril, lambda k: lambda d: d <= k),
            (Triu, lambda k: lambda d: d >= k),
        )
        for shape, k in (((3, 4), 0), ((2, 3, 2), 1), ((3, 3), -1), ((0, 2), 0))
    ),
]

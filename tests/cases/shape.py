"""Shapes and indexing."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.indexing import PLACE, GetItem, PutItem
from tinygraph.ops.shape import BroadcastTo, Concatenate, Pad, Reshape, Stack, Transpose

from .table import (
    Case,
    Shape,
    exactly,
    normal,
)


def put(index: Any, shape: Shape) -> Callable[..., np.ndarray]:
    """Add each element where x[index] would have read it, one at a time."""

    def apply(x: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        rest = iter(arrays)
        key = tuple(next(rest) if part is PLACE else part for part in index)
        y = np.zeros(math.prod(shape))
        read = np.arange(y.size).reshape(shape)[key]
        for place, value in zip(np.ravel(read), np.ravel(x), strict=True):
            y[place] += value
        return y.reshape(shape)

    return apply


def indexings() -> list[Case]:
    rows = []
    for shape, index, arrays in (
        ((3, 4), (slice(None, None, -2), slice(1, 3)), []),
        ((3, 4), (..., 1), []),
        ((3, 4), (1, None, slice(0, 0)), []),
        ((), (None, ...), []),
        ((), (), []),
        ((3, 4), (2, -1), []),
        ((3, 4), (PLACE,), [exactly([0, 2, 0, -1])]),
        ((3, 4), (PLACE, PLACE), [exactly([[0, 2], [2, 0]]), exactly([1, 1])]),
        ((2, 3, 4), (PLACE, slice(None), PLACE), [exactly([0, 1, 0]), exactly([3, 3, 3])]),
        ((2, 3, 2), (slice(1, None), PLACE), [exactly([[2, 2], [0, 1]])]),
        ((3, 4), (PLACE,), [exactly([[True, False, True, True]] * 3)]),
        ((3, 4), (PLACE, PLACE), [exactly([True, False, True]), exactly([1, 1])]),
        ((3,), (PLACE,), [exactly(np.zeros((0,), int))]),
    ):

        def get(x: np.ndarray, *arrays: np.ndarray, index: Any = index) -> np.ndarray:
            rest = iter(arrays)
            return np.array(x[tuple(next(rest) if part is PLACE else part for part in index)])

        out = get(np.zeros(shape), *(a.draw(np.random.default_rng()) for a in arrays)).shape
        basic = not arrays
        rows += [
            Case(GetItem(index), [normal(*shape), *arrays], get, linear=True, view=basic),
            Case(PutItem(index, shape), [normal(*out), *arrays], put(index, shape), linear=True),
        ]
    return rows


SHAPES = [
    *(
        Case(
            Reshape(new),
            [normal(*old)],
            lambda x, new=new: np.array(list(x.flat)).reshape(new),
            linear=True,
            view=True,
        )
        for old, new in (((2, 3), (3, 2)), ((), (1, 1)), ((1, 1), ()), ((0, 3), (0,)), ((6,), (6,)))
    ),
    *(
        Case(
            Transpose(axes),
            [normal(*shape)],
            lambda x, axes=axes: np.moveaxis(x, axes, range(x.ndim)),
            linear=True,
            view=True,
        )
        for shape, axes in (((2, 3, 4), (2, 0, 1)), ((2, 3), (1, 0)), ((), ()), ((0, 2), (1, 0)))
    ),
    *(
        Case(
            BroadcastTo(new),
            [normal(*old)],
            lambda x, new=new: x + np.zeros(new),
            linear=True,
            view=True,
        )
        for old, new in (((2, 1), (3, 2, 4)), ((), (2, 2)), ((1, 3), (0, 3)), ((2, 3), (2, 3)))
    ),
    *(
        Case(
            Concatenate(axis),
            [normal(*shape) for shape in shapes],
            lambda *xs, axis=axis: np.moveaxis(
                np.array([part for x in xs for part in np.moveaxis(x, axis, 0)]), 0, axis
            ),
            linear=True,
        )
        for axis, shapes in (
            (1, [(2, 1), (2, 3), (2, 0)]),
            (0, [(1, 2), (2, 2), (1, 2)]),
            (0, [(3,)]),
        )
    ),
    *(
        Case(
            Stack(axis),
            [normal(*shape)] * 3,
            lambda *xs, axis=axis: np.moveaxis(np.array(xs), 0, axis),
            linear=True,
        )
        for axis, shape in ((0, (2, 3)), (2, (2, 3)), (1, (0, 3)), (0, ()))
    ),
    *(
        Case(
            Pad(width, value),
            [normal(*shape)],
            lambda x, width=width, value=value: np.pad(x, width, constant_values=value),
            linear=True,
        )
        for shape, width, value in (
            ((2, 3), ((1, 0), (0, 2)), 0),
            ((2, 3), ((0, 0), (0, 0)), 0),
            ((0, 2), ((1, 1), (0, 1)), 3.0),
        )
    ),
    Case(Pad((), 1), [normal()], np.array, linear=True),
]

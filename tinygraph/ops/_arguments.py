"""How operations read their arguments: axes, and numbers given as one or as a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from .._tensor import Tensor, TensorLike, as_tensor

Axis: TypeAlias = int | Sequence[int] | None
Axes: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
IntOrPair: TypeAlias = int | Sequence[int]


def floating(caller: str, x: TensorLike) -> Tensor:
    """Return ``x`` as a Tensor of floating dtype.

    Raises
    ------
    TypeError
        If it has another dtype.
    """
    tensor = as_tensor(x)
    if tensor.dtype.kind != "f":
        raise TypeError(f"{caller}: expected a floating dtype, not {tensor.dtype}")
    return tensor


def lengths(caller: str, name: str, values: Any) -> tuple[int, ...]:
    """Return a sequence of integers, such as a shape, as a tuple.

    Raises
    ------
    TypeError
        If it is no such sequence.
    """
    if not isinstance(values, Sequence) or not all(
        isinstance(n, (int, np.integer)) for n in values
    ):
        raise TypeError(f"{caller}: {name} must be integers, not {values!r}")
    return tuple(int(n) for n in values)


def normalize_axis(caller: str, axis: Axis, ndim: int) -> Axes:
    """Return ``axis`` as a tuple of distinct axes, counted from the front; None means all.

    Raises
    ------
    TypeError
        If an axis is not an integer.
    ValueError
        If an axis is out of range or named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    axes = tuple(single_axis(caller, i, ndim) for i in given)
    if len(set(axes)) < len(axes):
        raise ValueError(f"{caller}: axis {given} names an axis twice")
    return axes


def single_axis(caller: str, axis: int, ndim: int) -> int:
    """Return one axis, counted from the front; raises as `normalize_axis`."""
    if not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{caller}: axis must be an integer, not {type(axis).__name__}")
    if not -ndim <= axis < ndim:
        raise ValueError(f"{caller}: axis {axis} is out of range for {ndim} dimensions")
    return int(axis) % ndim


def pair(caller: str, name: str, value: IntOrPair, least: int) -> Pair:
    """Return an int, or two of them, as a pair of ints that are at least ``least``.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If one of them is below ``least``.
    """
    given: Any = (value, value) if isinstance(value, (int, np.integer)) else value
    if not (
        isinstance(given, Sequence)
        and len(given) == 2
        and all(isinstance(n, (int, np.integer)) for n in given)
    ):
        raise TypeError(f"{caller}: {name} must be an int or a pair of ints, not {value!r}")
    if min(given) < least:
        raise ValueError(f"{caller}: {name} must be at least {least}, not {value!r}")
    return int(given[0]), int(given[1])

"""How operations read their arguments: axes, and numbers given as one or as a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeGuard

import numpy as np

from .._tensor import Tensor, TensorLike, as_tensor, get_default_dtype

Axis: TypeAlias = int | Sequence[int] | None
Axes: TypeAlias = tuple[int, ...]
Sizes: TypeAlias = tuple[int, ...]
IntOrSizes: TypeAlias = int | Sequence[int]


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


def real(x: TensorLike) -> Tensor:
    """Return ``x`` as a Tensor of floating dtype: integers and booleans in the default dtype."""
    tensor = as_tensor(x)
    return tensor if tensor.dtype.kind == "f" else tensor.astype(get_default_dtype())


def positions(
    caller: str, name: str, index: TensorLike, length: int | None = None, *, negative: bool = True
) -> Tensor:
    """Return ``index`` as a Tensor of integers, which count along an axis of that length.

    Raises
    ------
    TypeError
        If it holds no integers.
    IndexError
        If one of them is out of range, or below 0 where they may not be ``negative``.
    """
    tensor = as_tensor(index)
    if not tensor.size and not hasattr(index, "dtype"):  # an empty list holds floats
        tensor = tensor.astype(np.intp)
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"{caller}: {name} must be integers, not {tensor.dtype}")
    if length is not None and tensor.size:
        low, high = int(tensor.data.min()), int(tensor.data.max())
        if high >= length or low < (-length if negative else 0):
            wrong = high if high >= length else low
            raise IndexError(f"{caller}: {name} {wrong} is out of range for length {length}")
    return tensor


def number(caller: str, name: str, value: Any) -> float:
    """Return a number as Python's, which is weak: float32 stays float32.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{caller}: {name} must be a number, not {type(value).__name__}")
    return value.item() if isinstance(value, np.generic) else value


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

    A 0-d Tensor may be reduced over axis 0 or -1, as in NumPy.

    Raises
    ------
    TypeError
        If an axis is not an integer.
    ValueError
        If an axis is out of range or named twice.
    """
    if axis is None or (ndim == 0 and isinstance(axis, (int, np.integer)) and axis in (0, -1)):
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    if not ndim and given in ((0,), (-1,)):  # a number reduces as a list of one
        return ()
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


def sizes(caller: str, name: str, value: IntOrSizes, rank: int, least: int) -> Sizes:
    """Return an int, or one for each of ``rank`` spatial axes, as a tuple of ints.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If one of them is below ``least``.
    """
    if is_size(value):
        given: Sizes = (int(value),)
    elif (
        isinstance(value, (tuple, Sequence))  # first what it mostly is
        and len(value) in (1, rank)
        and all(map(is_size, value))
    ):
        given = tuple(map(int, value))
    else:
        several = f" or {rank} ints" if rank > 1 else ""
        raise TypeError(f"{caller}: {name} must be an int{several}, not {value!r}")
    if min(given) < least:
        raise ValueError(f"{caller}: {name} must be at least {least}, not {value!r}")
    return given * (rank // len(given))


def is_size(value: object) -> TypeGuard[int]:
    """Return whether it is an integer, and no boolean."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)

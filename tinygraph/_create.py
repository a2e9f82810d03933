"""Tensors made from data, from a rule, or at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from . import _random
from ._tensor import Array, Shape, Tensor, TensorLike, get_default_dtype, to_array


def tensor(
    data: TensorLike,
    requires_grad: bool = False,
    dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Tensor:
    """Make a Tensor that holds a copy of ``data``.

    Parameters
    ----------
    data : array_like
        Arrays keep their dtype; Python floats get the default dtype (float32).  Python integers
        become what NumPy makes of them: int64, or, from 2**63 on, uint64 or float64.
    requires_grad : bool
        Whether gradients are wanted; floating dtypes only.
    dtype : dtype, optional
    name : str, optional
        How diagrams and error messages call it.

    Raises
    ------
    TypeError
        If the data is not boolean, integer or real floating, or is not floating and
        ``requires_grad`` is set.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]], dtype=int64)
    """
    return Tensor(to_array(data, dtype).copy(), requires_grad, name=name)


def from_numpy(array: Array, requires_grad: bool = False, name: str | None = None) -> Tensor:
    """Make a Tensor that shares the memory of ``array``.

    Raises
    ------
    TypeError
        If ``array`` is not a numeric ndarray.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expected an ndarray, not {type(array).__name__}")
    return Tensor(array, requires_grad, name=name)


def full(
    shape: int | Sequence[int],
    fill_value: float,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a Tensor of one value throughout; its dtype is that of the value unless given."""
    return _full("full", shape, fill_value, dtype, requires_grad, name)


def zeros(
    shape: int | Sequence[int],
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a Tensor of zeros, of the default dtype unless given."""
    return _full("zeros", shape, 0.0, dtype, requires_grad, name)


def ones(
    shape: int | Sequence[int],
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a Tensor of ones, of the default dtype unless given."""
    return _full("ones", shape, 1.0, dtype, requires_grad, name)


def _full(
    caller: str,
    shape: int | Sequence[int],
    fill_value: float,
    dtype: DTypeLike | None,
    requires_grad: bool,
    name: str | None,
) -> Tensor:
    if isinstance(dtype, int):
        raise TypeError(
            f"{caller}: the lengths go into one tuple, such as (2, 3): {dtype} is no dtype"
        )
    value = to_array(fill_value, dtype)
    return Tensor(np.full(shape, value, value.dtype), requires_grad, name=name)


def full_like(
    x: TensorLike, fill_value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a Tensor of one value, of the shape and, unless given, the dtype of ``x``."""
    like = to_array(x)
    return full(like.shape, fill_value, like.dtype if dtype is None else dtype, requires_grad)


def zeros_like(
    x: TensorLike, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a Tensor of zeros, of the shape and, unless given, the dtype of ``x``."""
    return full_like(x, 0, dtype, requires_grad)


def ones_like(x: TensorLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Make a Tensor of ones, of the shape and, unless given, the dtype of ``x``."""
    return full_like(x, 1, dtype, requires_grad)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make the Tensor start, start + step, ... below stop; ``arange(n)`` counts from 0."""
    if not step:
        raise ValueError("arange: step must not be 0")
    first, last = (0, start) if stop is None else (start, stop)
    values = np.arange(first, last, step)
    if dtype is None and values.dtype.kind == "f":
        dtype = get_default_dtype()
    return Tensor(values, requires_grad, dtype=dtype)


def linspace(
    start: float,
    stop: float,
    num: int = 50,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a Tensor of ``num`` evenly spaced values from ``start`` to ``stop``, both included."""
    values = np.linspace(start, stop, num)
    return Tensor(values, requires_grad, dtype=get_default_dtype() if dtype is None else dtype)


def eye(
    n: int, m: int | None = None, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """Make the identity matrix, n x n or n x m."""
    return Tensor(
        np.eye(n, m, dtype=get_default_dtype() if dtype is None else dtype), requires_grad
    )


def _random_shape(shape: tuple[Any, ...]) -> Shape:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape


def _floating(caller: str, dtype: DTypeLike | None) -> np.dtype[Any]:
    kind: np.dtype[Any] = get_default_dtype() if dtype is None else np.dtype(dtype)
    if kind.kind != "f":
        raise TypeError(f"{caller}: expected a floating dtype, not {kind}")
    return kind


def rand(
    *shape: int | Sequence[int],
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Make a Tensor of uniform random numbers from [0, 1).

    Parameters
    ----------
    *shape : ints, or one sequence of them
    dtype : dtype, optional
    requires_grad : bool
    generator : numpy.random.Generator, optional
        Default: the one that `manual_seed` restarts.

    Raises
    ------
    TypeError
        If ``dtype`` is not floating.
    """
    kind = _floating("rand", dtype)
    values = _random.generator(generator).random(_random_shape(shape))
    np.minimum(values, np.nextafter(kind.type(1), kind.type(0)), out=values)  # rounding may reach 1
    return Tensor(values, requires_grad, dtype=kind)


def randn(
    *shape: int | Sequence[int],
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Make a Tensor of standard normal random numbers; arguments as for `rand`."""
    kind = _floating("randn", dtype)
    values = _random.generator(generator).standard_normal(_random_shape(shape))
    return Tensor(values, requires_grad, dtype=kind)

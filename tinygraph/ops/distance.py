"""Lengths, distances and angles of vectors along an axis."""

from __future__ import annotations

import numpy as np

from .._tensor import Tensor, TensorLike
from ._arguments import floating, single_axis
from .elementwise import maximum
from .norms import vector_norm_over


def _vectors(caller: str, x: TensorLike) -> Tensor:
    """Return a floating Tensor; a number is a vector of one, as PyTorch has it."""
    tensor = floating(caller, x)
    return tensor if tensor.ndim else tensor.reshape(1)


def _broadcast(caller: str, x1: TensorLike, x2: TensorLike) -> tuple[Tensor, Tensor]:
    a, b = _vectors(caller, x1), _vectors(caller, x2)
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(f"{caller}: shapes {a.shape} and {b.shape} do not broadcast") from None
    return a, b


def normalize(x: TensorLike, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Return ``x`` divided by its p-norm along ``dim``, or by ``eps`` where that is larger.

    Raises
    ------
    TypeError
        If the dtype is not floating.
    ValueError
        If ``dim`` is out of range.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    given = floating("normalize", x)
    x = _vectors("normalize", given)
    axis = single_axis("normalize", dim, x.ndim)
    y = x / maximum(vector_norm_over(x, p, (axis,), keepdims=True), _visible(eps, x))
    return y if given.ndim else y.reshape(())


def cosine_similarity(x1: TensorLike, x2: TensorLike, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between vectors along ``dim``, broadcast.

    Parameters
    ----------
    x1, x2 : Tensor
    dim : int
        An axis of the broadcast shape; the result lacks it.
    eps : float
        The least length that a vector counts as, so that a cosine of zeros is 0.

    Raises
    ------
    TypeError
        If a dtype is not floating.
    ValueError
        If the shapes do not broadcast, or ``dim`` is out of range.
    """
    a, b = _broadcast("cosine_similarity", x1, x2)
    shape = np.broadcast_shapes(a.shape, b.shape)
    axis = single_axis("cosine_similarity", dim, len(shape))
    a, b = a.broadcast_to(shape), b.broadcast_to(shape)
    lengths = [vector_norm_over(v, 2, (axis,), keepdims=True) for v in (a, b)]
    units = [v / maximum(n, _visible(eps, v)) for v, n in zip((a, b), lengths, strict=True)]
    return (units[0] * units[1]).sum(axis)


def pairwise_distance(
    x1: TensorLike,
    x2: TensorLike,
    p: float = 2.0,
    eps: float = 1e-6,
    keepdim: bool = False,
) -> Tensor:
    """Return the p-norm of ``x1 - x2 + eps`` along the last axis: (N, D) -> (N,).

    Raises
    ------
    TypeError
        If a dtype is not floating.
    ValueError
        If the shapes do not broadcast.
    """
    a, b = _broadcast("pairwise_distance", x1, x2)
    difference = a - b + eps
    axis = single_axis("pairwise_distance", -1, difference.ndim)
    return vector_norm_over(difference, p, (axis,), keepdim)


def _visible(eps: float, x: Tensor) -> float:
    """Return ``eps``, or the least normal number of the dtype of ``x`` if that rounds it to 0."""
    return max(eps, float(np.finfo(x.dtype).tiny))

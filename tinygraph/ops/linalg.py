"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Shape, Tensor, TensorLike, as_tensor, as_tensors


class MatMul(Function):
    """Matrix product (..., n, k) @ (..., k, m) -> (..., n, m): ga = g bᵀ, gb = aᵀ g."""

    broadcasts = True  # over the leading axes

    def forward(self, a: Array, b: Array) -> Array:
        return kernels.matmul(a, b)

    def backward(self, g: Value, a: Value, b: Value, needs: Any) -> Value:
        return matmul_(g, b.mT) if needs.a else None, matmul_(a.mT, g) if needs.b else None


class Linear(Function):
    """Affine map (..., i) -> (..., o) by w (o, i) and b (o,): gx = g w, gw = gᵀ x, gb = sum g.

    b may also have the shape of the output, and then gb = g.
    """

    def forward(self, x: Array, w: Array, b: Array | None = None) -> Array:
        y = kernels.matmul(_rows(x), w.T)
        if b is not None:
            b = b if b.ndim == 1 else _rows(b)
            y = np.add(y, b, out=y if b.dtype == y.dtype else None)
        return _parted(y, (*x.shape[:-1], w.shape[0]))

    def backward(self, g: Value, x: Value, w: Value, b_spec: Any, needs: Any) -> Value:
        rows = _rows(g)
        gx = _parted(matmul_(rows, w), x.shape) if needs.x else None
        gw = matmul_(rows.T, _rows(x)) if needs.w else None
        gb = None
        if needs.b:
            gb = g if b_spec.shape == g.shape else rows.sum(axis=0)
        return gx, gw, gb


def _rows(x: Value) -> Value:
    """Join the leading axes: (..., i) -> (n, i), one matrix for one matrix product."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _parted(rows: Value, shape: Shape) -> Value:
    """Part the leading axes again, the inverse of `_rows`: (n, i) -> (..., i)."""
    return rows if len(shape) == 2 else rows.reshape(shape)


def matmul(a: TensorLike, b: TensorLike) -> Tensor:
    """Return the matrix product ``a @ b``.

    Parameters
    ----------
    a : Tensor, shape (k,) or (..., n, k)
    b : Tensor, shape (k,) or (..., k, m)

    Returns
    -------
    Tensor, shape (..., n, m)
        The leading axes broadcast; the axis n or m is left out where an operand was a vector.

    Raises
    ------
    ValueError
        If an operand is 0-d, or the shapes do not match.
    """
    if a is None or b is None:
        raise TypeError("matmul: an operand is None")
    left, right = as_tensors((a, b))
    shapes = f"shapes {left.shape} and {right.shape}"
    if not left.ndim or not right.ndim:
        raise ValueError(f"matmul: {shapes}: 0-d operands have no matrix product; use *")
    matrix_a = left if left.ndim > 1 else left.reshape(1, -1)
    matrix_b = right if right.ndim > 1 else right.reshape(-1, 1)
    if matrix_a.shape[-1] != matrix_b.shape[-2]:
        raise ValueError(
            f"matmul: {shapes} do not match: {matrix_a.shape[-1]} columns, "
            f"{matrix_b.shape[-2]} rows"
        )
    try:
        np.broadcast_shapes(matrix_a.shape[:-2], matrix_b.shape[:-2])
    except ValueError:
        raise ValueError(f"matmul: the leading axes of {shapes} do not broadcast") from None
    y = matmul_.apply(matrix_a, matrix_b)
    lead = y.shape[:-2]
    if left.ndim == 1 or right.ndim == 1:
        rows = () if left.ndim == 1 else (left.shape[-2],)
        columns = () if right.ndim == 1 else (right.shape[-1],)
        y = y.reshape(*lead, *rows, *columns)
    return y


def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """Return ``x @ weight.T + bias``.

    Parameters
    ----------
    x : Tensor, shape (..., in_features)
    weight : Tensor, shape (out_features, in_features)
    bias : Tensor, shape (out_features,), optional

    Returns
    -------
    Tensor, shape (..., out_features)

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    x, weight = as_tensor(x), as_tensor(weight)
    bias = None if bias is None else as_tensor(bias)
    if weight.ndim != 2:
        raise ValueError(
            f"linear: weight must have shape (out_features, in_features), not {weight.shape}"
        )
    if not x.ndim or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: weight expects {weight.shape[1]} features (weight shape {weight.shape}) "
            f"but x has shape {x.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias must have shape {weight.shape[:1]} (weight shape {weight.shape}), "
            f"not {bias.shape}"
        )
    return linear_.apply(x, weight, bias)


matmul_, linear_ = MatMul(), Linear()

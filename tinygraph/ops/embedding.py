"""Embedding: rows of a table by their numbers."""

from __future__ import annotations

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import floating


class Embedding(Function):
    """Rows of a table: w (n, d...) by index (...) -> (..., d...): gw = g share, added up by row.

    ``share`` says how much of a row's gradient reaches the table (all of it, where left out).
    """

    def forward(self, w: Array, index: Array, share: Array | None = None) -> Array:
        return w[index]

    def backward(self, g: Value, index: Value, share: Value, w_spec: Value) -> Value:
        return AddRows(w_spec.shape[0])(g if share is None else g * share, index), None, None


class AddRows(Function):
    """Adjoint of `Embedding`: each x added to its row of a table of zeros: gx = g[index]."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def forward(self, x: Array, index: Array) -> Array:
        row = x.shape[index.ndim :]
        y = np.zeros((self.rows, *row), x.dtype)
        numbers = index.reshape(-1).astype(np.intp, copy=False)
        if numbers.size:
            order = numbers.argsort(kind="stable")
            numbers = numbers[order]
            starts = np.flatnonzero(np.diff(numbers, prepend=-1))
            sums = np.add.reduceat(x.reshape(order.size, *row)[order], starts, axis=0)
            y[numbers[starts]] = sums
        return y

    def backward(self, g: Value, index: Value) -> Value:
        return _embedding(g, index), None


_embedding = Embedding()


def _shorten(weight: TensorLike, index: Array, max_norm: float, norm_type: float) -> None:
    """Scale the rows in use down to a norm of ``max_norm``, in place."""
    if not isinstance(weight, Tensor):
        raise TypeError(
            "embedding: max_norm writes into weight, which must be a Tensor, "
            f"not {type(weight).__name__}"
        )
    used = np.unique(index)
    rows = weight.data[used]
    norms = np.linalg.norm(rows, norm_type, axis=1, keepdims=True)
    scale = np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)
    shortened = weight.data.copy()
    shortened[used] = rows * scale
    weight.data = shortened


def embedding(
    index: TensorLike,
    weight: TensorLike,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Tensor:
    """Return the rows of ``weight`` that ``index`` names; gradients of a repeated row add up.

    Parameters
    ----------
    index : Tensor of integers, shape (...)
    weight : Tensor, shape (rows, D)
    padding_idx : int, optional
        A row that gets no gradient.
    max_norm : float, optional
        Scale longer rows, of those named, down to this norm first: a write into ``weight``.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often ``index`` names it.

    Returns
    -------
    Tensor, shape (..., D)

    Raises
    ------
    TypeError
        If the index is not of integers, or the weight not floating.
    ValueError
        If the weight is no matrix, or ``padding_idx`` no row.
    IndexError
        If the index names no row.

    Examples
    --------
    >>> import tinygraph as tg
    >>> table = tg.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> tg.nn.functional.embedding(tg.tensor([2, 1]), table).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    index, table = as_tensor(index), floating("embedding", weight)
    if index.dtype.kind not in "iu":
        raise TypeError(f"embedding: index must be integers, not {index.dtype}")
    if table.ndim != 2:
        raise ValueError(f"embedding: weight must have shape (rows, D), not {table.shape}")
    rows = table.shape[0]
    wrong = (index.data < 0) | (index.data >= rows)
    if wrong.any():
        raise IndexError(
            f"embedding: index holds {index.data[wrong][0]}, but weight has {rows} rows (shape "
            f"{table.shape})"
        )
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx {padding_idx} is none of {rows} rows")
    if max_norm is not None:
        _shorten(weight, index.data, max_norm, norm_type)
    share = np.ones((*index.shape, 1), table.dtype)
    if scale_grad_by_freq and index.size:
        _, inverse, counts = np.unique(index.data, return_inverse=True, return_counts=True)
        share /= counts[inverse].reshape(share.shape)
    if padding_idx is not None:
        share[index.data == padding_idx % rows] = 0
    elif not scale_grad_by_freq:
        return _embedding.apply(table, index)
    return _embedding.apply(table, index, share)

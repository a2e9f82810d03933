"""Linear algebra of matrices and stacks of them, by the names of `numpy.linalg`.

Matrices are the last two axes, (..., m, n).  Integers become the default dtype; float16 is computed
in float32.  The signs of eigenvectors and singular vectors are a choice of LAPACK's: what is made
of them should not depend on it.

>>> import tinygraph as tg
>>> a = tg.tensor([[2.0, 1.0], [1.0, 2.0]], requires_grad=True)
>>> tg.linalg.det(a).backward()
>>> a.grad.numpy().round(4).tolist()
[[2.0, -1.0], [-1.0, 2.0]]
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, overload

import numpy as np

from ._tensor import Shape, Tensor, TensorLike, as_tensor, as_tensors
from .ops._arguments import Axes, Axis, normalize_axis, real
from .ops.decompositions import (
    Eigenvalues,
    Pinv,
    SingularValues,
    cholesky_,
    det_,
    eigenvectors_,
    inv_,
    lapack,
    log_abs_det_,
    orthonormal_,
    singular_vectors_,
    solve_,
    triu_,
)
from .ops.elementwise import clone_, where_
from .ops.norms import vector_norm_over
from .ops.shape import broadcast_to, concatenate

__all__ = [
    "EighResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "vector_norm",
]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Tensor
    logabsdet: Tensor


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _matrices(caller: str, a: TensorLike) -> Tensor:
    tensor = real(a)
    if tensor.ndim < 2:
        raise ValueError(f"{caller}: expected matrices (..., m, n), not shape {tensor.shape}")
    return tensor


def _square(caller: str, a: TensorLike) -> Tensor:
    tensor = _matrices(caller, a)
    if tensor.shape[-1] != tensor.shape[-2]:
        raise ValueError(f"{caller}: expected square matrices, not shape {tensor.shape}")
    return tensor


# -- inverses and determinants -------------------------------------------------------------------


def det(a: TensorLike) -> Tensor:
    """Return the determinants of square matrices: (..., n, n) -> (...).

    The gradient is finite at singular matrices too; differentiated again it is not.

    Raises
    ------
    ValueError
        If the matrices are not square.
    """
    return det_.apply(_square("det", a))


def slogdet(a: TensorLike) -> SlogdetResult:
    """Return the sign of the determinant, without a gradient, and the logarithm of its size.

    Raises
    ------
    ValueError
        If the matrices are not square.
    """
    logabsdet, sign = log_abs_det_.apply_with_aux(_square("slogdet", a))
    return SlogdetResult(sign, logabsdet)


def inv(a: TensorLike) -> Tensor:
    """Return the inverses of square matrices.

    Raises
    ------
    ValueError
        If the matrices are not square; if one is singular, its subclass
        `numpy.linalg.LinAlgError`.
    """
    return inv_.apply(_square("inv", a))


def pinv(
    a: TensorLike,
    rcond: float | None = None,
    hermitian: bool = False,
    *,
    rtol: float | None = None,
) -> Tensor:
    """Return the Moore-Penrose inverses of matrices: (..., m, n) -> (..., n, m).

    Singular values below ``rcond`` (or ``rtol``, its other name) times the largest count as 0; by
    default, as in PyTorch, the longer side times the precision of the dtype.  ``hermitian`` tells
    that the matrices are symmetric.  The gradient is that for matrices of the same rank.

    Raises
    ------
    ValueError
        If both ``rcond`` and ``rtol`` are given, or symmetric matrices are not square.
    """
    if rcond is not None and rtol is not None:
        raise ValueError("pinv: give rcond or rtol, which are the same, and not both")
    x = (_square if hermitian else _matrices)("pinv", a)
    limit = _limit("pinv", "rcond", rtol if rcond is None else rcond)
    if limit is None:
        limit = max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    return Pinv(limit, bool(hermitian)).apply(x)


def _limit(caller: str, name: str, value: float | None) -> float | None:
    if value is not None and not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{caller}: {name} must be a number or None, not {value!r}")
    return None if value is None else float(value)


def solve(a: TensorLike, b: TensorLike) -> Tensor:
    """Return x with ``a @ x == b``.

    Parameters
    ----------
    a : Tensor, shape (..., n, n)
    b : Tensor, shape (n,) or (..., n, k)
        As in NumPy 2, only what has one axis is a vector.  The leading axes broadcast.

    Raises
    ------
    ValueError
        If the shapes do not match; if a matrix is singular, its subclass
        `numpy.linalg.LinAlgError`.
    """
    if b is None:
        raise TypeError("solve: b is None")
    a = _square("solve", a)
    left, right = (real(x) for x in as_tensors((a, b)))
    shapes = f"shapes {left.shape} and {right.shape}"
    vector = right.ndim == 1
    if right.ndim == 0 or right.shape[-1 if vector else -2] != left.shape[-1]:
        raise ValueError(
            f"solve: {shapes} do not match: b must have {left.shape[-1]} rows, "
            "as a vector (n,) or matrices (..., n, k)"
        )
    if vector:
        right = right.reshape(-1, 1)
    try:
        lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    except ValueError:
        raise ValueError(f"solve: the leading axes of {shapes} do not broadcast") from None
    x = solve_.apply(_stacked(left, lead), _stacked(right, lead))
    return x.reshape(x.shape[:-1]) if vector else x


def _stacked(a: Tensor, lead: Shape) -> Tensor:
    return a if a.shape[:-2] == lead else broadcast_to(a, (*lead, *a.shape[-2:]))


def matrix_power(a: TensorLike, n: int) -> Tensor:
    """Return the product of ``n`` times ``a``; of its inverse, if ``n`` is negative.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If the matrices are not square, or singular where ``n`` is negative.
    """
    if not isinstance(n, (int, np.integer)):
        raise TypeError(f"matrix_power: n must be an integer, not {n!r}")
    floats, a = _square("matrix_power", a), as_tensor(a)  # integers have integer powers
    if n == 0:  # whatever a is: its gradient is 0
        return where_.apply(np.ones(a.shape, bool), np.eye(a.shape[-1], dtype=a.dtype), a)
    base = inv_.apply(floats) if n < 0 else clone_.apply(a)
    power = base
    for bit in bin(abs(n))[3:]:  # by squaring, from the bit after the highest
        power = power @ power
        if bit == "1":
            power = power @ base
    return power


def matrix_rank(
    a: TensorLike,
    tol: float | None = None,
    hermitian: bool = False,
    *,
    rtol: float | None = None,
) -> Tensor:
    """Return how many singular values exceed ``tol``, as integers, without a gradient.

    ``rtol`` tells the same as a share of the largest; by default the longer side times the
    precision of the dtype.  ``hermitian`` tells that the matrices are symmetric.

    Raises
    ------
    ValueError
        If both ``tol`` and ``rtol`` are given, or symmetric matrices are not square.
    """
    if tol is not None and rtol is not None:
        raise ValueError("matrix_rank: give tol or rtol, not both")
    x = (_square if hermitian else _matrices)("matrix_rank", a)
    limits = {"tol": _limit("matrix_rank", "tol", tol), "rtol": _limit("matrix_rank", "rtol", rtol)}
    wide = x.data.astype(np.float32) if x.dtype == np.float16 else x.data
    return as_tensor(np.asarray(np.linalg.matrix_rank(wide, hermitian=hermitian, **limits)))


# -- factorisations ------------------------------------------------------------------------------


def cholesky(a: TensorLike, *, upper: bool = False) -> Tensor:
    """Return the lower triangular L with ``L @ L.mT == a``, or the upper U with ``U.mT @ U == a``.

    Only that triangle of ``a`` is read; the gradient is symmetric, as for symmetric matrices.

    Raises
    ------
    ValueError
        If the matrices are not square; if one is not positive definite, its subclass
        `numpy.linalg.LinAlgError`.
    """
    a = _square("cholesky", a)
    return cholesky_.apply(a.mT).mT if upper else cholesky_.apply(a)


@overload
def qr(a: TensorLike, mode: Literal["reduced", "complete"] = "reduced") -> QRResult: ...
@overload
def qr(a: TensorLike, mode: Literal["r"]) -> Tensor: ...
def qr(a: TensorLike, mode: str = "reduced") -> QRResult | Tensor:
    """Return Q with orthonormal columns and R upper triangular, with ``Q @ R == a``.

    Parameters
    ----------
    a : Tensor, shape (..., m, n)
    mode : {'reduced', 'complete', 'r'}
        Q (..., m, k) and R (..., k, n) with k = min(m, n); or k = m; or only the reduced R.

    Raises
    ------
    ValueError
        If the mode is none of these; if it is 'complete' for matrices that are higher than wide
        and require a gradient, as the columns added to Q are not determined.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode must be 'reduced', 'complete' or 'r', not {mode!r}")
    a = _matrices("qr", a)
    m, n = a.shape[-2:]
    if mode == "complete" and m > n:
        if a.requires_grad:
            raise ValueError(
                f"qr: mode='complete' of shape {a.shape} is not differentiable, as {m - n} columns "
                "of Q are not determined; use 'reduced'"
            )
        return QRResult(*map(as_tensor, lapack("qr", np.linalg.qr, a.data, mode="complete")))
    q = orthonormal_.apply(a[..., :m] if m < n else a)
    r = triu_.apply(q.mT @ a)
    return r if mode == "r" else QRResult(q, r)


def _triangle(caller: str, uplo: str) -> str:
    if not isinstance(uplo, str) or uplo.upper() not in ("L", "U"):
        raise ValueError(f"{caller}: UPLO must be 'L' or 'U', not {uplo!r}")
    return uplo.upper()


def eigh(a: TensorLike, UPLO: str = "L") -> EighResult:
    """Return the eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices.

    Only the triangle that ``UPLO`` names is read; the gradient is symmetric, as for symmetric
    matrices.  That of the eigenvalues always exists; that of eigenvectors is NaN where eigenvalues
    are equal, as nothing tells which vectors are meant.

    Raises
    ------
    ValueError
        If the matrices are not square or ``UPLO`` is neither 'L' nor 'U'.
    """
    a = _square("eigh", a)
    w, v = Eigenvalues(_triangle("eigh", UPLO)).apply_with_aux(a)
    return EighResult(w, eigenvectors_.apply(a, w, v))


def eigvalsh(a: TensorLike, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of symmetric matrices; arguments and errors as `eigh`."""
    return Eigenvalues(_triangle("eigvalsh", UPLO)).apply(_square("eigvalsh", a))


@overload
def svd(
    a: TensorLike, full_matrices: bool = True, compute_uv: Literal[True] = True
) -> SVDResult: ...
@overload
def svd(a: TensorLike, full_matrices: bool = True, *, compute_uv: Literal[False]) -> Tensor: ...
def svd(a: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> SVDResult | Tensor:
    """Return U, S and Vh with ``U @ diag(S) @ Vh == a``, S descending.

    Parameters
    ----------
    a : Tensor, shape (..., m, n)
    full_matrices : bool
        U (..., m, m) and Vh (..., n, n), NumPy's default; else (..., m, k) and (..., k, n) with
        k = min(m, n).  What is beyond k is not determined and has no gradient.  That of the
        singular vectors is NaN where singular values are equal; that of S always exists.
    compute_uv : bool
        If False, return S alone: `svdvals`.
    """
    if not compute_uv:
        return svdvals(a)
    a = _matrices("svd", a)
    s, u, vh = SingularValues(full_matrices).apply_with_aux(a)
    vectors = singular_vectors_.apply(a, s, u, vh)
    m, k = a.shape[-2], s.shape[-1]
    left, right = vectors[..., :m, :], vectors[..., m:, :].mT
    if u.shape[-1] > k:
        left = concatenate([left, u[..., k:]], axis=-1)
    if vh.shape[-2] > k:
        right = concatenate([right, vh[..., k:, :]], axis=-2)
    return SVDResult(left, s, right)


def svdvals(a: TensorLike) -> Tensor:
    """Return the singular values of matrices, descending: (..., m, n) -> (..., min(m, n))."""
    return SingularValues(False).apply(_matrices("svdvals", a))


# -- norms ---------------------------------------------------------------------------------------


def norm(
    x: TensorLike, ord: float | str | None = None, axis: Axis = None, keepdims: bool = False
) -> Tensor:
    """Return the norm of vectors or matrices, as `numpy.linalg.norm`.

    Parameters
    ----------
    x : Tensor
    ord : number, 'fro', 'nuc' or None
        Which norm: see `vector_norm` and `matrix_norm`.  None: the 2-norm of all elements.
    axis : int, pair of ints or None
        One axis holds vectors, two hold matrices.  None: all of ``x``, which then has one or two
        axes, or any number if ``ord`` is None.
    keepdims : bool
        Keep these axes with length 1.

    Raises
    ------
    ValueError
        If there is no such norm, or ``axis`` names more than two axes.
    """
    x = real(x)
    axes = normalize_axis("norm", axis, x.ndim)
    if axis is None and ord is None:
        return vector_norm_over(x, 2, axes, keepdims)
    if len(axes) == 1:
        return vector_norm_over(x, _order("norm", 2 if ord is None else ord), axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm("norm", x, "fro" if ord is None else ord, axes, keepdims)
    raise ValueError(f"norm: expected one axis or two, not {axes} of shape {x.shape}")


def vector_norm(
    x: TensorLike, *, axis: Axis = None, keepdims: bool = False, ord: float = 2
) -> Tensor:
    """Return (Σ |x|^ord)^(1/ord) over any axes.

    For inf and -inf it is the largest and the smallest |x|, whose gradient ties share evenly; for
    0 the number of elements other than 0.  The gradient is 0 for elements that are 0.
    """
    x = real(x)
    axes = normalize_axis("vector_norm", axis, x.ndim)
    return vector_norm_over(x, _order("vector_norm", ord), axes, keepdims)


def matrix_norm(x: TensorLike, *, keepdims: bool = False, ord: float | str = "fro") -> Tensor:
    """Return the norms of matrices (..., m, n).

    'fro' is the 2-norm of all elements, 'nuc' the sum of the singular values, 2 and -2 the largest
    and the smallest of these; 1 and -1 the largest and the smallest sum of |x| over a column, inf
    and -inf over a row.

    Raises
    ------
    ValueError
        If there is no such norm.
    """
    x = _matrices("matrix_norm", x)
    return _matrix_norm("matrix_norm", x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


def _order(caller: str, ord: float | str) -> float:
    if not isinstance(ord, (int, float, np.number)):
        raise ValueError(f"{caller}: the order of a vector norm must be a number, not {ord!r}")
    return float(ord)


def _matrix_norm(caller: str, x: Tensor, ord: float | str, axes: Axes, keepdims: bool) -> Tensor:
    if ord == "fro":
        return vector_norm_over(x, 2, axes, keepdims)
    rows, columns = axes
    if ord in (1, -1, math.inf, -math.inf):
        summed, left = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = x.abs().sum(axis=summed, keepdims=True)
        y = (sums.amax if ord > 0 else sums.amin)(axis=left, keepdims=True)
    elif ord in ("nuc", 2, -2):
        others = [i for i in range(x.ndim) if i not in axes]
        s = SingularValues(False).apply(x.transpose([*others, rows, columns]))
        y = s.sum(axis=-1) if ord == "nuc" else (s.amax if ord == 2 else s.amin)(axis=-1)
    else:
        raise ValueError(
            f"{caller}: the order of a matrix norm must be 'fro', 'nuc', 1, -1, 2, -2, inf or "
            f"-inf, not {ord!r}"
        )
    kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes]
    return y.reshape(kept)

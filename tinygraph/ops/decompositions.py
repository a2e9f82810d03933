"""Inverses, determinants and factorisations of matrices (..., n, n) or (..., m, n), by LAPACK.

A factorisation gives several outputs.  Each is a Function of its own that takes what was computed
together, so that nothing is factorised twice, and its rule is in terms of the outputs, which are
part of the graph: so it can be differentiated again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array
from .arranging import Tril, Triu
from .elementwise import where_


def lapack(caller: str, function: Callable[..., Any], *arrays: Array, **options: Any) -> Any:
    """Call a function of ``numpy.linalg``; float16, which it does not know, goes by float32.

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix has no such result; the message names the caller.
    """
    dtype = np.result_type(*arrays)
    if dtype == np.float16:
        arrays = tuple(a.astype(np.float32) for a in arrays)
    try:
        with np.errstate(all="ignore"):
            result = function(*arrays, **options)
    except np.linalg.LinAlgError as error:
        shapes = " and ".join(str(a.shape) for a in arrays)
        raise np.linalg.LinAlgError(f"{caller}: {error} (shape {shapes})") from None
    if isinstance(result, tuple):
        return tuple(part.astype(dtype, copy=False) for part in result)
    return np.asarray(result).astype(dtype, copy=False)


def _reciprocal(x: Value) -> Value:
    """1 / x, and NaN where x is 0."""
    return where_(x == 0, math.nan, 1 / (x + (x == 0)))


def _symmetric(x: Value) -> Value:
    return (x + x.mT) / 2


def _mirrored(x: Value) -> Value:
    """Return the symmetric matrix that has the lower triangle of x."""
    return tril_(x) + below_(x).mT


def _columns(s: Value) -> Value:
    """Give one number for each column the shape that multiplies columns: (..., 1, n)."""
    return s.reshape(*s.shape[:-1], 1, s.shape[-1])


def _inverse_differences(s: Value) -> Value:
    """1 / (s_j - s_i), (..., n, n): NaN where they are equal, and 0 on the diagonal."""
    difference = _columns(s) - _columns(s).mT
    equal = difference == 0
    lower = where_(below_(equal), math.nan, below_(1 / (difference + equal)))
    return lower - lower.mT


def _matrices(x: Value) -> Value:
    """Give one number for each matrix the shape that multiplies matrices: (..., 1, 1)."""
    return x.reshape(*x.shape, 1, 1)


# -- inverses and determinants -------------------------------------------------------------------


class Inv(Function):
    """Inverse of (..., n, n): ga = -yᵀ g yᵀ."""

    def forward(self, a: Array) -> Array:
        return lapack("inv", np.linalg.inv, a)

    def backward(self, g: Value, y: Value) -> Value:
        return -(y.mT @ g @ y.mT)


class Solve(Function):
    """y with a y = b, (..., n, n), (..., n, k) -> (..., n, k): gb solves aᵀ gb = g, ga = -gb yᵀ."""

    def forward(self, a: Array, b: Array) -> Array:
        return lapack("solve", np.linalg.solve, a, b)

    def backward(self, g: Value, a: Value, y: Value, needs: Any) -> Value:
        gb = solve_(a.mT, g)
        return -(gb @ y.mT) if needs.a else None, gb


class Pinv(Function):
    """Moore-Penrose inverse of (..., m, n), for changes of a that keep its rank.

    ga = -yᵀ g yᵀ + (1 - a y) gᵀ y yᵀ + yᵀ y gᵀ (1 - y a).
    """

    def __init__(self, rcond: float, hermitian: bool) -> None:
        self.rcond, self.hermitian = rcond, hermitian

    def forward(self, a: Array) -> Array:
        return lapack("pinv", np.linalg.pinv, a, rcond=self.rcond, hermitian=self.hermitian)

    def backward(self, g: Value, a: Value, y: Value) -> Value:
        left, right = g.mT @ (y @ y.mT), (y.mT @ y) @ g.mT
        return left - a @ (y @ left) + right - (right @ y) @ a - y.mT @ g @ y.mT


class Det(Function):
    """Determinant of (..., n, n): ga = g times the cofactors of a."""

    def forward(self, a: Array) -> Array:
        return lapack("det", np.linalg.det, a)

    def backward(self, g: Value, a: Value) -> Value:
        return _matrices(g) * cofactors_(a)


class Cofactors(Function):
    """Gradient y of the determinant, (..., n, n), finite for singular matrices too.

    ga = i <g, y> - i gᵀ y with i the inverse of aᵀ: the rule needs a regular matrix.
    """

    def forward(self, a: Array) -> Array:
        return lapack("det", _cofactors, a)

    def backward(self, g: Value, a: Value, y: Value) -> Value:
        i = inv_(a.mT)
        return i * (g * y).sum(axis=(-2, -1), keepdims=True) - i @ g.mT @ y


def _cofactors(a: Array) -> Array:
    """det(u) det(v) u diag(products of the other singular values) vᵀ."""
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), s.dtype.type(1), s[..., None, :]).prod(axis=-1)
    sign = np.round(np.linalg.det(u) * np.linalg.det(vh))
    return sign[..., None, None] * ((u * others[..., None, :]) @ vh)


class LogAbsDet(Function):
    """log |det a| of (..., n, n), with the sign: ga = g inv(a)ᵀ."""

    aux = ("sign",)

    def forward(self, a: Array) -> tuple[Array, Array]:
        sign, y = lapack("slogdet", np.linalg.slogdet, a)
        return y, sign

    def backward(self, g: Value, a: Value) -> Value:
        return _matrices(g) * inv_(a.mT)


# -- factorisations ------------------------------------------------------------------------------


class Cholesky(Function):
    """Lower y with y yᵀ = a, (..., n, n), from the lower triangle of a symmetric a.

    ga = y⁻ᵀ Φ(yᵀ g) y⁻¹, symmetric; Φ is the lower triangle with half the diagonal.
    """

    def forward(self, a: Array) -> Array:
        return lapack("cholesky", np.linalg.cholesky, a)

    def backward(self, g: Value, y: Value) -> Value:
        product = y.mT @ g
        half = (tril_(product) + below_(product)) / 2
        return _symmetric(solve_(y.mT, solve_(y.mT, half).mT))


class Orthonormal(Function):
    """The factor y of a = y r, (..., m, n) with m >= n, r upper triangular.

    ga = (g + y mirrored(-gᵀ y)) r⁻ᵀ; mirrored repeats the lower triangle above the diagonal.
    """

    aux = ("r",)

    def forward(self, a: Array) -> tuple[Array, Array]:
        return lapack("qr", np.linalg.qr, a)

    def r(self, a: Value, y: Value) -> Value:
        return y.mT @ a

    def backward(self, g: Value, y: Value, r: Value) -> Value:
        return solve_(r, (g - y @ _mirrored(g.mT @ y)).mT).mT

    def branch(self, a: Array) -> tuple[Array, ...]:
        _, r = self.forward(a)
        return (np.signbit(np.diagonal(r, axis1=-2, axis2=-1)),)  # LAPACK's choice of signs


class Eigenvalues(Function):
    """Ascending eigenvalues of a symmetric (..., n, n), with the vectors v: ga = v diag(g) vᵀ.

    ``triangle`` ("L" or "U") tells which part of a is read; the gradient is symmetric.
    """

    aux = ("v",)

    def __init__(self, triangle: str) -> None:
        self.triangle = triangle

    def forward(self, a: Array) -> tuple[Array, Array]:
        return lapack("eigh", np.linalg.eigh, a, UPLO=self.triangle)

    def v(self, a: Value, y: Value, v: Array) -> Value:
        return eigenvectors_(a, y, v)

    def backward(self, g: Value, v: Value) -> Value:
        return (v * _columns(g)) @ v.mT


class Eigenvectors(Function):
    """Eigenvectors v of a symmetric a with the eigenvalues w: ga = y (f * yᵀ g) yᵀ, symmetric.

    f_ij = 1 / (w_j - w_i), NaN where they are equal, as nothing tells which vectors are meant.
    """

    def forward(self, a: Array, w: Array, v: Array) -> Array:
        return v.copy()

    def backward(self, g: Value, w: Value, y: Value) -> Value:
        product = y.mT @ g
        inner = _inverse_differences(w) * (product - product.mT) / 2
        return y @ inner @ y.mT, None, None


class SingularValues(Function):
    """Descending singular values of (..., m, n), with the vectors: ga = u diag(g) vᵀ."""

    aux = ("u", "vh")

    def __init__(self, full_matrices: bool) -> None:
        self.full_matrices = full_matrices

    def forward(self, a: Array) -> tuple[Array, Array, Array]:
        u, s, vh = lapack("svd", np.linalg.svd, a, full_matrices=self.full_matrices)
        return s, u, vh

    def u(self, a: Value, y: Value, u: Array, vh: Array) -> Value:
        return singular_vectors_(a, y, u, vh)[..., : a.shape[-2], :]

    def vh(self, a: Value, y: Value, u: Array, vh: Array) -> Value:
        return singular_vectors_(a, y, u, vh)[..., a.shape[-2] :, :].mT

    def backward(self, g: Value, u: Value, vh: Value) -> Value:
        k = g.shape[-1]
        return (u[..., :k] * _columns(g)) @ vh[..., :k, :]


class SingularVectors(Function):
    """Singular vectors of a with the values s: u (..., m, k) above v (..., n, k).

    ga = u (s_j skew(uᵀ gu) f + s_i f skew(vᵀ gv)) vᵀ, and what of gu and gv lies outside of u and
    v, divided by s; f_ij = 1 / (s_j² - s_i²), NaN where they are equal.
    """

    def forward(self, a: Array, s: Array, u: Array, vh: Array) -> Array:
        k = s.shape[-1]
        return np.concatenate([u[..., :k], vh[..., :k, :].mT], axis=-2)

    def backward(self, g: Value, a_spec: Any, s: Value, y: Value) -> Value:
        m, n = a_spec.shape[-2:]
        u, gu = y[..., :m, :], g[..., :m, :]
        v, gv = y[..., m:, :], g[..., m:, :]
        left, right = u.mT @ gu, v.mT @ gv
        f = _inverse_differences(s * s)
        inner = (left - left.mT) * f * _columns(s) + _columns(s).mT * f * (right - right.mT)
        ga = u @ inner @ v.mT
        if m > n:
            ga = ga + ((gu - u @ left) * _columns(_reciprocal(s))) @ v.mT
        if n > m:
            ga = ga + u @ ((gv - v @ right) * _columns(_reciprocal(s))).mT
        return ga, None, None, None


inv_, solve_, det_, cofactors_, log_abs_det_ = Inv(), Solve(), Det(), Cofactors(), LogAbsDet()
cholesky_, orthonormal_ = Cholesky(), Orthonormal()
eigenvectors_, singular_vectors_ = Eigenvectors(), SingularVectors()
tril_, below_, triu_ = Tril(0), Tril(-1), Triu(0)

"""Matrix products, on the threads that suit their size.

BLAS's own threads are quick to start, but spin on for a while after a product, and what runs next,
such as a convolution on our threads, then has one processor less: a network of both took a quarter
longer. So only products for which our threads are too slow to start have BLAS's.
"""

import numpy as np

from tinygraph.kernels._types import Array
from tinygraph.kernels.threads import alone, share

# How many multiplications there are:
SMALL = 1 << 18  # below that BLAS takes one thread anyway
MEDIUM = 1 << 22  # below that the second one gains little
LARGE = 1 << 26  # from here on it does not matter how quickly threads start


def matmul(a: Array, b: Array) -> Array:
    """Multiply matrices: (..., n, k), (..., k, m) -> (..., n, m); the leading axes broadcast."""
    if a.shape[-1] == b.shape[-2] == 1:
        return np.multiply(a, b, order="C")  # np.matmul takes three times as long
    n, m = a.shape[-2], b.shape[-1]
    multiplications = max(a.size * m, b.size * n)
    if SMALL <= multiplications < MEDIUM:
        return alone(lambda: np.matmul(a, b))
    if multiplications < LARGE or a.dtype != b.dtype:
        return np.matmul(a, b)
    y = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), n, m), a.dtype)

    def batch(part: slice) -> None:
        np.matmul(_part(a, y, part), _part(b, y, part), out=y[part])

    def rows(part: slice) -> None:
        np.matmul(a[..., part, :], b, out=y[..., part, :])

    def columns(part: slice) -> None:
        np.matmul(a, b[..., part], out=y[..., part])

    work, count = (rows, n) if n >= m else (columns, m)
    if y.ndim > 2 and y.shape[0] > 1:
        work, count = batch, y.shape[0]
    share(count, work, True)
    return y


def _part(x: Array, y: Array, part: slice) -> Array:
    """Return the part of a factor x that part of the product y is made of."""
    return x[part] if x.ndim == y.ndim and len(x) > 1 else x

"""Convolution as matrix products over columns, a cache-sized tile of images at a time.

With the windows of a few images laid out as columns (im2col), the convolution is one product,
and so are both of its gradients. The columns are kh*kw times as large as the images, so they
never exist for the whole batch: a buffer that fits the cache is filled again for each tile, and
filled once more in the backward pass rather than kept. Threads share the batch; each has a buffer
of its own.

In the shapes below G is the number of groups, D = C/G * kh*kw the depth of a column and
L = H'*W' the number of windows; nothing depends on there being two spatial axes.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array, Sizes
from tinygraph.kernels.threads import share
from tinygraph.kernels.windows import Columns, image_size, output_sizes

TILE_BYTES = 1 << 21
"""Columns made at a time: few enough to be in the cache yet when they are used, and so many that
threads seldom wait for Python's lock."""

CACHE_LINE = 64  # bytes

SHARED_BYTES = 1 << 20
"""Columns from which on threads share the images."""


def conv(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """Correlate images with filters: (N, C, H, W), (O, C/G, kh, kw), (O,) -> (N, O, H', W')."""
    n, o, kernel_size = len(x), len(w), image_size(w)
    windows = output_sizes(image_size(x), kernel_size, stride, padding, dilation)
    filters = w.reshape(groups, o // groups, prod(w.shape[1:]))  # (G, O/G, D)
    y = np.empty((n, groups, o // groups, prod(windows)), np.result_type(x, w))
    bias = None if b is None else b.reshape(groups, o // groups, 1)

    def work(part: slice) -> None:
        out = y[part]
        for tile, cols in _column_tiles(
            x[part], windows, kernel_size, stride, padding, dilation, groups
        ):
            np.matmul(filters, cols, out=out[tile])
            if bias is not None:
                out[tile] += bias

    share(n, work, _is_large(x, kernel_size, windows))
    return y.reshape(n, o, *windows)


def conv_weight_grad(
    g: Array,
    x: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """Correlate images with gradients, the adjoint of `conv` in its weight.

    (N, O, H', W'), (N, C, H, W) -> (O, C/G, kh, kw)
    """
    n, o = g.shape[:2]
    windows = image_size(g)
    c = x.shape[1] // groups
    g = g.reshape(n, groups, o // groups, prod(windows)).mT  # (N, G, L, O/G)

    def work(part: slice) -> Array:
        z = g[part]
        gw = np.zeros((groups, c * prod(kernel_size), o // groups), np.result_type(g, x))
        for tile, cols in _column_tiles(
            x[part], windows, kernel_size, stride, padding, dilation, groups
        ):
            products = np.matmul(cols, z[tile])  # (tile, G, D, O/G)
            gw += products[0] if len(products) == 1 else products.sum(axis=0)
        return gw

    gw, *others = share(n, work, _is_large(x, kernel_size, windows))
    for other in others:
        gw += other
    return np.ascontiguousarray(gw.mT).reshape(o, c, *kernel_size)


def conv_input_grad(
    g: Array,
    w: Array,
    input_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array:
    """Transposed convolution, the adjoint of `conv` in its input.

    (N, O, H', W'), (O, C/G, kh, kw) -> (N, C, H, W). As the windows that count are those of g,
    the input size may have room for more of them, which tell nothing.
    """
    n, o = g.shape[:2]
    windows = image_size(g)
    c, kernel_size = w.shape[1] * groups, image_size(w)
    # A convolution of g, turned round; not for few channels, where there are more columns to fill.
    around = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True))
    turned = (windows, kernel_size, stride, around, dilation)
    pays = set(stride) == {1} and groups < o <= 2 * c and min(around) >= 0
    if pays and output_sizes(*turned) == input_size:
        return conv(g, _turned(w, groups), None, *turned[2:], groups)
    g = g.reshape(n, groups, o // groups, prod(windows))
    filters = w.reshape(groups, o // groups, prod(w.shape[1:])).mT  # (G, D, O/G)
    gx = np.empty((n, c, *input_size), np.result_type(g, w))
    if _is_pointwise(kernel_size, padding, input_size, windows):
        np.matmul(filters, g, out=gx.reshape(n, groups, c // groups, prod(windows)))
        return gx
    # With one filter a group this is an outer product, at which matmul is four times slower.
    product = np.multiply if o == groups else np.matmul

    def work(part: slice) -> None:
        z, out = g[part], gx[part]
        buffer = _buffer(len(out), (c, *kernel_size, *windows), gx.dtype)
        columns = Columns(buffer, input_size, stride, padding, dilation)
        for tile in _tiles(len(out), len(buffer)):
            cols = _matrices(buffer[: len(z[tile])], groups)
            product(filters, z[tile], out=cols)
            columns.scatter(out[tile])

    share(n, work, _is_large(gx, kernel_size, windows))
    return gx


def _column_tiles(
    x: Array,
    windows: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Iterator[tuple[slice, Array]]:
    """Yield tiles of images with their columns: (N, C, H, W) -> (tile, G, D, L).

    The columns are overwritten by those of the next tile.
    """
    n, c = x.shape[:2]
    if _is_pointwise(kernel_size, padding, image_size(x), windows):  # the image is its own columns
        yield slice(n), x.reshape(n, groups, c // groups, prod(windows))
        return
    buffer = _buffer(n, (c, *kernel_size, *windows), x.dtype)
    columns = Columns(buffer, image_size(x), stride, padding, dilation)
    for tile in _tiles(n, len(buffer)):
        yield tile, _matrices(columns.gather(x[tile]), groups)


def _buffer(n: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return room for the columns of some of n images: (tile, C, kh, kw, H', W').

    Each row of L numbers is followed by a gap of a cache line.  Without it the rows of images whose
    size is a power of 2 fall on the same lines of the cache, and a product takes a sixth longer.
    """
    rows, length = prod(shape[: len(shape) // 2 + 1]), prod(shape[len(shape) // 2 + 1 :])
    tile = max(1, min(n, TILE_BYTES // max(1, rows * length * dtype.itemsize)))
    buffer = np.empty((tile, rows, length + CACHE_LINE // dtype.itemsize), dtype)
    return buffer[..., :length].reshape(tile, *shape)


def _tiles(n: int, length: int) -> Iterator[slice]:
    """Cut n images into tiles of that length."""
    for start in range(0, n, length):
        yield slice(start, min(start + length, n))


def _matrices(cols: Array, groups: int) -> Array:
    """View columns as matrices: (N, C, kh, kw, H', W') -> (N, G, D, L)."""
    n, c, *shape = cols.shape
    axes = len(shape) // 2
    return cols.reshape(n, groups, c // groups * prod(shape[:axes]), prod(shape[axes:]))


def _turned(w: Array, groups: int) -> Array:
    """Turn filters by 180 degrees and swap their channels: (O, C/G, kh, kw) -> (C, O/G, kh, kw)."""
    o, c, *kernel_size = w.shape
    w = np.flip(w.reshape(groups, o // groups, *w.shape[1:]), tuple(range(3, w.ndim + 1)))
    return w.swapaxes(1, 2).reshape(groups * c, o // groups, *kernel_size)


def _is_large(x: Array, kernel_size: Sizes, windows: Sizes) -> bool:
    """Whether the columns of all images are worth several threads."""
    size: int = x.itemsize * prod((*x.shape[:2], *kernel_size, *windows))
    return size > SHARED_BYTES


def _is_pointwise(kernel_size: Sizes, padding: Sizes, size: Sizes, windows: Sizes) -> bool:
    return set(kernel_size) == {1} and not any(padding) and size == windows

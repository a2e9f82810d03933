"""Convolution by filters of three rows with two thirds of the products: Winograd's F(2, 3).

Two windows, one a row below the other, see four rows d0 to d3 of the image between them. Their sums
with the rows w0 to w2 of a filter take six products of rows, or four:

    m0 = (d2 - d0) (-w0)                   d0 w0 + d1 w1 + d2 w2 = m0 + m2 + m3
    m1 = (d3 - d1) w2
    m2 = (d1 + d2) (w0 + w1 + w2) / 2      d1 w0 + d2 w1 + d3 w2 = m1 + m2 - m3
    m3 = (d2 - d1) (w0 - w1 + w2) / 2

So this is a convolution by filters of one row, with four times the groups and half of the rows of
windows; T counts these pairs of rows in the shapes below. What lies outside of a window does not
come into its sum, not even by rounding. But what would be infinite becomes NaN, so that a result
that is not finite is not returned: it has to be computed as it stands.

S. Winograd, Arithmetic Complexity of Computations, SIAM 1980; A. Lavin and S. Gray, Fast
Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from collections.abc import Iterator
from math import isfinite, prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array, Sizes
from tinygraph.kernels.threads import share, share_sum
from tinygraph.kernels.tiles import column_buffer, is_large, tile_length, tiles
from tinygraph.kernels.windows import Index, image_size, output_sizes, taps

MANY_CHANNELS = 64
"""Of images as of gradients, in each group: with fewer, products cost less than what is added."""

MANY_WINDOWS = 256
"""With fewer, the products are so small that BLAS takes longer for each."""


def suits(
    dtype: np.dtype[Any],
    shape: tuple[int, int, int],
    windows: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    dilation: Sizes,
    groups: int,
) -> bool:
    """Whether windows can be taken in pairs, and are faster so; the shape is (N, C, O)."""
    n, *channels = shape
    return (
        min(channels) >= MANY_CHANNELS * groups
        and n > 1  # or else a product on all threads of BLAS is faster
        and prod(windows) >= MANY_WINDOWS
        and len(kernel_size) > 1
        and kernel_size[0] == 3
        and stride[0] == dilation[0] == 1
        and dtype.char in "fd"
    )


def conv(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array | None:
    """Do what `convolution.conv` does, or return None if some of the result is not finite."""
    n, c, o, kernel_size = *x.shape[:2], len(w), image_size(w)
    windows = output_sizes(image_size(x), kernel_size, stride, padding, dilation)
    pairs = -(-windows[0] // 2), *windows[1:]
    dtype = np.result_type(x, w)
    x, w = x.astype(dtype, copy=False), w.astype(dtype, copy=False)  # bytes would wrap round
    y = np.empty((n, o, *windows), dtype)
    filters = _combined_filters(w).reshape(4 * groups, o // groups, -1)
    bias = None if b is None else b.reshape(o, *(1,) * (1 + len(windows)))

    def work(part: slice) -> bool:
        out = y[part]
        length = _tile_length(len(out), y.itemsize, c, o, kernel_size, pairs)
        for tile, cols in _column_tiles(
            x[part], pairs, kernel_size, stride, padding, dilation, groups, length
        ):
            products = np.matmul(filters, cols)
            _add_up(products.reshape(4, o, -1, *pairs), bias, out[tile].swapaxes(0, 1))
            if not _is_finite(out[tile]):
                return False
        return True

    with np.errstate(over="ignore", invalid="ignore"):
        return y if all(share(n, work, is_large(x, kernel_size, windows))) else None


def conv_weight_grad(
    g: Array,
    x: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Array | None:
    """Do what `convolution.conv_weight_grad` does, or return None if some of it is not finite."""
    (n, o), c, windows = g.shape[:2], x.shape[1], image_size(g)
    pairs = -(-windows[0] // 2), *windows[1:]
    dtype, depth = np.result_type(g, x), c // groups * prod(kernel_size[1:])
    x = x.astype(dtype, copy=False)

    def work(part: slice) -> Array:
        z = g[part]
        length = _tile_length(len(z), dtype.itemsize, c, o, kernel_size, pairs)
        grads = np.zeros((4, o, length, *pairs), dtype)
        matrix = grads.reshape(4 * groups, o // groups, -1).mT
        gw = np.zeros((4 * groups, depth, o // groups), dtype)
        for tile, cols in _column_tiles(
            x[part], pairs, kernel_size, stride, padding, dilation, groups, length
        ):
            _share_out(z[tile].swapaxes(0, 1), grads[:, :, : tile.stop - tile.start])
            gw += np.matmul(cols, matrix[:, : cols.shape[-1]])
        return gw

    with np.errstate(over="ignore", invalid="ignore"):
        gw = share_sum(n, work, is_large(x, kernel_size, windows))
        gw = gw.reshape(4, groups, *kernel_size[1:], c // groups, o // groups)
        gw = _shared_out_filters(gw)
    return gw if _is_finite(gw) else None


def _tile_length(n: int, itemsize: int, c: int, o: int, kernel_size: Sizes, pairs: Sizes) -> int:
    return tile_length(n, itemsize, (4, c, *kernel_size[1:], *pairs), (4, o, *pairs))


def _column_tiles(
    x: Array,
    pairs: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    length: int,
) -> Iterator[tuple[slice, Array]]:
    """Yield tiles of images with columns of their combined rows: (N, C, H, W) -> (tile, 4G, D, L).

    L are the windows of all images of a tile.  The columns are overwritten by the next ones.
    """
    n, c = x.shape[:2]
    margins = [*zip(padding[1:], x.shape[3:], strict=True)]
    padded = [2 * p + w for p, w in margins]
    rows = np.zeros((2, c, length, pairs[0] + 1, *padded), x.dtype)
    image_part: Index = (..., *(slice(p, p + w) for p, w in margins))
    inside = rows[image_part]
    images = np.empty((4, c, length, pairs[0], *padded), x.dtype)
    _, channel, image, row, *pixel = images.strides
    entries = [s * d for s, d in zip(pixel, dilation[1:], strict=True)]
    steps = [s * d for s, d in zip(pixel, stride[1:], strict=True)]
    shape = 4 * groups, *kernel_size[1:], c // groups, length, *pairs
    strides = c // groups * channel, *entries, channel, image, row, *steps
    windows = np.ndarray(shape, x.dtype, images, 0, strides)
    columns = column_buffer(shape[: -len(pairs) - 1], shape[-len(pairs) - 1 :], x.dtype)
    for tile in tiles(n, length):
        m = tile.stop - tile.start
        _part_rows(x[tile].swapaxes(0, 1), inside[:, :, :m], padding[0])
        _combine(rows[:, :, :m], images[:, :, :m])
        part: Index = (..., slice(m), *(slice(None) for _ in pairs))
        columns[part] = windows[part]
        yield tile, columns[part].reshape(4 * groups, -1, m * prod(pairs))


def _part_rows(x: Array, rows: Array, padding: int) -> None:
    """Write even and odd rows of padded images by themselves: (C, N, H, W) -> (2, C, N, T, W)."""
    size, count = image_size(x), rows.shape[3]
    none, ones = (0,) * (len(size) - 1), (1,) * (len(size) - 1)
    pairs = 2, *ones
    geometry = size, (count, *size[1:]), pairs, pairs, (padding, *none), (1, *ones)
    for part, (inside, pixels) in zip(rows, taps(*geometry), strict=True):
        part[inside] = x[pixels]


def _combine(rows: Array, images: Array) -> None:
    """Combine the rows of pairs of windows: (2, C, N, T + 1, W) -> (4, C, N, T, W)."""
    first, second = rows[:, :, :, :-1], rows[:, :, :, 1:]  # d0 and d1, d2 and d3
    np.subtract(second, first, out=images[:2])
    np.add(first[1], second[0], out=images[2])
    np.subtract(second[0], first[1], out=images[3])


def _combined_filters(w: Array) -> Array:
    """(O, C/G, 3, kw) -> (4, O, kw, C/G)."""
    o, depth, _, *entries = w.shape
    w0, w1, w2 = np.moveaxis(w, (0, 1), (-2, -1)).copy()  # each (kw, O, C/G), in long runs
    filters = np.empty((4, o, *entries, depth), w.dtype)
    m0, m1, m2, m3 = np.moveaxis(filters, 1, -2)
    np.negative(w0, out=m0)
    m1[...] = w2
    w0 += w2
    w0 /= 2
    w1 /= 2
    np.add(w0, w1, out=m2)
    np.subtract(w0, w1, out=m3)
    return filters


def _shared_out_filters(gw: Array) -> Array:
    """(4, G, kw, C/G, O/G) -> (O, C/G, 3, kw), the adjoint of `_combined_filters`."""
    m0, m1, m2, m3 = gw
    outer, middle = (m2 + m3) / 2, (m2 - m3) / 2
    filters = np.stack((outer - m0, middle, outer + m1))
    filters = np.moveaxis(filters, (1, -1, -2), (0, 1, 2))  # (G, O/G, C/G, 3, kw)
    return np.ascontiguousarray(filters).reshape(-1, *filters.shape[2:])


def _add_up(products: Array, bias: Array | None, y: Array) -> None:
    """(4, O, N, T, W') -> (O, N, H', W').  The products are overwritten."""
    m0, m1, m2, m3 = products
    even, odd = y[:, :, ::2], y[:, :, 1::2]
    if bias is not None:
        m2 += bias
    m0 += m2
    np.add(m0, m3, out=even)
    m2 -= m3
    rows = odd.shape[2]
    np.add(m1[:, :, :rows], m2[:, :, :rows], out=odd)


def _share_out(g: Array, grads: Array) -> None:
    """(O, N, H', W') -> (4, O, N, T, W'), the adjoint of `_add_up`."""
    _part_rows(g, grads[:2], 0)
    np.add(grads[0], grads[1], out=grads[2])
    np.subtract(grads[0], grads[1], out=grads[3])


def _is_finite(a: Array) -> bool:
    a = a.reshape(-1)
    return isfinite(np.dot(a, a))

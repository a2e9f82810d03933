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
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from tinygraph.kernels import winograd
from tinygraph.kernels._types import Array, Sizes
from tinygraph.kernels.threads import share, share_sum
from tinygraph.kernels.tiles import column_buffer, is_large, matrices, tile_length, tiles
from tinygraph.kernels.windows import Columns, image_size, output_sizes

MANY_FILTERS = 4
"""So many for each channel that columns of gradients would be larger than those of the input."""

SMALL_PRODUCT = 10**6
"""Multiplications up to which OpenBLAS has kernels that take a third less time, but for a second
matrix that is transposed."""


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
    n, c, o, kernel_size = *x.shape[:2], len(w), image_size(w)
    windows = output_sizes(image_size(x), kernel_size, stride, padding, dilation)
    dtype = np.result_type(x, w)
    if winograd.suits(dtype, (n, c, o), windows, kernel_size, stride, dilation, groups):
        y = winograd.conv(x, w, b, stride, padding, dilation, groups)
        if y is not None:
            return y
    filters = w.reshape(groups, o // groups, prod(w.shape[1:]))  # (G, O/G, D)
    y = np.empty((n, groups, o // groups, prod(windows)), dtype)
    bias = None if b is None else b.reshape(groups, o // groups, 1)

    def work(part: slice) -> None:
        out = y[part]
        for tile, cols in _column_tiles(
            x[part], windows, kernel_size, stride, padding, dilation, groups
        ):
            np.matmul(filters, cols, out=out[tile])
            if bias is not None:
                out[tile] += bias

    share(n, work, is_large(x, kernel_size, windows))
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
    (n, o), c, windows = g.shape[:2], x.shape[1], image_size(g)
    dtype = np.result_type(g, x)
    if winograd.suits(dtype, (n, c, o), windows, kernel_size, stride, dilation, groups):
        gw = winograd.conv_weight_grad(g, x, kernel_size, stride, padding, dilation, groups)
        if gw is not None:
            return gw
    depth = c // groups * prod(kernel_size)
    g = g.reshape(n, groups, o // groups, prod(windows)).mT  # (N, G, L, O/G)
    lays_out = prod(g.shape[2:]) * depth <= SMALL_PRODUCT and g.shape[2] <= 2 * depth

    def work(part: slice) -> Array:
        z = g[part]
        gw = np.zeros((groups, depth, o // groups), dtype)
        for tile, cols in _column_tiles(
            x[part], windows, kernel_size, stride, padding, dilation, groups
        ):
            grads = np.ascontiguousarray(z[tile]) if lays_out else z[tile]
            products = np.matmul(cols, grads)  # (tile, G, D, O/G)
            gw += products[0] if len(products) == 1 else products.sum(axis=0)
        return gw

    gw = share_sum(n, work, is_large(x, kernel_size, windows))
    return np.ascontiguousarray(gw.mT).reshape(o, c // groups, *kernel_size)


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

    Where strides are 1, all axes but the last are gone through as in a convolution, of g with
    filters turned round: its columns are long runs to copy, which is less than to add up as many.
    Along the last axis, products are added up where their windows lie: col2im.
    """
    n, o = g.shape[:2]
    windows = image_size(g)
    c, kernel_size = w.shape[1] * groups, image_size(w)
    dtype = np.result_type(g, w)
    geometry = input_size, windows, kernel_size, stride, padding, dilation
    if winograd.suits(dtype, (n, o, c), input_size, kernel_size, stride, dilation, groups):
        axes, _, turned, _ = _split(*geometry, len(input_size))
        if axes:
            filters = _turned(w, groups, axes).reshape(c, o // groups, *kernel_size)
            y = winograd.conv(g, filters, None, stride, turned.padding, dilation, groups)
            if y is not None:
                return y
    gx = np.empty((n, c, *input_size), dtype)
    if _is_pointwise(kernel_size, padding, input_size, windows):
        filters = w.reshape(groups, o // groups, c // groups).mT
        g = g.reshape(n, groups, o // groups, prod(windows))
        np.matmul(filters, g, out=gx.reshape(n, groups, c // groups, prod(windows)))
        return gx

    axes = len(input_size) - 1 if groups < o <= MANY_FILTERS * c else 0
    axes, middle, copied, added = _split(*geometry, axes)
    filters = _turned(w, groups, axes)
    # With one filter a group this is an outer product, at which matmul is four times slower.
    product = np.multiply if o == groups else np.matmul

    def work(part: slice) -> None:
        out = gx[part]
        rows = c, *added.kernel_size
        copies = [(o, *copied.kernel_size, *middle)] if axes else []
        length = tile_length(len(out), gx.itemsize, (*rows, *middle), *copies)
        buffer = column_buffer((length, *rows), middle, gx.dtype)
        columns = Columns(buffer, input_size, added.stride, added.padding, dilation)
        for tile, cols in _column_tiles(g[part], middle, *copied, dilation, groups, length):
            product(filters, cols, out=matrices(buffer[: len(cols)], groups))
            columns.scatter(out[tile])

    share(n, work, is_large(gx, kernel_size, windows))
    return gx


class _Windows(NamedTuple):
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes


@lru_cache(maxsize=256)
def _split(
    size: Sizes,
    windows: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    first: int,
) -> tuple[int, Sizes, _Windows, _Windows]:
    """Take an input gradient for a convolution of g along so many first axes, or if not so, none.

    Returns how many these are, the size of what there is between, and two kinds of windows: of g
    along these axes, and of the input along the others.
    """
    around = tuple(d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True))
    axes = [*zip(size, windows, stride, padding, around, strict=True)]
    if not all(s == 1 and a >= 0 and n == m + a - p for n, m, s, p, a in axes[:first]):
        first = 0
    ones, zeros = (1,) * len(size), (0,) * len(size)

    def joined(a: Sizes, b: Sizes) -> Sizes:
        return (*a[:first], *b[first:])

    return (
        first,
        joined(size, windows),
        _Windows(joined(kernel_size, ones), ones, joined(around, zeros)),
        _Windows(joined(ones, kernel_size), joined(ones, stride), joined(zeros, padding)),
    )


def _column_tiles(
    x: Array,
    windows: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
    length: int | None = None,
) -> Iterator[tuple[slice, Array]]:
    """Yield tiles of images with their columns: (N, C, H, W) -> (tile, G, D, L).

    The columns are overwritten by those of the next tile.
    """
    n, c = x.shape[:2]
    rows = c, *kernel_size
    length = length or tile_length(n, x.itemsize, (*rows, *windows))
    if _is_pointwise(kernel_size, padding, image_size(x), windows):  # the image is its own columns
        x = x.reshape(n, groups, c // groups, prod(windows))
        for tile in tiles(n, length):
            yield tile, x[tile]
        return
    buffer = column_buffer((length, *rows), windows, x.dtype)
    columns = Columns(buffer, image_size(x), stride, padding, dilation)
    for tile in tiles(n, length):
        yield tile, matrices(columns.gather(x[tile]), groups)


def _turned(w: Array, groups: int, axes: int) -> Array:
    """Turn filters round along some axes, the first ones, and lay them out as matrices.

    (O, C/G, kh, kw) -> (G, C/G, O/G), where O/G comes with these axes, C/G with the others.
    """
    o, c, *kernel_size = w.shape
    first, rest = tuple(range(3, 3 + axes)), range(3 + axes, w.ndim + 1)
    w = np.flip(w.reshape(groups, o // groups, c, *kernel_size), first)
    shape = c * prod(kernel_size[axes:]), o // groups * prod(kernel_size[:axes])
    return w.transpose(0, 2, *rest, 1, *first).reshape(groups, *shape)


def _is_pointwise(kernel_size: Sizes, padding: Sizes, size: Sizes, windows: Sizes) -> bool:
    return set(kernel_size) == {1} and not any(padding) and size == windows

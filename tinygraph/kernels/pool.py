"""Pooling: each window's maximum or mean, and the adjoints of both.

Pooling walks over the window's entries (`taps`), never over the windows: each step combines one
strided grid of pixels with the whole output. The winner of a window is the position i*kw + j of
its maximum inside the window, which is all that the gradient needs to find its way back.
"""

from typing import Any

import numpy as np

from tinygraph.kernels._types import Array, Pair
from tinygraph.kernels.windows import Taps, image_size, output_sizes, taps


def max_pool2d(
    x: Array,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array, Array]:
    """Find each window's maximum and where it is: (N, C, H, W) -> two (N, C, H', W').

    The second array holds the winners, the first of equals, in the smallest unsigned dtype that
    counts to kh*kw. Padding is -inf and never wins; NaN is greater than any number. A window that
    holds padding only is -inf and has the winner kh*kw, which is no position.
    """
    size = image_size(x)
    windows = output_sizes(size, kernel_size, stride, padding, dilation, ceil_mode)
    where = taps(size, windows, kernel_size, stride, padding, dilation)
    y = np.full((*x.shape[:2], *windows), -np.inf, x.dtype)
    for inside, pixels in where:
        part = y[inside]
        np.maximum(part, x[pixels], out=part)
    return y, _first_winners(x, y, where)


def _first_winners(x: Array, y: Array, where: Taps) -> Array:
    """Find the first entry of each window that equals its maximum y.

    Entry t scores len(where) - t if it wins, else 0, and the best score tells the first winner:
    arithmetic without branches, several times faster than masked assignment.
    """
    count = len(where)
    best = np.zeros(y.shape, np.min_scalar_type(count))
    score = np.empty_like(best)
    for t, (inside, pixels) in enumerate(where):
        part, best_part = score[inside], best[inside]
        np.equal(x[pixels], y[inside], out=part)
        part *= count - t
        np.maximum(best_part, part, out=best_part)
    winners = np.subtract(count, best, out=best)
    if np.isnan(np.max(y, initial=-np.inf)):  # NaN equals nothing, so no entry has won there
        for t, (inside, pixels) in reversed(list(enumerate(where))):
            np.copyto(winners[inside], t, where=np.isnan(x[pixels]))
    return winners


def max_unpool2d(
    g: Array,
    winners: Array,
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Array:
    """Add each window's gradient to its winner: (N, C, H', W') -> (N, C, H, W).

    Every winner must lie in the image.
    """
    gx = np.zeros((*g.shape[:2], *input_size), g.dtype)
    places = _winner_places(winners, input_size, kernel_size, stride, padding, dilation)
    np.add.at(gx.reshape(-1), places.reshape(-1), g.reshape(-1))
    return gx


def take_winners(
    x: Array,
    winners: Array,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Array:
    """Take each window's winner, the adjoint of `max_unpool2d`: (N, C, H, W) -> (N, C, H', W').

    Every winner must lie in the image.
    """
    return x.take(_winner_places(winners, image_size(x), kernel_size, stride, padding, dilation))


def _winner_places(
    winners: Array, size: Pair, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    """Find the winners in the flattened images: (N, C, H', W') -> places in N*C*H*W."""
    n, c, *windows = winners.shape
    rows, columns = (np.arange(k) * d for k, d in zip(kernel_size, dilation, strict=True))
    offsets = rows[:, None] * size[1] + columns  # from the window's first entry, in one image
    rows, columns = (np.arange(k) * s - p for k, s, p in zip(windows, stride, padding, strict=True))
    places = offsets.take(winners)
    places += rows[:, None] * size[1] + columns
    places += (np.arange(n * c) * (size[0] * size[1])).reshape(n, c, 1, 1)
    return places


def avg_pool2d(
    x: Array,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Array:
    """Average each window: (N, C, H, W) -> (N, C, H', W')."""
    size = image_size(x)
    windows = output_sizes(size, kernel_size, stride, padding, (1, 1), ceil_mode)
    y = np.zeros((*x.shape[:2], *windows), x.dtype)
    for inside, pixels in taps(size, windows, kernel_size, stride, padding, (1, 1)):
        y[inside] += x[pixels]
    y /= _divisors(size, windows, kernel_size, stride, padding, count_include_pad, x.dtype)
    return y


def avg_unpool2d(
    g: Array,
    input_size: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
) -> Array:
    """Share each window's gradient among its pixels: (N, C, H', W') -> (N, C, H, W).

    The adjoint of `avg_pool2d`, with either `ceil_mode`.
    """
    windows = image_size(g)
    share = g / _divisors(
        input_size, windows, kernel_size, stride, padding, count_include_pad, g.dtype
    )
    gx = np.zeros((*g.shape[:2], *input_size), g.dtype)
    for inside, pixels in taps(input_size, windows, kernel_size, stride, padding, (1, 1)):
        gx[pixels] += share[inside]
    return gx


def _divisors(
    size: Pair,
    windows: Pair,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    count_include_pad: bool,
    dtype: np.dtype[Any],
) -> Array:
    """Count the entries that each window averages over: (H', W').

    Padding counts or not, as the caller likes; what a last window in `ceil_mode` covers beyond
    the padding never does.
    """
    lengths = []
    for n, count, k, s, p in zip(size, windows, kernel_size, stride, padding, strict=True):
        border = p if count_include_pad else 0
        start = np.arange(count) * s - p
        stop = np.minimum(start + k, n + border)
        lengths.append(stop - np.maximum(start, -border))
    return np.outer(*lengths).astype(dtype)

"""Pooling: each window's maximum or mean, and the adjoints of both.

Pooling walks over the window's entries (`taps`), never over the windows: each step combines one
strided grid of pixels with the whole output. The winner of a window is the position i*kw + j of
its maximum inside the window, which is all that the gradient needs to find its way back. A pixel
is its place in the flattened image. Signals and volumes have one or three axes for (H, W).
"""

from functools import lru_cache, reduce
from math import prod
from typing import Any

import numpy as np

from tinygraph.kernels._types import Array, Sizes
from tinygraph.kernels.threads import sweep
from tinygraph.kernels.windows import Taps, image_size, output_sizes, taps


def max_pool(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Array, Array]:
    """Find each window's maximum and where it is: (N, C, H, W) -> two (N, C, H', W').

    The second array holds the winners, the first of equals, in the smallest unsigned dtype that
    counts to kh*kw. Padding is -inf, or the least integer, and never wins; NaN is greater than any
    number. A window that holds padding only is -inf and has the winner kh*kw, which is no position.
    """
    windows, where, scores = _contest(
        image_size(x), kernel_size, stride, padding, dilation, ceil_mode
    )
    y = np.empty((*x.shape[:2], *windows), x.dtype)
    winners = np.empty(y.shape, scores.dtype)

    def work(images: slice) -> None:
        _max_pool(x[images], where, scores, y[images], winners[images])

    sweep(len(x), work, prod(y.shape[1:]) * len(where))
    return y, winners


def _max_pool(x: Array, where: Taps, scores: Array, y: Array, winners: Array) -> None:
    """Find the maxima of images of which all windows fit the cache, entry by entry.

    An entry that equals the maximum has its score, others have 0, and the best score tells the
    first winner: arithmetic without branches, several times faster than masked assignment.
    """
    entries = np.empty((len(where), *y.shape), y.dtype)
    if np.count_nonzero(scores) < scores.size:
        entries.fill(-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
    for entry, (inside, pixels) in zip(entries, where, strict=True):
        entry[inside] = x[pixels]
    np.maximum.reduce(entries, axis=0, out=y)
    scored = np.equal(entries, y).view(np.uint8) * scores
    best = np.maximum.reduce(scored, axis=0)
    np.subtract(len(where), best, out=winners)
    if np.count_nonzero(best) < best.size:
        # NaN equals nothing, so no entry has won there.
        for t in reversed(range(len(where))):
            np.copyto(winners, t, where=np.isnan(entries[t]))


@lru_cache(maxsize=16)  # its arrays are of the size of an image
def _contest(
    size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
) -> tuple[Sizes, Taps, Array]:
    """Count the windows; find their taps, and what each scores if it wins: the earlier the more.

    The scores are (kh*kw, 1, 1, H', W'), 0 where an entry is padding, or without any padding
    (kh*kw, 1, 1, 1, 1).
    """
    windows = output_sizes(size, kernel_size, stride, padding, dilation, ceil_mode)
    where = taps(size, windows, kernel_size, stride, padding, dilation)
    counts = np.array(range(len(where), 0, -1), np.min_scalar_type(len(where)))
    early = counts.reshape(-1, 1, 1, *(1 for _ in windows))
    scores = np.zeros((len(where), 1, 1, *windows), early.dtype)
    for t, (inside, _) in enumerate(where):
        scores[t][inside] = early[t]
    return windows, where, scores if 0 in scores else early


def winner_pixels(
    winners: Array,
    input_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
) -> Array:
    """Find the pixels of the winners: (N, C, H', W') -> the same shape, int64.

    Every winner must lie in the image.
    """
    before = tuple(-p for p in padding)
    pixels = _grid(kernel_size, dilation, (0,) * len(kernel_size), input_size).take(winners)
    pixels += _grid(image_size(winners), stride, before, input_size)
    return pixels


@lru_cache(maxsize=16)
def _grid(counts: Sizes, steps: Sizes, starts: Sizes, size: Sizes) -> Array:
    """Number the pixels of a grid as in the flattened image: H' rows, W' columns -> (H', W')."""
    flat: Array = np.zeros((), np.int64)
    for count, step, start, length in zip(counts, steps, starts, size, strict=True):
        flat = flat[..., None] * length + (np.arange(count) * step + start)
    return flat


def put_pixels(g: Array, pixels: Array, input_size: Sizes) -> Array:
    """Add each value to its pixel: (N, C, H', W') -> (N, C, H, W)."""
    gx = np.zeros((*g.shape[:2], *input_size), g.dtype)
    np.add.at(gx.reshape(-1), _places(pixels, input_size).reshape(-1), g.reshape(-1))
    return gx


def take_pixels(x: Array, pixels: Array) -> Array:
    """Take each pixel, the adjoint of `put_pixels`: (N, C, H, W) -> (N, C, H', W')."""
    return x.take(_places(pixels, image_size(x)))


def max_unpool(x: Array, pixels: Array, output_size: Sizes) -> Array:
    """Write each value to its pixel, the last of several, and 0 elsewhere.

    (N, C, H', W') -> (N, C, H, W)
    """
    y = np.zeros((*x.shape[:2], *output_size), x.dtype)
    y.reshape(-1)[_places(pixels, output_size).reshape(-1)] = x.reshape(-1)
    return y


def _places(pixels: Array, size: Sizes) -> Array:
    """Number pixels over the whole batch: (N, C, H', W') -> places in N*C*H*W."""
    places: Array = pixels + _corners(*pixels.shape[:2], size)
    return places


@lru_cache(maxsize=16)
def _corners(n: int, c: int, size: Sizes) -> Array:
    """Number the first pixel of each image and channel: (N, C, 1, 1)."""
    first = np.arange(n * c) * prod(size)
    return first.reshape(n, c, *(1 for _ in size))


def adaptive_max_pool(x: Array, output_size: Sizes) -> tuple[Array, Array]:
    """Find the maximum of each of H'*W' parts of the image, and its pixel.

    (N, C, H, W) -> two (N, C, H', W'). The parts differ in size, so here the windows are walked.
    """
    size = image_size(x)
    y = np.empty((*x.shape[:2], *output_size), x.dtype)
    winners = np.empty(y.shape, np.int64)
    pixels = np.arange(prod(size)).reshape(size)
    parts = [adaptive_parts(*axis) for axis in zip(size, output_size, strict=True)]
    for at in np.ndindex(*output_size):
        part = tuple(slice(*part[i]) for part, i in zip(parts, at, strict=True))
        entries = x[:, :, *part].reshape(*x.shape[:2], pixels[part].size)
        best = entries.argmax(axis=-1)  # the first; NaN is greater than any number
        y[:, :, *at] = np.take_along_axis(entries, best[..., None], -1)[..., 0]
        winners[:, :, *at] = pixels[part].take(best)
    return y, winners


def adaptive_parts(size: int, parts: int) -> list[tuple[int, int]]:
    """Cut an axis into parts (start, stop), which overlap where they do not divide it."""
    return [(i * size // parts, -(-(i + 1) * size // parts)) for i in range(parts)]


def avg_pool(
    x: Array,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Average each window: (N, C, H, W) -> (N, C, H', W').

    With a `divisor_override`, the sum of each window over it.
    """
    size, steps = image_size(x), (1,) * len(kernel_size)
    windows = output_sizes(size, kernel_size, stride, padding, steps, ceil_mode)
    y = np.zeros((*x.shape[:2], *windows), _summing(x.dtype))
    for inside, pixels in taps(size, windows, kernel_size, stride, padding, steps):
        y[inside] += x[pixels]
    if divisor_override is None:
        y /= _counts(size, windows, kernel_size, stride, padding, count_include_pad, y.dtype)
    else:
        y /= divisor_override
    return y.astype(x.dtype, copy=False)


def avg_unpool(
    g: Array,
    input_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Array:
    """Share each window's gradient among its pixels: (N, C, H', W') -> (N, C, H, W).

    The adjoint of `avg_pool`, with either `ceil_mode`.
    """
    windows, steps = image_size(g), (1,) * len(kernel_size)
    dtype = _summing(g.dtype)
    share = g.astype(dtype, copy=False) / (
        _counts(input_size, windows, kernel_size, stride, padding, count_include_pad, dtype)
        if divisor_override is None
        else divisor_override
    )
    gx = np.zeros((*g.shape[:2], *input_size), dtype)
    for inside, pixels in taps(input_size, windows, kernel_size, stride, padding, steps):
        gx[pixels] += share[inside]
    return gx.astype(g.dtype, copy=False)


def _summing(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of sums: a sum of ones in float16 stops at 2048."""
    return np.promote_types(dtype, np.float32)


def _counts(
    size: Sizes,
    windows: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
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
    return reduce(np.multiply.outer, lengths).astype(dtype)

"""Sliding windows over images: where they lie, and the pair im2col / col2im.

Every kernel that slides a window asks `taps` where it falls. A *tap* is one of the kh*kw entries
of the window; as the window slides, a tap sweeps a strided grid of pixels. Taps never point into
the padding, so no kernel makes a padded copy of its input: what no tap writes keeps the value
that the padding stands for.

Nothing here counts the axes: for a signal (N, C, L) or a volume (N, C, D, H, W) read (kh, kw) and
(H, W) as the one length, or the three.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import prod
from types import EllipsisType

import numpy as np

from tinygraph.kernels._types import Array, Sizes

Index = tuple[EllipsisType | slice, ...]
Taps = Sequence[tuple[Index, Index]]


def image_size(x: Array) -> Sizes:
    """Give the spatial lengths of an array: (N, C, H, W) -> (H, W)."""
    return x.shape[2:]


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False
) -> int:
    """Count the windows along one axis, by PyTorch's rule; 0 or less if none fits.

    With `ceil_mode` a last window may hang over the end, if it starts in the image or in the
    padding before it.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def output_sizes(
    size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Sizes:
    """Count the windows along each axis."""
    axes = zip(size, kernel_size, stride, padding, dilation, strict=True)
    return tuple(output_size(*axis, ceil_mode) for axis in axes)


@lru_cache(maxsize=256)
def taps(
    size: Sizes, windows: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Taps:
    """For each entry of the window, row by row: which windows have it, at which pixels.

    Returns kh*kw pairs ``(inside, pixels)`` of indices of the same shape. ``inside`` selects, from
    an array ``(..., H', W')`` over the windows, those whose entry lies inside the image, and
    ``pixels`` selects these entries from the image ``(..., H, W)``.
    """
    axes = zip(size, windows, kernel_size, stride, padding, dilation, strict=True)
    return tuple(
        ((..., *(inside for inside, _ in entry)), (..., *(pixels for _, pixels in entry)))
        for entry in product(*(_axis_taps(*axis) for axis in axes))
    )


def _axis_taps(
    size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int
) -> list[tuple[slice, slice]]:
    """Do the work of `taps` along one axis: window w has entry k at pixel w*stride + offset."""
    slices = []
    for offset in range(-padding, dilation * kernel - padding, dilation):
        first = max(0, -(offset // stride))
        stop = max(first, min(windows, (size - 1 - offset) // stride + 1))
        start = first * stride + offset
        end = start + (stop - first - 1) * stride + 1 if stop > first else start
        slices.append((slice(first, stop), slice(start, end, stride)))
    return slices


def gather(x: Array, cols: Array, taps: Taps) -> None:
    """Copy each tap's pixels into its row of columns: (N, C, H, W) -> (N, C, kh*kw, H', W')."""
    for t, (inside, pixels) in enumerate(taps):
        cols[:, :, t][inside] = x[pixels]


def scatter(cols: Array, x: Array, taps: Taps) -> None:
    """Add each row of columns to its tap's pixels: (N, C, kh*kw, H', W') -> (N, C, H, W)."""
    for t, (inside, pixels) in enumerate(taps):
        x[pixels] += cols[:, :, t][inside]


def unfold(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """Lay the windows out as columns (im2col): (N, C, H, W) -> (N, C*kh*kw, L), L = H'*W'."""
    (n, c), size = x.shape[:2], image_size(x)
    windows = output_sizes(size, kernel_size, stride, padding, dilation)
    depth = prod(kernel_size)
    cols = np.zeros((n, c, depth, *windows), x.dtype)
    gather(x, cols, taps(size, windows, kernel_size, stride, padding, dilation))
    return cols.reshape(n, c * depth, prod(windows))


def fold(
    cols: Array,
    output_size: Sizes,
    kernel_size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
) -> Array:
    """Sum the columns back into an image (col2im): (N, C*kh*kw, L) -> (N, C, H, W).

    The adjoint of `unfold`: each pixel receives the sum of its copies.
    """
    windows = output_sizes(output_size, kernel_size, stride, padding, dilation)
    n, depth = len(cols), prod(kernel_size)
    c = cols.shape[1] // depth
    x = np.zeros((n, c, *output_size), cols.dtype)
    where = taps(output_size, windows, kernel_size, stride, padding, dilation)
    scatter(cols.reshape(n, c, depth, *windows), x, where)
    return x

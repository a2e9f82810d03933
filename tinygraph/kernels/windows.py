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

Index = tuple[EllipsisType | slice | int, ...]
Taps = Sequence[tuple[Index, Index]]

ALL = slice(None)


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


@lru_cache(maxsize=256)
def _steps(
    size: Sizes, windows: Sizes, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Sequence[Taps]:
    """Give the taps along each axis, the last one first, as indices of what `Columns` goes through.

    ``inside`` selects from ``(N, C, kw, ..., H, W')``, ``pixels`` from ``(N, C, ..., H, W)``.
    """
    axes = list(zip(size, windows, kernel_size, stride, padding, dilation, strict=True))
    steps: list[Taps] = []
    for axis in reversed(axes):
        behind = (ALL,) * len(steps)
        entries = enumerate(_axis_taps(*axis))
        steps.append(
            [
                ((ALL, ALL, k, ..., inside, *behind), (..., at, *behind))
                for k, (inside, at) in entries
            ]
        )
    return steps


class Columns:
    """Windows laid out as columns, in an array (N, C, kh, kw, H', W') that is zero at first.

    That is done along one axis after the other, the last one first: the windows of the rows are
    (N, C, kw, H, W'), of which the columns are whole rows.  So the short runs within a row are
    copied kw times, not kh*kw times; the rest are long runs.  Every call writes the same places,
    so that those which stand for padding stay zero.
    """

    def __init__(
        self, cols: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
    ) -> None:
        n, c, *shape = cols.shape
        axes = len(size)
        kernel_size, windows = tuple(shape[:axes]), tuple(shape[axes:])
        self._steps = _steps(size, windows, kernel_size, stride, padding, dilation)
        self._buffers = [
            np.zeros((n, c, *kernel_size[axis:], *size[:axis], *windows[axis:]), cols.dtype)
            for axis in reversed(range(1, axes))
        ] + [cols]

    def gather(self, x: Array) -> Array:
        """Lay out images, N or fewer, and return their columns: im2col."""
        for buffer, taps in zip(self._buffers, self._steps, strict=True):
            windows = buffer[: len(x)]
            for inside, pixels in taps:
                windows[inside] = x[pixels]
            x = windows
        return x

    def scatter(self, x: Array) -> None:
        """Add the columns up where their windows lie in the images, N or fewer: col2im."""
        arrays = [x, *(buffer[: len(x)] for buffer in self._buffers)]
        for step, taps in reversed([*enumerate(self._steps)]):
            images, windows = arrays[step], arrays[step + 1]
            if step > 0:
                images.fill(0)
            for inside, pixels in taps:
                images[pixels] += windows[inside]


def unfold(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """Lay the windows out as columns (im2col): (N, C, H, W) -> (N, C*kh*kw, L), L = H'*W'."""
    (n, c), size = x.shape[:2], image_size(x)
    windows = output_sizes(size, kernel_size, stride, padding, dilation)
    cols = np.zeros((n, c, *kernel_size, *windows), x.dtype)
    Columns(cols, size, stride, padding, dilation).gather(x)
    return cols.reshape(n, c * prod(kernel_size), prod(windows))


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
    n = len(cols)
    c = cols.shape[1] // prod(kernel_size)
    x = np.zeros((n, c, *output_size), cols.dtype)
    cols = cols.reshape(n, c, *kernel_size, *windows)
    Columns(cols, output_size, stride, padding, dilation).scatter(x)
    return x

"""Sliding windows over images: where they lie, and the pair im2col / col2im.

Kernels that combine the entries of a window ask `taps` where they fall. A *tap* is one of the kh*kw
entries; as the window slides, a tap sweeps a strided grid of pixels. Taps never point into the
padding, so no such kernel makes a padded copy of its input: what no tap writes keeps the value that
the padding stands for. Kernels that multiply windows by matrices lay them out as `Columns`.

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


@lru_cache(maxsize=256)
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


class Columns:
    """Windows laid out as columns (N, C, kh, kw, H', W'), and columns added up in their windows.

    Both go along one axis after the other: from the image (N, C, H, W) by the windows of its rows
    (N, C, kw, H + padding, W') to the columns, of which these are whole rows.  So the short runs
    within a row are copied kw times, not kh*kw times; the rest are long runs.
    """

    def __init__(
        self, cols: Array, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
    ) -> None:
        plan = _plan(cols.shape, size, stride, padding, dilation, cols.itemsize)
        self._taps, self._borders, shapes, strides = plan
        self.cols = cols
        self._layers = [np.empty(shape, cols.dtype) for shape in shapes[:-1]]
        self._layers.append(cols.reshape(shapes[-1]))
        self._views = [  # of each layer, as the next one has it
            np.ndarray(shape, cols.dtype, layer, 0, steps)
            for layer, shape, steps in zip(self._layers, shapes[1:], strides, strict=False)
        ]
        self._cleared = False

    def gather(self, x: Array) -> Array:
        """Lay out images, N or fewer, and return their columns: im2col."""
        n = len(x)
        if not self._cleared:
            for border in self._borders:
                self._layers[0][border] = 0
            self._cleared = True
        rows = self._layers[0][:n]
        for tap, pixels in self._taps:
            rows[tap] = x[pixels]
        for view, layer in zip(self._views, self._layers[1:], strict=True):
            layer[:n] = view[:n]
        return self.cols[:n]

    def scatter(self, x: Array) -> None:
        """Write the sums of columns where their windows lie into images, N or fewer: col2im."""
        n = len(x)
        for layer in self._layers[:-1]:
            layer[:n].fill(0)
        for view, layer in reversed([*zip(self._views, self._layers[1:], strict=True)]):
            for entry in range(layer.shape[2]):
                view[:n, :, entry] += layer[:n, :, entry]
        rows = self._layers[0][:n]
        (tap, pixels), *others = self._taps
        if x[pixels].shape != x.shape:
            x.fill(0)
        x[pixels] = rows[tap]
        for tap, pixels in others:
            x[pixels] += rows[tap]


@lru_cache(maxsize=256)
def _plan(
    shape: tuple[int, ...],
    size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    itemsize: int,
) -> tuple[Taps, Sequence[Index], Sequence[tuple[int, ...]], Sequence[Sizes]]:
    """Say how columns of a shape come from an image, by layers of which they are the last.

    The first layer has the windows of rows.  Returns where in it each of their entries is, with the
    pixels that it has, the one that has most of them first; where in it there is padding; the
    shapes of all layers; and by which strides (in bytes) each one is seen in the layer before.
    There is a layer for each axis, if windows have several entries along it.
    """
    n, c, *rest = shape
    axes = len(size)
    kernel_size, windows = rest[:axes], rest[axes:]
    leading = [*zip(size, padding, strict=True)][:-1]
    padded = [length + 2 * p for length, p in leading]
    image = [slice(p, p + length) for length, p in leading]
    every = slice(None)
    last = size[-1], windows[-1], kernel_size[-1], stride[-1], padding[-1], dilation[-1]
    entries: list[tuple[Index, Index]] = []
    borders: list[Index] = []
    for axis, (part, length) in enumerate(zip(image, padded, strict=True)):
        borders += [(..., s, *(every,) * (axes - 1 - axis)) for s in _beside(part, length)]
    numbered = enumerate(_axis_taps(*last))
    most_first = sorted(numbered, key=lambda tap: tap[1][0].start - tap[1][0].stop)
    for entry, (inside, pixels) in most_first:
        entries.append(((every, every, entry, *image, inside), (..., pixels)))
        borders += [(every, every, entry, ..., s) for s in _beside(inside, windows[-1])]
    shapes = [(n, c, kernel_size[-1], *padded, windows[-1])]
    views = []
    for axis in reversed(range(axes - 1)):
        if kernel_size[axis] == 1 and windows[axis] == padded[axis]:
            continue
        seen, at = shapes[-1], axis - axes
        strides = [itemsize * prod(seen[i + 1 :]) for i in range(len(seen))]
        strides.insert(2, strides[at] * dilation[axis])  # from entry to entry
        strides[at] *= stride[axis]  # from window to window
        shapes.append((n, c, kernel_size[axis], *seen[2:at], windows[axis], *seen[at + 1 :]))
        views.append(tuple(strides))
    return entries, borders, shapes, views


def _beside(part: slice, length: int) -> list[slice]:
    """Return what there is of an axis before and after a part of it."""
    return [s for s in (slice(0, part.start), slice(part.stop, length)) if s.start < s.stop]


def unfold(x: Array, kernel_size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes) -> Array:
    """Lay the windows out as columns (im2col): (N, C, H, W) -> (N, C*kh*kw, L), L = H'*W'."""
    (n, c), size = x.shape[:2], image_size(x)
    windows = output_sizes(size, kernel_size, stride, padding, dilation)
    cols = np.empty((n, c, *kernel_size, *windows), x.dtype)
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
    x = np.empty((n, c, *output_size), cols.dtype)
    cols = cols.reshape(n, c, *kernel_size, *windows)
    Columns(cols, output_size, stride, padding, dilation).scatter(x)
    return x

"""The straightforward definitions: nested loops over windows, one entry at a time."""

from fractions import Fraction
from itertools import product
from math import ceil, floor

import numpy as np


def windows_of(size, kernel_size, stride, padding, dilation, windows):
    """Yield each window's place in the output and its entries' pixels, None for padding."""
    for at in np.ndindex(*windows):
        pixels = []
        for entry in np.ndindex(*kernel_size):
            axes = zip(at, stride, padding, entry, dilation, strict=True)
            pixel = tuple(w * s - p + k * d for w, s, p, k, d in axes)
            inside = all(0 <= i < n for i, n in zip(pixel, size, strict=True))
            pixels.append(pixel if inside else None)
        yield at, pixels


def count_windows(size, kernel, stride, padding, dilation, ceil_mode):
    """Slide the window along one axis until it no longer fits.

    In `ceil_mode`, until the window before has reached the end of the padding; but a window that
    would start beyond the image does not count.
    """
    count = 0
    while True:
        start = count * stride - padding
        end = start + dilation * (kernel - 1)
        last = size + padding - 1
        if (end - stride >= last or start >= size) if ceil_mode else end > last:
            return count
        count += 1


def output_sizes(size, kernel_size, stride, padding, dilation, ceil_mode=False):
    return tuple(
        count_windows(*axis, ceil_mode)
        for axis in zip(size, kernel_size, stride, padding, dilation, strict=True)
    )


def unfold(x, kernel_size, stride, padding, dilation):
    n, c, *size = x.shape
    windows = output_sizes(size, kernel_size, stride, padding, dilation)
    cols = np.zeros((n, c, np.prod(kernel_size), *windows), x.dtype)
    for at, pixels in windows_of(size, kernel_size, stride, padding, dilation, windows):
        for t, pixel in enumerate(pixels):
            if pixel is not None:
                cols[:, :, t, *at] = x[:, :, *pixel]
    return cols.reshape(n, c * np.prod(kernel_size), np.prod(windows))


def conv(x, w, b, stride, padding, dilation, groups):
    n, _, *size = x.shape
    o, depth, *kernel_size = w.shape
    windows = output_sizes(size, kernel_size, stride, padding, dilation)
    taps = list(np.ndindex(*kernel_size))
    y = np.zeros((n, o, *windows), np.result_type(x, w))
    for at, pixels in windows_of(size, kernel_size, stride, padding, dilation, windows):
        for filter_, channel in product(range(o), range(depth)):
            first = filter_ // (o // groups) * depth  # the first channel of the filter's group
            for tap, pixel in zip(taps, pixels, strict=True):
                if pixel is not None:
                    y[:, filter_, *at] += x[:, first + channel, *pixel] * w[filter_, channel, *tap]
    return y if b is None else y + b.reshape(-1, *(1 for _ in size))


def max_pool(x, kernel_size, stride, padding, dilation, ceil_mode):
    n, c, *size = x.shape
    windows = output_sizes(size, kernel_size, stride, padding, dilation, ceil_mode)
    y, winners = np.zeros((n, c, *windows), x.dtype), np.zeros((n, c, *windows), int)
    for at, pixels in windows_of(size, kernel_size, stride, padding, dilation, windows):
        valid = [(t, pixel) for t, pixel in enumerate(pixels) if pixel is not None]
        for image, channel in np.ndindex(n, c):
            entries = [x[image, channel, *pixel] for _, pixel in valid]
            best = int(np.argmax(entries))  # the first; NaN is greater than all
            y[image, channel, *at] = entries[best]
            winners[image, channel, *at] = valid[best][0]
    return y, winners


def max_unpool(g, winners, input_size, kernel_size, stride, padding, dilation):
    n, c, *windows = g.shape
    gx = np.zeros((n, c, *input_size), g.dtype)
    for at, pixels in windows_of(input_size, kernel_size, stride, padding, dilation, windows):
        for image, channel in np.ndindex(n, c):
            pixel = pixels[winners[image, channel, *at]]
            gx[image, channel, *pixel] += g[image, channel, *at]
    return gx


def avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor=None):
    n, c, *size = x.shape
    steps = (1,) * len(size)
    windows = output_sizes(size, kernel_size, stride, padding, steps, ceil_mode)
    y = np.zeros((n, c, *windows), x.dtype)
    for at, pixels in windows_of(size, kernel_size, stride, padding, steps, windows):
        counted = 0
        for entry, pixel in zip(np.ndindex(*kernel_size), pixels, strict=True):
            axes = zip(at, stride, entry, size, padding, strict=True)
            in_padding = all(w * s - p + k < n + p for w, s, k, n, p in axes)
            if pixel is not None:
                y[:, :, *at] += x[:, :, *pixel]
            if pixel is not None or (count_include_pad and in_padding):
                counted += 1
        y[:, :, *at] /= counted if divisor is None else divisor
    return y


def winner_pixels(winners, size, kernel_size, stride, padding, dilation):
    """Number the winners' pixels as in the flattened image."""
    number = np.arange(np.prod(size)).reshape(size)
    flat = np.zeros(winners.shape, np.int64)
    sliding = kernel_size, stride, padding, dilation
    for at, pixels in windows_of(size, *sliding, winners.shape[2:]):
        for image, channel in np.ndindex(*winners.shape[:2]):
            flat[image, channel, *at] = number[pixels[winners[image, channel, *at]]]
    return flat


def parts(size, count):
    """Cut an axis into parts (start, stop), by exact fractions."""
    return [
        (floor(Fraction(i * size, count)), ceil(Fraction((i + 1) * size, count)))
        for i in range(count)
    ]


def adaptive_pool(x, output_size, choose):
    """Apply `choose` to the list of pixel values of each part."""
    axes = [parts(n, count) for n, count in zip(x.shape[2:], output_size, strict=True)]
    y = np.zeros((*x.shape[:2], *output_size))
    for image, channel, *at in np.ndindex(*y.shape):
        ranges = (range(*axis[i]) for axis, i in zip(axes, at, strict=True))
        y[image, channel, *at] = choose([x[image, channel, *pixel] for pixel in product(*ranges)])
    return y


def logsumexp(values):
    """Logarithm of a sum of exponentials of Python floats, in double precision."""
    peak = max(values, default=-np.inf)
    if np.isinf(peak):
        return peak
    return peak + np.log(sum(np.exp(v - peak) for v in values))

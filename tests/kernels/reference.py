"""The straightforward definitions: nested loops over windows, one entry at a time."""

from itertools import product

import numpy as np


def windows_of(size, kernel_size, stride, padding, dilation, windows):
    """Yield each window's (row, column) in the output and its entries' pixels, None for padding."""
    for row, column in np.ndindex(*windows):
        pixels = []
        for i, j in np.ndindex(*kernel_size):
            h = row * stride[0] - padding[0] + i * dilation[0]
            w = column * stride[1] - padding[1] + j * dilation[1]
            pixels.append((h, w) if 0 <= h < size[0] and 0 <= w < size[1] else None)
        yield (row, column), pixels


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


def conv2d(x, w, b, stride, padding, dilation, groups):
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
    return y if b is None else y + b[:, None, None]


def max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode):
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


def max_unpool2d(g, winners, input_size, kernel_size, stride, padding, dilation):
    n, c, *windows = g.shape
    gx = np.zeros((n, c, *input_size), g.dtype)
    for at, pixels in windows_of(input_size, kernel_size, stride, padding, dilation, windows):
        for image, channel in np.ndindex(n, c):
            pixel = pixels[winners[image, channel, *at]]
            gx[image, channel, *pixel] += g[image, channel, *at]
    return gx


def avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    n, c, *size = x.shape
    windows = output_sizes(size, kernel_size, stride, padding, (1, 1), ceil_mode)
    y = np.zeros((n, c, *windows), x.dtype)
    for (row, column), pixels in windows_of(size, kernel_size, stride, padding, (1, 1), windows):
        counted = 0
        for (i, j), pixel in zip(np.ndindex(*kernel_size), pixels, strict=True):
            below_padding = row * stride[0] - padding[0] + i < size[0] + padding[0]
            before_padding = column * stride[1] - padding[1] + j < size[1] + padding[1]
            if pixel is not None:
                y[:, :, row, column] += x[:, :, *pixel]
            if pixel is not None or (count_include_pad and below_padding and before_padding):
                counted += 1
        y[:, :, row, column] /= counted
    return y


def logsumexp(values):
    """Logarithm of a sum of exponentials of Python floats, in double precision."""
    peak = max(values, default=-np.inf)
    if np.isinf(peak):
        return peak
    return peak + np.log(sum(np.exp(v - peak) for v in values))

"""Convolution and pooling, defined by loops over the windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    ConvWeightGrad,
)
from tinygraph.ops.im2col import Fold, Unfold
from tinygraph.ops.pool import (
    AdaptiveMaxPool,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    AvgUnpool,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    MaxUnpool,
    PutPixels,
    TakePixels,
    WinnerPixels,
)
from tinygraph.ops.resample import AdaptiveAvgPool, Interpolate, ResampleAdjoint

from ..kernels import reference
from .table import (
    Case,
    Input,
    Shape,
    adjoint,
    apart,
    below,
    normal,
    with_corners,
)


def winners(size: Shape, *windows: Any) -> Input:
    """Draw winners of the windows of an image: positions in the window that are not padding."""

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        image = rng.standard_normal((*shape[:2], *size[2:]))
        return reference.max_pool(image, *windows)[1].astype(np.uint8)

    return Input((*size[:2], *reference.output_sizes(size[2:], *windows)), fill)


def conv_terms(size: Shape, weight: Shape, windows: Shape, *settings: Any) -> Any:
    """Yield the indices (into y, x and w) of the products that a convolution sums."""
    filters, depth, *kernel = weight
    *sliding, groups = settings
    stride, padding, dilation = sliding
    taps = list(np.ndindex(*kernel))
    for at, pixels in reference.windows_of(size, kernel, stride, padding, dilation, windows):
        for tap, pixel in zip(taps, pixels, strict=True):
            for o, c in itertools.product(range(filters), range(depth)):
                if pixel is not None:
                    channel = o // (filters // groups) * depth + c
                    yield (o, *at), (channel, *pixel), (o, c, *tap)


def conv_input_grad(size: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
        gx = np.zeros((y.shape[0], w.shape[1] * settings[-1], *size))
        for in_y, in_x, in_w in conv_terms(size, w.shape, y.shape[2:], *settings):
            gx[:, *in_x] += y[:, *in_y] * w[in_w]
        return gx if b is None else gx + b.reshape(-1, *(1 for _ in size))

    return apply


def conv_weight_grad(kernel: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        gw = np.zeros((y.shape[1], x.shape[1] // settings[-1], *kernel))
        for in_y, in_x, in_w in conv_terms(x.shape[2:], gw.shape, y.shape[2:], *settings):
            gw[in_w] += (y[:, *in_y] * x[:, *in_x]).sum()
        return gw

    return apply


def pixels_apart(size: Shape, *windows: int) -> Input:
    """Draw pixels of an image, each at most once in a channel."""

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        n, c, *counts = shape
        order = rng.permuted(np.tile(np.arange(math.prod(size)), (n, c, 1)), axis=-1)
        return order[..., : math.prod(counts)].reshape(shape)

    return Input(windows, fill)


def put_pixels(size: Shape) -> Callable[..., np.ndarray]:
    def put(x: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        y = np.zeros((*x.shape[:2], math.prod(size)))
        for at in np.ndindex(*x.shape):
            y[*at[:2], pixels[at]] += x[at]
        return y.reshape(*x.shape[:2], *size)

    return put


def take_pixels(x: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    y = np.zeros(pixels.shape)
    for at in np.ndindex(*y.shape):
        y[at] = x[at[:2]].reshape(-1)[pixels[at]]
    return y


CONVOLUTIONS = {1: (Conv1d, ConvTranspose1d), 2: (Conv2d, ConvTranspose2d)}
CONVOLUTIONS[3] = (Conv3d, ConvTranspose3d)


def convolutions() -> list[Case]:
    """Asymmetric sizes, strides, paddings and dilations; groups; 1 x 1."""
    rows = []
    for size, weight, settings in (
        ((5, 2, 5, 4), (3, 2, 3, 2), ((1, 1), (0, 0), (1, 1), 1)),  # several tiles of images
        ((5, 3, 5, 3), (4, 3, 3, 2), ((1, 2), (1, 1), (1, 1), 1)),  # pairs of windows, and one over
        ((4, 3, 4, 2), (3, 3, 3, 2), ((1, 1), (1, 1), (1, 1), 1)),  # pairs in the gradients too
        ((2, 1, 2, 3), (2, 1, 2, 2), ((1, 1), (2, 1), (1, 1), 1)),  # windows of padding alone
        ((2, 4, 6, 7), (2, 2, 2, 3), ((2, 3), (1, 2), (2, 1), 2)),
        ((2, 2, 7, 4), (4, 1, 3, 1), ((3, 1), (2, 0), (1, 3), 2)),
        ((2, 3, 3, 4), (2, 3, 1, 1), ((1, 1), (0, 0), (1, 1), 1)),
        ((2, 2, 3, 4), (2, 2, 1, 1), ((2, 1), (0, 0), (1, 1), 1)),
        ((2, 2, 3, 2), (2, 1, 1, 1), ((2, 2), (1, 1), (1, 1), 2)),  # as many windows as pixels
        ((2, 2, 6), (4, 1, 3), ((2,), (1,), (2,), 2)),
        ((2, 2, 3, 2, 4), (2, 2, 2, 1, 3), ((1, 2, 1), (1, 0, 1), (2, 1, 1), 1)),
    ):
        function, transpose = CONVOLUTIONS[len(size) - 2]
        kernel: Any = weight[2:]
        sliding = settings[:3]
        out = (size[0], weight[0], *reference.output_sizes(size[2:], kernel, *sliding))
        bias = (weight[0],)
        grad_settings = (size[2:], *settings)

        def conv(x: Any, w: Any, b: Any, settings: Any = settings) -> np.ndarray:
            return reference.conv(x, w, b, *settings)

        inputs = [normal(*size), normal(*weight), normal(*bias)]
        corners = with_corners(size, weight, bias)
        rows += [
            Case(function(*settings), inputs, conv, corners, linear=True),
            Case(function(*settings), [*inputs[:2], None], conv, linear=True),
            Case(
                transpose(*grad_settings),
                [normal(*out), normal(*weight), normal(size[1])],
                conv_input_grad(*grad_settings),
                with_corners(out, weight, (size[1],)),
                linear=True,
            ),
            Case(
                transpose(*grad_settings),
                [normal(*out), normal(*weight), None],
                conv_input_grad(*grad_settings),
                linear=True,
            ),
            Case(
                ConvWeightGrad(kernel, *settings),
                [normal(*out), normal(*size)],
                conv_weight_grad(kernel, *settings),
                [((n, *out[1:]), (n, *size[1:])) for n in (1, 0)],
                linear=True,
            ),
        ]
    return rows


def unfoldings() -> list[Case]:
    rows = []
    for size, windows in (
        ((2, 2, 5, 4), ((3, 2), (1, 1), (0, 0), (1, 1))),
        ((1, 2, 5, 6), ((2, 3), (2, 1), (1, 2), (2, 1))),
        ((1, 2, 3, 2), ((1, 1), (1, 1), (0, 0), (1, 1))),
    ):

        def columns(x: np.ndarray, windows: Any = windows) -> np.ndarray:
            return reference.unfold(x, *windows)

        out = columns(np.zeros(size)).shape
        rows += [
            Case(Unfold(*windows), [normal(*size)], columns, [((0, *size[1:]),)], linear=True),
            Case(Fold(size[2:], *windows), [normal(*out)], adjoint(columns, size), linear=True),
        ]
    return rows


def spaced_out() -> list[Case]:
    """Transposed convolutions whose output has room for more windows than there were."""
    settings = (1, 2), (0, 1), (3, 1), 1
    grad_settings = (7, 6), *settings
    pair = [normal(1, 2, 2, 3), normal(2, 1, 2, 3)]
    return [Case(ConvTranspose2d(*grad_settings), pair, conv_input_grad(*grad_settings))]


MAX_POOLS = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}


def max_poolings() -> list[Case]:
    rows = []
    for size, sliding, ceil_mode in (
        ((2, 2, 4, 6), ((2, 3), (2, 3), (0, 0), (1, 1)), False),
        ((2, 1, 5, 6), ((3, 2), (2, 1), (1, 1), (1, 2)), False),
        ((1, 2, 5, 6), ((2, 3), (3, 2), (1, 0), (1, 1)), True),
        ((1, 2, 3, 2), ((1, 1), (1, 1), (0, 0), (1, 1)), False),
        ((2, 2, 7), ((3,), (2,), (1,), (2,)), True),
        ((1, 2, 3, 4, 2), ((2, 3, 1), (1, 2, 1), (1, 0, 0), (1, 1, 1)), False),
    ):
        windows = (*sliding, ceil_mode)
        chosen = winners(size, *windows)

        def pool(x: np.ndarray, windows: Any = windows) -> np.ndarray:
            return reference.max_pool(x, *windows)[0]

        def pixels(winners: Any, size: Any = size, sliding: Any = sliding) -> np.ndarray:
            return reference.winner_pixels(winners, size[2:], *sliding)

        rows += [
            Case(MAX_POOLS[len(size) - 2](*windows), [apart(*size)], pool, with_corners(size)),
            Case(WinnerPixels(size[2:], *sliding), [chosen], pixels),
        ]
    for size, parts in (((2, 2, 5, 4), (3, 4)), ((1, 2, 6), (4,)), ((1, 1, 3, 2, 3), (2, 1, 2))):

        def adaptive(x: np.ndarray, parts: Any = parts) -> np.ndarray:
            return reference.adaptive_pool(x, parts, max)

        rows.append(Case(AdaptiveMaxPool(parts), [apart(*size)], adaptive, with_corners(size)))
    return rows


def pixels() -> list[Case]:
    rows = []
    for size, windows in (((4, 3), (2, 2, 3, 2)), ((7,), (1, 2, 3)), ((2, 2, 3), (1, 1, 2, 1, 2))):
        image = (*windows[:2], *size)
        many = below(math.prod(size), *windows)
        put = put_pixels(size)
        rows += [
            Case(PutPixels(size), [normal(*windows), many], put, linear=True),
            Case(TakePixels(), [normal(*image), many], take_pixels, linear=True),
            Case(
                MaxUnpool(size),
                [normal(*windows), pixels_apart(size, *windows)],
                put,
                [((0, *windows[1:]),) * 2],
                linear=True,
            ),
        ]
    return rows


AVG_POOLS = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}


def avg_poolings() -> list[Case]:
    """Kernels of 1, 2 and 4 elements, so that means of integers are exact; one of 6."""
    rows = []
    for size, settings in (
        ((1, 2, 4, 6), ((2, 2), (2, 2), (0, 0), False, True)),
        ((1, 1, 5, 4), ((2, 2), (2, 1), (1, 1), True, True)),
        ((1, 2, 5, 4), ((2, 2), (2, 3), (1, 0), True, False)),
        ((1, 1, 4, 5), ((2, 3), (1, 2), (1, 1), False, False)),
        ((1, 2, 2, 3), ((1, 1), (1, 1), (0, 0), False, True)),
        ((1, 1, 4, 5), ((2, 3), (1, 2), (1, 1), False, True, -2)),
        ((2, 2, 6), ((2,), (2,), (1,), False, False)),
        ((1, 1, 2, 4, 3), ((2, 2, 1), (1, 2, 1), (0, 1, 0), True, True)),
    ):

        def pool(x: np.ndarray, settings: Any = settings) -> np.ndarray:
            return reference.avg_pool(x, *settings)

        function = AVG_POOLS[len(size) - 2]
        exact = math.prod(settings[0]) <= 4
        out = pool(np.zeros(size)).shape
        rows += [
            Case(function(*settings), [normal(*size)], pool, with_corners(size), linear=exact),
            Case(AvgUnpool(size[2:], *settings), [normal(*out)], adjoint(pool, size), linear=exact),
        ]
    return rows


def nearest(x: np.ndarray, size: Shape) -> np.ndarray:
    y = np.zeros((*x.shape[:2], *size))
    for at in np.ndindex(*size):
        ratios = zip(at, x.shape[2:], size, strict=True)
        y[:, :, *at] = x[:, :, *(i * n // m for i, n, m in ratios)]
    return y


def linear(x: np.ndarray, size: Shape, align_corners: bool, scale: Any = None) -> np.ndarray:
    """Interpolate piecewise linearly between the centres of the pixels, and hold the ends."""
    for axis, m in enumerate(size, 2):
        n = x.shape[axis]
        step = n / m if scale is None else 1 / scale[axis - 2]
        centres = np.arange(m) * step + (step - 1) / 2
        if align_corners:
            centres = np.linspace(0, n - 1, m) if m > 1 else np.zeros(1)
        one = (
            np.vectorize(
                lambda line, n=n, at=centres: np.interp(at, np.arange(n), line),
                signature="(n)->(m)",
                otypes=[float],
            )
            if x.size
            else None
        )
        moved = np.moveaxis(x, axis, -1)
        y = one(moved) if one else np.zeros((*moved.shape[:-1], m))
        x = np.moveaxis(y, -1, axis)
    return x


def resamplings() -> list[Case]:
    rows = []
    for size, function, definition, exact in (
        ((2, 2, 5, 4), AdaptiveAvgPool((3, 2)), None, False),
        ((1, 2, 4, 6), AdaptiveAvgPool((4, 1)), None, False),
        ((1, 2, 7), AdaptiveAvgPool((5,)), None, False),
        ((1, 1, 2, 3, 4), AdaptiveAvgPool((1, 2, 3)), None, False),
        ((1, 2, 3, 5), Interpolate((7, 2), "nearest"), nearest, True),
        ((1, 2, 3, 2), Interpolate((4, 3), "linear"), linear, False),
        ((1, 2, 3, 4), Interpolate((5, 2), "linear", True), linear, False),
        ((1, 2, 5), Interpolate((9,), "linear", False, (1.9,)), linear, False),
        ((1, 1, 2, 3, 2), Interpolate((4, 6, 1), "linear"), linear, False),
    ):

        def apply(x: np.ndarray, f: Any = function, definition: Any = definition) -> np.ndarray:
            if definition is None:
                return reference.adaptive_pool(x, f.size, lambda part: sum(part) / len(part))
            if definition is nearest:
                return nearest(x, f.size)
            return linear(x, f.size, f.align_corners, f.scale)

        out = (*size[:2], *function.size)
        rows += [
            Case(function, [normal(*size)], apply, with_corners(size), linear=exact),
            Case(
                ResampleAdjoint(function, size[2:]),
                [normal(*out)],
                adjoint(apply, size),
                linear=exact,
            ),
        ]
    return rows


WINDOWS = [
    *convolutions(),
    *spaced_out(),
    *unfoldings(),
    *max_poolings(),
    *pixels(),
    *avg_poolings(),
    *resamplings(),
]

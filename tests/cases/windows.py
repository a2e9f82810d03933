"""Convolution and pooling, defined by loops over the windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.ops.conv import Conv2d, Conv2dInputGrad, Conv2dWeightGrad, Fold, Unfold
from tinygraph.ops.pool import AvgPool2d, AvgUnpool2d, MaxPool2d, MaxUnpool2d, TakeWinners

from ..kernels import reference
from .table import (
    Case,
    Input,
    Shape,
    adjoint,
    apart,
    normal,
    with_corners,
)


def winners(size: Shape, *windows: Any) -> Input:
    """Draw winners of the windows of an image: positions in the window that are not padding."""

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        image = rng.standard_normal((*shape[:2], *size[2:]))
        return reference.max_pool2d(image, *windows)[1].astype(np.uint8)

    return Input((*size[:2], *reference.output_sizes(size[2:], *windows)), fill)


def conv_terms(size: Shape, weight: Shape, *settings: Any) -> Any:
    """Yield the indices (into y, x and w) of the products that a convolution sums."""
    filters, depth, *kernel = weight
    *sliding, groups = settings
    stride, padding, dilation = sliding
    windows = reference.output_sizes(size, kernel, *sliding)
    taps = list(np.ndindex(*kernel))
    for at, pixels in reference.windows_of(size, kernel, stride, padding, dilation, windows):
        for tap, pixel in zip(taps, pixels, strict=True):
            for o, c in itertools.product(range(filters), range(depth)):
                if pixel is not None:
                    channel = o // (filters // groups) * depth + c
                    yield (o, *at), (channel, *pixel), (o, c, *tap)


def conv_input_grad(size: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, w: np.ndarray) -> np.ndarray:
        gx = np.zeros((y.shape[0], w.shape[1] * settings[-1], *size))
        for in_y, in_x, in_w in conv_terms(size, w.shape, *settings):
            gx[:, *in_x] += y[:, *in_y] * w[in_w]
        return gx

    return apply


def conv_weight_grad(kernel: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        gw = np.zeros((y.shape[1], x.shape[1] // settings[-1], *kernel))
        for in_y, in_x, in_w in conv_terms(x.shape[2:], gw.shape, *settings):
            gw[in_w] += (y[:, *in_y] * x[:, *in_x]).sum()
        return gw

    return apply


def take_winners(*windows: Any) -> Callable[..., np.ndarray]:
    def take(x: np.ndarray, winners: np.ndarray) -> np.ndarray:
        y = np.zeros(winners.shape)
        for at, pixels in reference.windows_of(x.shape[2:], *windows, winners.shape[2:]):
            for n, c in np.ndindex(*x.shape[:2]):
                y[n, c, *at] = x[n, c, *pixels[winners[n, c, *at]]]
        return y

    return take


def convolutions() -> list[Case]:
    """Asymmetric sizes, strides, paddings and dilations; groups; 1 x 1."""
    rows = []
    for size, weight, settings in (
        ((2, 2, 5, 4), (3, 2, 3, 2), ((1, 1), (0, 0), (1, 1), 1)),
        ((2, 4, 6, 7), (2, 2, 2, 3), ((2, 3), (1, 2), (2, 1), 2)),
        ((2, 2, 7, 4), (4, 1, 3, 1), ((3, 1), (2, 0), (1, 3), 2)),
        ((2, 3, 3, 4), (2, 3, 1, 1), ((1, 1), (0, 0), (1, 1), 1)),
    ):
        kernel: Any = weight[2:]
        sliding = settings[:3]
        out = (size[0], weight[0], *reference.output_sizes(size[2:], kernel, *sliding))
        bias = (weight[0],)
        grad_settings = (size[2:], *settings)

        def conv(x: Any, w: Any, b: Any, settings: Any = settings) -> np.ndarray:
            return reference.conv2d(x, w, b, *settings)

        inputs = [normal(*size), normal(*weight), normal(*bias)]
        corners = with_corners(size, weight, bias)
        rows += [
            Case(Conv2d(*settings), inputs, conv, corners, linear=True),
            Case(Conv2d(*settings), [*inputs[:2], None], conv, linear=True),
            Case(
                Conv2dInputGrad(*grad_settings),
                [normal(*out), normal(*weight)],
                conv_input_grad(*grad_settings),
                with_corners(out, weight),
                linear=True,
            ),
            Case(
                Conv2dWeightGrad(kernel, *settings),
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


def max_poolings() -> list[Case]:
    rows = []
    for size, sliding, ceil_mode in (
        ((2, 2, 4, 6), ((2, 3), (2, 3), (0, 0), (1, 1)), False),
        ((2, 1, 5, 6), ((3, 2), (2, 1), (1, 1), (1, 2)), False),
        ((1, 2, 5, 6), ((2, 3), (3, 2), (1, 0), (1, 1)), True),
        ((1, 2, 3, 2), ((1, 1), (1, 1), (0, 0), (1, 1)), False),
    ):
        kernel, *rest = sliding
        windows = (*sliding, ceil_mode)
        chosen = winners(size, *windows)

        def pool(x: np.ndarray, windows: Any = windows) -> np.ndarray:
            return reference.max_pool2d(x, *windows)[0]

        def unpool(g: Any, winners: Any, size: Any = size, sliding: Any = sliding) -> np.ndarray:
            return reference.max_unpool2d(g, winners, size[2:], *sliding)

        rows += [
            Case(MaxPool2d(*windows), [apart(*size)], pool, with_corners(size)),
            Case(
                MaxUnpool2d(size[2:], *sliding),
                [normal(*chosen.shape), chosen],
                unpool,
                [((0, *chosen.shape[1:]),) * 2],
                linear=True,
            ),
            Case(
                TakeWinners(kernel, *rest),
                [normal(*size), chosen],
                take_winners(kernel, *rest),
                [((0, *size[1:]), (0, *chosen.shape[1:]))],
                linear=True,
            ),
        ]
    return rows


def avg_poolings() -> list[Case]:
    """Kernels of 1, 2 and 4 elements, so that means of integers are exact; one of 6."""
    rows = []
    for size, settings in (
        ((1, 2, 4, 6), ((2, 2), (2, 2), (0, 0), False, True)),
        ((1, 1, 5, 4), ((2, 2), (2, 1), (1, 1), True, True)),
        ((1, 2, 5, 4), ((2, 2), (2, 3), (1, 0), True, False)),
        ((1, 1, 4, 5), ((2, 3), (1, 2), (1, 1), False, False)),
        ((1, 2, 2, 3), ((1, 1), (1, 1), (0, 0), False, True)),
    ):

        def pool(x: np.ndarray, settings: Any = settings) -> np.ndarray:
            return reference.avg_pool2d(x, *settings)

        exact = math.prod(settings[0]) <= 4
        out = pool(np.zeros(size)).shape
        rows += [
            Case(AvgPool2d(*settings), [normal(*size)], pool, with_corners(size), linear=exact),
            Case(
                AvgUnpool2d(size[2:], *settings), [normal(*out)], adjoint(pool, size), linear=exact
            ),
        ]
    return rows


WINDOWS = [*convolutions(), *unfoldings(), *max_poolings(), *avg_poolings()]

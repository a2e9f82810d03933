"""Configurations of convolution and pooling, different along each axis, and always valid."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike

import tinygraph as tg

from ._shapes import Shape
from ._tensors import Layout, tensors
from ._values import Kind

Sizes = tuple[int, ...]
CONV_OPTIONS = ("stride", "padding", "dilation", "groups")


@dataclass(frozen=True, eq=False)
class ConvCase:
    """Arguments of a convolution: Tensors, and `options`."""

    x: tg.Tensor
    w: tg.Tensor
    b: tg.Tensor | None
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that are no Tensors, by name."""
        return {name: getattr(self, name) for name in CONV_OPTIONS}


@dataclass(frozen=True, eq=False)
class PoolCase:
    """Arguments of pooling: a Tensor, and `options`; ``dilation`` is None where there is none."""

    x: tg.Tensor
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes | None
    ceil_mode: bool

    @property
    def options(self) -> dict[str, Any]:
        """The arguments that are no Tensors, by name."""
        names = "kernel_size", "stride", "padding", "dilation", "ceil_mode"
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def conv_configs(
    ndim: int = 2,
    dtype: DTypeLike = np.float64,
    layout: Layout = "C",
    kind: Kind = "distinct",
    *,
    vary: Collection[str] = CONV_OPTIONS,
    empty: bool = False,
) -> SearchStrategy[ConvCase]:
    """Draw arguments of a convolution over ``ndim`` axes, with or without a bias.

    Kernel, stride, padding and dilation differ from axis to axis, windows often barely fit, and
    there are up to 3 groups.

    Parameters
    ----------
    ndim : int
        1, 2 or 3 spatial axes.
    dtype, layout, kind
        Of the Tensors, as in `tensors`.
    vary : collection of str
        What a convolution that knows no padding, say, would leave out; the rest is as by default.
    empty : bool
        Whether a batch of 0 is among them.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> case = find(st.conv_configs(), lambda case: case.stride == (1, 2))
    >>> case.x.shape, case.w.shape
    ((1, 1, 1, 1), (1, 1, 1, 1))
    >>> case.options
    {'stride': (1, 2), 'padding': (0, 0), 'dilation': (1, 1), 'groups': 1}
    >>> tg.conv2d(case.x, case.w, case.b, **case.options).shape
    (1, 1, 1, 1)
    """
    _check_ndim("conv_configs", ndim)
    tensors((), dtype, layout, kind)  # complains now, not when drawing
    if isinstance(vary, str) or not set(vary) <= set(CONV_OPTIONS):
        raise ValueError(f"conv_configs: vary takes some of {CONV_OPTIONS}, not {vary!r}")
    return _conv_configs(ndim, {"dtype": dtype, "layout": layout, "kind": kind}, vary, empty)


@st.composite
def _conv_configs(
    draw: DrawFn, ndim: int, tensor: dict[str, Any], vary: Collection[str], empty: bool
) -> ConvCase:
    axes = (draw(_window_axes(ndim, False, vary)) for _ in range(ndim))
    window = _Window(*zip(*axes, strict=True))
    groups = draw(st.integers(1, 3 if ndim < 3 else 2)) if "groups" in vary else 1
    depth, filters = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    batch = draw(_batches(empty))
    x = draw(tensors((batch, groups * depth, *window.size), **tensor))
    w = draw(tensors((groups * filters, depth, *window.kernel_size), **tensor))
    b = draw(st.none() | tensors((groups * filters,), **tensor))
    return ConvCase(x, w, b, window.stride, window.padding, window.dilation, groups)


def pool_configs(
    ndim: int = 2,
    dtype: DTypeLike = np.float64,
    layout: Layout = "C",
    kind: Kind = "distinct",
    *,
    dilated: bool = True,
    empty: bool = False,
) -> SearchStrategy[PoolCase]:
    """Draw arguments of pooling over ``ndim`` axes.

    The same as `conv_configs`, with padding of at most half the kernel.

    Parameters
    ----------
    ndim : int
        1, 2 or 3 spatial axes.
    dtype, layout, kind
        Of the Tensor, as in `tensors`.
    dilated : bool
        False for average pooling, which knows no dilation.
    empty : bool
        Whether a batch of 0 is among them.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from hypothesis import find
    >>> from tinygraph.testing import strategies as st
    >>> case = find(st.pool_configs(dilated=False), lambda case: case.ceil_mode)
    >>> case.options
    {'kernel_size': (1, 1), 'stride': (1, 1), 'padding': (0, 0), 'ceil_mode': True}
    >>> tg.avg_pool2d(case.x, **case.options).shape
    (1, 1, 1, 1)
    """
    _check_ndim("pool_configs", ndim)
    tensors((), dtype, layout, kind)  # complains now, not when drawing
    tensor = {"dtype": dtype, "layout": layout, "kind": kind}
    return _pool_configs(ndim, tensor, dilated, empty)


@st.composite
def _pool_configs(
    draw: DrawFn, ndim: int, tensor: dict[str, Any], dilated: bool, empty: bool
) -> PoolCase:
    vary = CONV_OPTIONS if dilated else ("stride", "padding")
    axes = (draw(_window_axes(ndim, True, vary)) for _ in range(ndim))
    window = _Window(*zip(*axes, strict=True))
    batch, channels = draw(_batches(empty)), draw(st.integers(1, 2))
    x = draw(tensors((batch, channels, *window.size), **tensor))
    return PoolCase(
        x,
        window.kernel_size,
        window.stride,
        window.padding,
        window.dilation if dilated else None,
        draw(st.booleans()),
    )


class _Window(NamedTuple):
    size: Shape
    kernel_size: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes


@st.composite
def _window_axes(
    draw: DrawFn, ndim: int, pooling: bool, vary: Collection[str]
) -> tuple[int, int, int, int, int]:
    """Draw size, kernel size, stride, padding and dilation along one of ``ndim`` axes.

    For pooling every window holds a pixel: padding is at most half the kernel, and no dilation
    steps over a whole padded axis.
    """
    longest = 3 if ndim < 3 else 2
    kernel = draw(st.integers(1, longest))
    stride = draw(st.integers(1, 3)) if "stride" in vary else 1
    padding = draw(st.integers(0, kernel // 2 if pooling else 2)) if "padding" in vary else 0
    dilation = draw(st.integers(1, longest)) if "dilation" in vary else 1
    smallest = max(1, dilation * (kernel - 1) + 1 - 2 * padding)
    if pooling and padding:
        smallest = max(smallest, dilation)
    # windows that barely fit are the ones that go wrong
    size = smallest + draw(st.sampled_from([0, 0, 1, 2, 3] if ndim < 3 else [0, 0, 1]))
    return size, kernel, stride, padding, dilation


def _batches(empty: bool) -> SearchStrategy[int]:
    return st.sampled_from([1, 2, 0] if empty else [1, 2])


def _check_ndim(caller: str, ndim: int) -> None:
    if ndim not in (1, 2, 3):
        raise ValueError(f"{caller}: expected 1, 2 or 3 spatial axes, not {ndim!r}")

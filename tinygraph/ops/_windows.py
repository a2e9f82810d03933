"""What all operations with windows ask of their images: signals, images and volumes."""

from __future__ import annotations

from functools import lru_cache

from .. import kernels
from .._tensor import Tensor
from ._arguments import Sizes

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
"""How messages call the spatial axes."""


def as_batch(caller: str, x: Tensor, rank: int) -> tuple[Tensor, bool]:
    """Return a batch (N, C, ...) with ``rank`` spatial axes, and whether it was a single (C, ...).

    Raises
    ------
    ValueError
        If ``x`` has neither shape.
    """
    if x.ndim == rank + 1:
        return x.reshape(1, *x.shape), True
    if x.ndim != rank + 2:
        axes = AXES[rank]
        raise ValueError(
            f"{caller}: x must have shape (N, C, {axes}) or (C, {axes}), not {x.shape}"
        )
    return x, False


def single_again(y: Tensor, single: bool) -> Tensor:
    """Return the only image of a batch that `as_batch` made of it."""
    return y.reshape(y.shape[1:]) if single else y


@lru_cache(maxsize=256)
def window_count(
    caller: str,
    size: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool = False,
) -> Sizes:
    """Return how many windows fit along each axis of an image.

    Raises
    ------
    ValueError
        If not a single one does.
    """
    axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
    counts = tuple(kernels.output_size(*axis, ceil_mode) for axis in axes)
    if min(counts) < 1:
        padded = tuple(n + 2 * p for n, _, _, p, _ in axes)
        reach = tuple(d * (k - 1) + 1 for _, k, _, _, d in axes)
        raise ValueError(
            f"{caller}: the window {reach} is larger than the padded image {padded} "
            f"(kernel {kernel}, dilation {dilation}, padding {padding})"
        )
    return counts

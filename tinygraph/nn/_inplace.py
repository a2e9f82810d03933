"""Activations with the ``inplace`` that PyTorch gives them, for `functional`.

It is taken for models written there, and changes nothing: a Tensor is never written to, and what
is no longer needed is freed at once.
"""

from __future__ import annotations

from .._tensor import Tensor, TensorLike
from ..ops import activation, elementwise


def relu(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return max(x, 0); its gradient is 0 at 0."""
    return elementwise.relu(x)


def relu6(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return ``x`` limited to [0, 6]."""
    return activation.relu6(x)


def leaky_relu(x: TensorLike, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return ``x`` where it is positive, else ``negative_slope`` times ``x``."""
    return activation.leaky_relu(x, negative_slope)


def elu(x: TensorLike, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return ``x`` where it is positive, else alpha (exp(x) - 1)."""
    return activation.elu(x, alpha)


def selu(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return `elu`, scaled so that activations keep mean 0 and variance 1 from layer to layer."""
    return activation.selu(x)


def silu(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return ``x`` times sigmoid(x)."""
    return activation.silu(x)


def mish(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return ``x`` times tanh(softplus(x))."""
    return activation.mish(x)


def hardtanh(
    x: TensorLike, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Return ``x`` limited to the numbers ``min_val`` and ``max_val``."""
    return activation.hardtanh(x, min_val, max_val)


def hardsigmoid(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return (x + 3) / 6 limited to [0, 1]."""
    return activation.hardsigmoid(x)


def hardswish(x: TensorLike, inplace: bool = False) -> Tensor:
    """Return ``x`` times hardsigmoid(x)."""
    return activation.hardswish(x)

"""Activations as Modules: each applies the function of its name, to any shape.

``inplace`` is taken as PyTorch takes it, for models written there, and changes nothing: a Tensor
is never written to, and what is no longer needed is freed at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Tensor, TensorLike, get_default_dtype
from . import functional
from .layers import _check_positive
from .module import Module, Parameter


class _Inplace(Module):
    """An activation without parameters, that takes ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(inplace, bool):
            raise TypeError(
                f"{type(self).__name__}: inplace must be True or False, not a "
                f"{type(inplace).__name__}; a Tensor goes into another call, as in layer()(x)"
            )


class ReLU(_Inplace):
    """max(x, 0), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return max(x, 0)."""
        return functional.relu(x)


class ReLU6(_Inplace):
    """x limited to [0, 6], of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return x limited to [0, 6]."""
        return functional.relu6(x)


class LeakyReLU(Module):
    """x where it is positive, else ``negative_slope`` times x, of any shape."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: TensorLike) -> Tensor:
        """Return x, or a multiple of it."""
        return functional.leaky_relu(x, self.negative_slope)


class PReLU(Module):
    """x where it is positive, else x times a learnt weight: (N, C, ...) -> (N, C, ...).

    Parameters
    ----------
    num_parameters : int
        One weight for each channel, or a single one.
    init : float
        The weights to start with.
    dtype : dtype, optional
        Of the weight; the default dtype unless given.

    Attributes
    ----------
    weight : Parameter, shape (num_parameters,)

    Raises
    ------
    ValueError
        If the number is not positive.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, *, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__()
        _check_positive("PReLU", num_parameters=num_parameters)
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, x: TensorLike) -> Tensor:
        """(N, C, ...) -> (N, C, ...)."""
        return functional.prelu(x, self.weight)


class ELU(Module):
    """x where it is positive, else ``alpha`` (exp(x) - 1), of any shape."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: TensorLike) -> Tensor:
        """Return x, or alpha (exp(x) - 1)."""
        return functional.elu(x, self.alpha)


class SELU(_Inplace):
    """`ELU`, scaled so that activations keep mean 0 and variance 1 from layer to layer."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return selu(x)."""
        return functional.selu(x)


class GELU(Module):
    """x times the probability that a normal number is smaller, of any shape.

    ``approximate`` is "none" for the exact one, "tanh" for an approximation.
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: TensorLike) -> Tensor:
        """Return gelu(x)."""
        return functional.gelu(x, self.approximate)


class SiLU(_Inplace):
    """x sigmoid(x), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return x sigmoid(x)."""
        return functional.silu(x)


class Mish(_Inplace):
    """x tanh(softplus(x)), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return x tanh(softplus(x))."""
        return functional.mish(x)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, or x where beta x exceeds the threshold, of any shape."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: TensorLike) -> Tensor:
        """Return softplus(x)."""
        return functional.softplus(x, self.beta, self.threshold)


class Softsign(Module):
    """x / (1 + abs(x)), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return x / (1 + abs(x))."""
        return functional.softsign(x)


class Tanh(Module):
    """Hyperbolic tangent, of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return tanh(x)."""
        return functional.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return 1 / (1 + exp(-x))."""
        return functional.sigmoid(x)


class LogSigmoid(Module):
    """The logarithm of the sigmoid, of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return log(sigmoid(x))."""
        return functional.logsigmoid(x)


class Hardtanh(Module):
    """x limited to [``min_val``, ``max_val``], of any shape."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, x: TensorLike) -> Tensor:
        """Return x within the limits."""
        return functional.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(_Inplace):
    """(x + 3) / 6 limited to [0, 1], of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return hardsigmoid(x)."""
        return functional.hardsigmoid(x)


class Hardswish(_Inplace):
    """x hardsigmoid(x), of any shape."""

    def forward(self, x: TensorLike) -> Tensor:
        """Return x hardsigmoid(x)."""
        return functional.hardswish(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along the axis ``dim``, of any shape."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: TensorLike) -> Tensor:
        """Return the softmax."""
        return functional.softmax(x, self.dim)


class LogSoftmax(Module):
    """The logarithm of the softmax along the axis ``dim``, of any shape."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: TensorLike) -> Tensor:
        """Return the logarithm of the softmax."""
        return functional.log_softmax(x, self.dim)

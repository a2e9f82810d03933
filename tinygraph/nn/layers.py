"""Layers: Modules around the operations, with parameters and attributes of their own."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Shape, Tensor, TensorLike, as_tensor, get_default_dtype
from ..ops._arguments import is_size
from ..ops.shape import flatten
from . import functional, init
from .module import Module, Parameter


def _check_positive(caller: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if not is_size(size) or size < 1:
            raise ValueError(f"{caller}: {name} must be an integer of at least 1, not {size!r}")


class _Affine(Module):
    """A weight (out, in, ...) and, if there are ``outputs``, a bias, started as PyTorch does.

    Both are uniform up to ±1 / sqrt(fan_in): Kaiming's bound at a = sqrt(5).
    """

    weight: Parameter
    bias: Parameter | None

    def _start(
        self,
        shape: Shape,
        outputs: int | None,
        dtype: DTypeLike | None,
        generator: np.random.Generator | None,
    ) -> None:
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(np.zeros(shape, dtype))
        init.kaiming_uniform_(self.weight, math.sqrt(5), generator=generator)
        self.bias = None
        if outputs is not None:
            self.bias = Parameter(np.zeros(outputs, dtype))
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            init.uniform_(self.bias, -bound, bound, generator)


class Linear(_Affine):
    """Affine map ``x @ weight.T + bias``: (..., in_features) -> (..., out_features).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, uniform up to ±1 / sqrt(in_features); default: the one that
        `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ValueError
        If a size is not positive.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive("Linear", in_features=in_features, out_features=out_features)
        self.in_features = in_features
        self.out_features = out_features
        self._start((out_features, in_features), out_features if bias else None, dtype, generator)

    def forward(self, x: TensorLike) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        return functional.linear(x, self.weight, self.bias)


class Flatten(Module):
    """The axes from ``start_dim`` to ``end_dim`` joined: (N, C, H, W) -> (N, C * H * W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: TensorLike) -> Tensor:
        """Join the axes."""
        return flatten(x, self.start_dim, self.end_dim)


class Identity(Module):
    """Its input, as it is; whatever it is made with."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, x: TensorLike) -> Tensor:
        """Return ``x``."""
        return as_tensor(x)

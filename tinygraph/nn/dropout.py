"""Dropout as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .._tensor import Tensor, TensorLike
from ..ops.dropout import check_probability
from . import functional
from .module import Module


class Dropout(Module):
    """In training, each element set to 0 with probability ``p``, the others scaled by 1 / (1 - p).

    Parameters
    ----------
    p : float
        From 0 to 1.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If ``p`` is not from 0 to 1.
    """

    drop: ClassVar[Callable[..., Any]] = staticmethod(functional.dropout)

    def __init__(self, p: float = 0.5, *, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        check_probability(type(self).__name__, p)
        self.p = p
        self._generator = generator

    def forward(self, x: TensorLike) -> Tensor:
        """Drop in training; return ``x`` as it is in evaluation."""
        y: Tensor = self.drop(x, self.p, self.training, generator=self._generator)
        return y


class Dropout1d(Dropout):
    """Whole channels of (N, C, L) or (C, L) dropped; all else as `Dropout`."""

    drop = staticmethod(functional.dropout1d)


class Dropout2d(Dropout):
    """Whole channels of (N, C, H, W) or (C, H, W) dropped; all else as `Dropout`."""

    drop = staticmethod(functional.dropout2d)


class Dropout3d(Dropout):
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) dropped; all else as `Dropout`."""

    drop = staticmethod(functional.dropout3d)


class AlphaDropout(Dropout):
    """`Dropout` to the floor of SELU, which keeps mean 0 and variance 1."""

    drop = staticmethod(functional.alpha_dropout)

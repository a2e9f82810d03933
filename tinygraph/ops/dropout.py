"""Dropout: elements, channels or activations left out at random."""

from __future__ import annotations

import numpy as np

from .. import _random
from .._tensor import Shape, Tensor, TensorLike, as_tensor
from ._arguments import floating
from .elementwise import multiply_, where

_SELU_FLOOR = -1.7580993408473766  # what SELU tends to, far to the left


def check_probability(caller: str, p: float) -> None:
    """Raise a TypeError if ``p`` is no number, a ValueError if it is not from 0 to 1."""
    if not isinstance(p, (int, float)):
        raise TypeError(f"{caller}: p must be a number, not {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"{caller}: p must be from 0 to 1, not {p}")


def _check(caller: str, x: TensorLike, p: float) -> Tensor:
    check_probability(caller, p)
    return floating(caller, x)


def _drop(x: Tensor, p: float, shape: Shape, generator: np.random.Generator | None) -> Tensor:
    kept = _random.generator(generator).random(shape) >= p
    mask = as_tensor(kept.astype(x.dtype) * x.dtype.type(1 / (1 - p) if p < 1 else 0))
    mask.name = "dropout mask"
    return multiply_.apply(x, mask)


def dropout(
    x: TensorLike,
    p: float = 0.5,
    training: bool = True,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set each element to 0 with probability ``p`` and scale the others by 1 / (1 - p).

    Parameters
    ----------
    x : Tensor
    p : float
        From 0 to 1.
    training : bool
        Return ``x`` as it is when False.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If ``p`` is not a probability.
    """
    x = _check("dropout", x, p)
    return _drop(x, p, x.shape, generator) if training and p else x


def _channel_dropout(
    caller: str,
    spatial: int,
    x: TensorLike,
    p: float,
    training: bool,
    generator: np.random.Generator | None,
) -> Tensor:
    x = _check(caller, x, p)
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ValueError(
            f"{caller}: x must have {spatial + 1} or {spatial + 2} dimensions, (C, ...) or "
            f"(N, C, ...), not shape {x.shape}"
        )
    shape = (*x.shape[:-spatial], *(1,) * spatial)
    return _drop(x, p, shape, generator) if training and p else x


def dropout1d(
    x: TensorLike,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set whole channels of (N, C, L) or (C, L) to 0, with probability ``p``; as `dropout`."""
    return _channel_dropout("dropout1d", 1, x, p, training, generator)


def dropout2d(
    x: TensorLike,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set whole channels of (N, C, H, W) or (C, H, W) to 0, with probability ``p``; as `dropout`.

    Notes
    -----
    Tompson et al., *Efficient Object Localization Using Convolutional Networks*, 2015.
    """
    return _channel_dropout("dropout2d", 2, x, p, training, generator)


def dropout3d(
    x: TensorLike,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to 0; as `dropout2d`."""
    return _channel_dropout("dropout3d", 3, x, p, training, generator)


def alpha_dropout(
    x: TensorLike,
    p: float = 0.5,
    training: bool = False,
    *,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Set each element to the floor of SELU with probability ``p``, keeping mean 0 and variance 1.

    Parameters and errors are those of `dropout`, but ``training`` is False unless given.

    Notes
    -----
    Klambauer et al., *Self-Normalizing Neural Networks*, 2017.
    """
    x = _check("alpha_dropout", x, p)
    if not training or not p:
        return x
    if p == 1:
        return x * 0
    scale = ((1 - p) * (1 + p * _SELU_FLOOR**2)) ** -0.5
    kept = _random.generator(generator).random(x.shape) >= p
    return scale * where(kept, x, _SELU_FLOOR) - scale * p * _SELU_FLOOR

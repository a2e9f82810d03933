"""Losses of yes-or-no questions: probabilities, logits and margins against labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from ._arguments import floating
from .elementwise import clip, maximum_, sigmoid_, where
from .loss import labels_for, reduce_loss


class LogFloor(Function):
    """log x, but nothing below -100: gx = g / x, which the floor does not stop.

    So a probability of 0 still learns; its gradient is as that of 1e-12.
    """

    def forward(self, x: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.maximum(np.log(x), -100)

    def backward(self, g: Value, x: Value) -> Value:
        return g / maximum_(x, _least(x.dtype))

    def branch(self, x: Array) -> tuple[Array, ...]:
        return x > math.exp(-100), x > _least(x.dtype)


class BinaryCrossEntropy(Function):
    """-t log x - (1 - t) log(1 - x), each logarithm at least -100.

    gx = g (x - t) / (x (1 - x)), the divisor at least 1e-12;  gt = g (log(1 - x) - log x).
    """

    def forward(self, x: Array, t: Array) -> Array:
        return (t - 1) * _log_floor(1 - x) - t * _log_floor(x)

    def backward(self, g: Value, x: Value, t: Value, needs: Any) -> Value:
        gx = gt = None
        if needs.x:
            gx = g * (x - t) / maximum_(x * (1 - x), _least(x.dtype))
        if needs.t:
            gt = g * (_log_floor(1 - x) - _log_floor(x))
        return gx, gt

    def branch(self, x: Array, t: Array) -> tuple[Array, ...]:
        return *_log_floor.branch(x), *_log_floor.branch(1 - x)


class LogisticLoss(Function):
    """log(1 + exp(-x)), which overflows nowhere: gx = -g sigmoid(-x)."""

    def forward(self, x: Array) -> Array:
        return np.logaddexp(-x, 0)

    def backward(self, g: Value, x: Value) -> Value:
        return -g * sigmoid_(-x)


class BinaryCrossEntropyWithLogits(Function):
    """-p t log σ(x) - (1 - t) log σ(-x) for logits x, labels t and weights p of the positive ones.

    With h(x) = -log σ(x):  gx = g ((1 - t) σ(x) - p t σ(-x)), gt = g (p h(x) - h(-x)),
    gp = g t h(x).
    """

    broadcasts = True

    def forward(self, x: Array, t: Array, p: Array | None = None) -> Array:
        positive = t if p is None else p * t
        return positive * _logistic_loss(x) + (1 - t) * _logistic_loss(-x)

    def backward(self, g: Value, x: Value, t: Value, p: Value, needs: Any) -> Value:
        positive = t if p is None else p * t
        gx = gt = gp = None
        if needs.x:
            gx = g * ((1 - t) * sigmoid_(x) - positive * sigmoid_(-x))
        if needs.t:
            gt = -g * x if p is None else g * (p * _logistic_loss(x) - _logistic_loss(-x))
        if needs.p:
            gp = g * t * _logistic_loss(x)
        return gx, gt, gp


_log_floor, _logistic_loss = LogFloor(), LogisticLoss()


def _least(dtype: np.dtype[Any]) -> float:
    """Return 1e-12, or the least number that a division in the dtype survives."""
    return max(1e-12, float(np.finfo(dtype).tiny))


# -- what users call -----------------------------------------------------------------------------


def _same_shape(caller: str, x: Tensor, target: Tensor) -> None:
    if x.shape != target.shape:
        raise ValueError(
            f"{caller}: target must have the shape of x, {x.shape}, not {target.shape}"
        )


def _weighted(caller: str, losses: Tensor, weight: TensorLike | None, reduction: str) -> Tensor:
    if weight is not None:
        weight = as_tensor(weight)
        try:
            fits = np.broadcast_shapes(losses.shape, weight.shape) == losses.shape
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(
                f"{caller}: weight of shape {weight.shape} does not broadcast to {losses.shape}"
            )
        losses = losses * weight
    return reduce_loss(caller, losses, reduction)


def binary_cross_entropy(
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the cross-entropy of labels and the probabilities ``x`` that they are 1.

    Parameters
    ----------
    x : Tensor
        Probabilities.  (Logits are better off in `binary_cross_entropy_with_logits`.)
    target : Tensor
        Labels 0 and 1, or probabilities, of the shape of ``x``.
    weight : Tensor, optional
        A factor for each loss, broadcast.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If the shapes differ, or an element of ``x`` is no probability.
    """
    x, target = floating("binary_cross_entropy", x), floating("binary_cross_entropy", target)
    _same_shape("binary_cross_entropy", x, target)
    outside = (x.data < 0) | (x.data > 1)
    if outside.any():
        raise ValueError(
            f"binary_cross_entropy: x must hold probabilities, from 0 to 1, not "
            f"{x.data[outside][0]}; for logits use binary_cross_entropy_with_logits"
        )
    losses = BinaryCrossEntropy().apply(x, target)
    return _weighted("binary_cross_entropy", losses, weight, reduction)


def binary_cross_entropy_with_logits(
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    reduction: str = "mean",
    pos_weight: TensorLike | None = None,
) -> Tensor:
    """Return `binary_cross_entropy` of sigmoid(x), exact also where that is 0 or 1.

    Parameters
    ----------
    x : Tensor
        Logits.
    target : Tensor
        Labels 0 and 1, or probabilities, of the shape of ``x``.
    weight : Tensor, optional
        A factor for each loss, broadcast.
    reduction : {"mean", "sum", "none"}
    pos_weight : Tensor, optional
        A factor for the part of the positive labels, broadcast.

    Raises
    ------
    ValueError
        If the shapes of ``x`` and ``target`` differ, or a weight does not broadcast to them.

    Examples
    --------
    >>> import tinygraph as tg
    >>> loss = tg.nn.functional.binary_cross_entropy_with_logits
    >>> loss(tg.tensor([-1e4, 1e4]), tg.tensor([0.0, 0.0]), reduction="none").tolist()
    [0.0, 10000.0]
    """
    caller = "binary_cross_entropy_with_logits"
    x = floating(caller, x)
    target = labels_for(x, target)
    _same_shape(caller, x, target)
    losses = BinaryCrossEntropyWithLogits().apply(
        x, target, *(() if pos_weight is None else (pos_weight,))
    )
    return _weighted(caller, losses, weight, reduction)


def soft_margin_loss(x: TensorLike, target: TensorLike, *, reduction: str = "mean") -> Tensor:
    """Return log(1 + exp(-target x)), where the target is 1 or -1; it overflows nowhere."""
    x = floating("soft_margin_loss", x)
    target = labels_for(x, target)
    return reduce_loss("soft_margin_loss", _logistic_loss.apply(x * target), reduction)


def multilabel_soft_margin_loss(
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return `binary_cross_entropy_with_logits`, averaged over the classes, the last axis.

    Parameters
    ----------
    x : Tensor, shape (..., C)
    target : Tensor, shape (..., C)
        Labels 0 and 1.
    weight : Tensor, shape (C,), optional
        A factor for each class.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If the shapes of ``x`` and ``target`` differ.
    """
    caller = "multilabel_soft_margin_loss"
    if not floating(caller, x).ndim:
        raise ValueError(f"{caller}: x must have shape (..., C), not ()")
    losses = binary_cross_entropy_with_logits(x, target, weight, reduction="none")
    return reduce_loss(caller, losses.mean(axis=-1), reduction)


def hinge_embedding_loss(
    x: TensorLike, target: TensorLike, *, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """Return the distance ``x`` where the target is 1, and max(0, margin - x) where it is -1."""
    x, target = floating("hinge_embedding_loss", x), as_tensor(target)
    near = where(target == -1, 0, x)
    far = where(target == 1, 0, clip(margin - x, 0))
    return reduce_loss("hinge_embedding_loss", near + far, reduction)

"""Losses of classifiers.

Every kind of target becomes a distribution over the classes, except for plain class indices, whose
distribution would cost more than the loss.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor, TensorLike, as_tensor
from .elementwise import exp_, where_
from .reduction import LogSoftmax, Softmax
from .shape import BroadcastTo


class OneHot(Function):
    """Class indices (N, d...) -> (N, C, d...): 1 for the class, 0 for the others."""

    def __init__(self, classes: int, ignore_index: int, dtype: np.dtype[Any]) -> None:
        self.classes, self.ignore_index, self.dtype = classes, ignore_index, dtype

    def forward(self, target: Array) -> Array:
        counted = target != self.ignore_index
        y = np.zeros((target.shape[0], self.classes, *target.shape[1:]), self.dtype)
        index = np.expand_dims(np.where(counted, target, 0), 1)
        np.put_along_axis(y, index, np.expand_dims(counted, 1).astype(self.dtype), 1)
        return y


class CountLabels(Function):
    """How many class indices are not the one that is ignored, as a floating 0-d array."""

    def __init__(self, ignore_index: int, dtype: np.dtype[Any]) -> None:
        self.ignore_index, self.dtype = ignore_index, dtype

    def forward(self, target: Array) -> Array:
        return np.asarray(np.count_nonzero(target != self.ignore_index), self.dtype)


class CrossEntropy(Function):
    """-sum_c t_c log softmax(x)_c over axis 1: gx = g (softmax(x) sum t - t).

    x and t: (N, C, d...) -> (N, d...).  A class of weight t = 0 counts nothing, even at x = -inf.
    """

    def forward(self, x: Array, t: Array) -> Array:
        return -_weighted_sum(t, kernels.log_softmax(x, 1))

    def backward(self, g: Value, x: Value, t: Value, needs: Any) -> Value:
        g = g.reshape(g.shape[0], 1, *g.shape[1:])
        gx = g * (Softmax(1)(x) * t.sum(axis=1, keepdims=True) - t) if needs.x else None
        return gx, -g * LogSoftmax(1)(x) if needs.t else None


class ClassCrossEntropy(Function):
    """-log softmax(x) of the class t over axis 1: gx = g (softmax(x) - onehot(t)).

    x (N, C, d...) and indices t (N, d...) -> (N, d...); 0 for the index that is ignored.
    """

    aux = ("e", "total")

    def __init__(self, ignore_index: int) -> None:
        self.ignore_index = ignore_index

    def forward(self, x: Array, t: Array) -> tuple[Array, Array, Array]:
        return kernels.cross_entropy(x, t, self.ignore_index)

    def e(self, x: Value) -> Value:
        return exp_(x - x.detach().max(axis=1, keepdims=True))  # softmax has no part in the shift

    def total(self, e: Value) -> Value:
        return e.sum(axis=1, keepdims=True)

    def backward(self, g: Value, e: Value, t: Value, total: Value) -> Value:
        return ClassCrossEntropyGrad(self.ignore_index)(g, e, t, total), None


class ClassCrossEntropyGrad(Function):
    """g (p - onehot(t)), where p = e / total: (N, d...) -> (N, C, d...).

    It is the gradient of `ClassCrossEntropy`.  Given h for it, with g 0 for the index that is
    ignored: gz = sum_c h (p - onehot(t)), ge = h g / total, gtotal = -sum_c h g p / total.
    """

    def __init__(self, ignore_index: int) -> None:
        self.ignore_index = ignore_index

    def forward(self, z: Array, e: Array, t: Array, total: Array) -> Array:
        return kernels.cross_entropy_grad(z, e, t, total, self.ignore_index)

    def backward(self, g: Value, z: Value, e: Value, t: Value, total: Value, needs: Any) -> Value:
        counted = t != self.ignore_index
        p = e / total
        gz = None
        if needs.z:
            chosen = OneHot(e.shape[1], self.ignore_index, e.dtype)(t)
            gz = where_(counted, (g * (p - chosen)).sum(axis=1), 0)
        z = where_(counted, z, 0)
        ge = g * z.reshape(z.shape[0], 1, *z.shape[1:]) / total
        return gz, ge, None, -(ge * p).sum(axis=1, keepdims=True)


class NegativeLogLikelihood(Function):
    """-sum_c t_c x_c over axis 1: gx = -g t.  x and t: (N, C, d...) -> (N, d...)."""

    def forward(self, x: Array, t: Array) -> Array:
        return -_weighted_sum(t, x)

    def backward(self, g: Value, x: Value, t: Value, needs: Any) -> Value:
        g = g.reshape(g.shape[0], 1, *g.shape[1:])
        return -g * t if needs.x else None, -g * x if needs.t else None


class MeanLoss(Function):
    """Sum of losses x divided by what they count n: gx = g / n, gn = -g y / n.

    Where nothing counts, the mean is NaN and the gradient 0.
    """

    def forward(self, x: Array, n: Array) -> Array:
        return x.sum() / n if n else np.full((), np.nan, np.result_type(x, n))

    def backward(self, g: Value, x_spec: Any, n: Value, y: Value, needs: Any) -> Value:
        share = g / n if n else g
        gx = BroadcastTo(x_spec.shape)(share) if needs.x else None
        return gx, -share * y if needs.n else None


def _weighted_sum(t: Array, x: Array) -> Array:
    """Sum t x over axis 1, where 0 times infinity is 0."""
    product = np.zeros(t.shape, np.result_type(t, x))
    np.multiply(t, x, out=product, where=t != 0)
    total: Array = product.sum(axis=1)
    return total


# -- what users call -----------------------------------------------------------------------------


def reduce_loss(caller: str, losses: Tensor, reduction: str, count: Any = None) -> Tensor:
    """Return the losses themselves ("none"), their "sum", or their "mean": the sum by ``count``.

    Raises
    ------
    ValueError
        If ``reduction`` is none of the three.
    """
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean":
        return losses.mean() if count is None else MeanLoss().apply(losses, count)
    raise ValueError(f"{caller}: reduction must be 'none', 'mean' or 'sum', not {reduction!r}")


def labels_for(x: Tensor, target: TensorLike) -> Tensor:
    """Return ``target`` as a Tensor; integers, such as labels 1 and -1, in the dtype of ``x``."""
    target = as_tensor(target)
    return target if target.dtype.kind == "f" else target.astype(x.dtype)


def _check_indices(caller: str, x: Tensor, target: Tensor, ignore_index: int) -> None:
    classes = x.shape[1]
    if target.shape != (x.shape[0], *x.shape[2:]):
        raise ValueError(
            f"{caller}: class indices for x of shape {x.shape} must have shape "
            f"{(x.shape[0], *x.shape[2:])}, not {target.shape}"
        )
    outside = target.data.astype(np.uint64) >= classes  # where it is negative, too
    if np.count_nonzero(outside):  # sooner than any()
        wrong = target.data[outside & (target.data != ignore_index)]
        if wrong.size:
            raise ValueError(
                f"{caller}: target holds class {wrong[0]}, but x has {classes} "
                f"classes, 0 to {classes - 1} (shape {x.shape})"
            )


def _check_probabilities(caller: str, x: Tensor, target: Tensor) -> None:
    if target.dtype.kind != "f" or target.shape != x.shape:
        raise ValueError(
            f"{caller}: target must be class indices (integers) of shape "
            f"{(x.shape[0], *x.shape[2:])} or probabilities of shape {x.shape}, "
            f"not {target.dtype} of shape {target.shape}"
        )


def _class_weights(caller: str, x: Tensor, weight: TensorLike) -> Tensor:
    """Return weights of the classes, lined up with axis 1 of x."""
    classes = x.shape[1]
    weights = as_tensor(weight).detach()
    if weights.shape != (classes,):
        raise ValueError(
            f"{caller}: weight must have shape ({classes},) (x has shape {x.shape}), "
            f"not {weights.shape}"
        )
    return weights.reshape(1, classes, *(1,) * (x.ndim - 2))


def _classify(
    caller: str,
    function: Function,
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return a loss of weights t (N, C, d...) of the classes, whatever the target is."""
    x, target, single = _as_batch(caller, x, target)
    weights = None if weight is None else _class_weights(caller, x, weight)
    count = counted = None  # by what a mean divides; by default the number of losses
    if target.dtype.kind in "iu":
        _check_indices(caller, x, target, ignore_index)
        t = OneHot(x.shape[1], ignore_index, x.dtype).apply(target)
        t.name = target.name or "target"
        count = (t if weights is None else t * weights).sum()
        count.name = "count"
        counted = t.sum(axis=1, keepdims=True) if label_smoothing else None
    else:
        _check_probabilities(caller, x, target)
        t = target
    if label_smoothing:
        share = label_smoothing / x.shape[1]
        t = t * (1 - label_smoothing) + (share if counted is None else counted * share)
    losses = function.apply(x, t if weights is None else t * weights)
    return reduce_loss(caller, losses.reshape(()) if single else losses, reduction, count)


def _as_batch(caller: str, x: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor, bool]:
    """Return logits (N, C, ...) and their target, and whether it is a single one, as (C,)."""
    x, target = as_tensor(x), as_tensor(target)
    if x.ndim == 0 or x.dtype.kind != "f":
        raise ValueError(
            f"{caller}: x must be floating, of shape (C,) or (N, C, ...), not {x.dtype} of shape "
            f"{x.shape}"
        )
    if x.ndim > 1:
        return x, target, False
    return x.reshape(1, *x.shape), target.reshape(1, *target.shape), True


def cross_entropy(
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross-entropy between logits and targets, as PyTorch's.

    Parameters
    ----------
    x : Tensor, shape (C,), (N, C) or (N, C, d1, ...)
        Unnormalised log-probabilities (logits).
    target : Tensor
        Class indices, shape (), (N,) or (N, d1, ...); or probabilities, of the shape of ``x``.
    weight : Tensor, shape (C,), optional
        A weight for each class; a constant, no gradient flows to it.
    ignore_index : int
        An index that counts nothing.
    reduction : {"mean", "sum", "none"}
        A mean of class indices divides by the sum of their weights; one of probabilities by the
        number of losses.  The mean of nothing is NaN.
    label_smoothing : float
        How much of each target, from 0 to 1, to spread evenly over the classes.

    Raises
    ------
    ValueError
        If the shapes do not match, or an index is no class.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([[0.0, 0.0], [2.0, -1.0]], requires_grad=True)
    >>> loss = tg.cross_entropy(x, tg.tensor([0, 0]), reduction="sum")
    >>> loss.backward()
    >>> x.grad  # softmax(x) - one_hot(target)
    tensor([[-0.5       ,  0.5       ],
            [-0.04742587,  0.04742587]], dtype=float32)
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing must be from 0 to 1, not {label_smoothing}"
        )
    if not isinstance(target, Tensor):
        target = as_tensor(target)
        target.name = "target"
    if target.dtype.kind not in "iu" or weight is not None or label_smoothing:
        options = weight, ignore_index, reduction, label_smoothing
        return _classify("cross_entropy", CrossEntropy(), x, target, *options)
    x, target, single = _as_batch("cross_entropy", x, target)
    _check_indices("cross_entropy", x, target, ignore_index)
    losses = ClassCrossEntropy(ignore_index).apply(x, target)
    count = None
    if reduction == "mean":
        count = CountLabels(ignore_index, x.dtype).apply(target)
        count.name = "count"
    return reduce_loss("cross_entropy", losses.reshape(()) if single else losses, reduction, count)


def nll_loss(
    x: TensorLike,
    target: TensorLike,
    weight: TensorLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative log-likelihood of class indices, given log-probabilities ``x``.

    Shapes, weights, reductions and errors are those of `cross_entropy`.
    """
    target = as_tensor(target)
    if target.dtype.kind not in "iu":
        raise ValueError(f"nll_loss: target must be class indices, not {target.dtype}")
    return _classify(
        "nll_loss", NegativeLogLikelihood(), x, target, weight, ignore_index, reduction
    )

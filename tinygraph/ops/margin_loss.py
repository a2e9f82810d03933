"""Losses that ask for a margin between what should be near and what should be far."""

from __future__ import annotations

import numpy as np

from .._tensor import Tensor, TensorLike, as_tensor
from ._arguments import floating
from .distance import pairwise_distance
from .elementwise import clip, minimum, relu, sqrt, where
from .loss import OneHot, labels_for, reduce_loss


def margin_ranking_loss(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    *,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin - target (input1 - input2)): 1 ranks input1 higher, -1 lower.

    Raises
    ------
    ValueError
        If the three do not have the same number of dimensions, or do not broadcast.
    """
    a, b = floating("margin_ranking_loss", input1), floating("margin_ranking_loss", input2)
    target = labels_for(a, target)
    if not a.ndim == b.ndim == target.ndim:
        raise ValueError(
            "margin_ranking_loss: input1, input2 and target must have the same number of "
            f"dimensions, not shapes {a.shape}, {b.shape} and {target.shape}"
        )
    losses = clip(margin - target * (a - b), 0)
    return reduce_loss("margin_ranking_loss", losses, reduction)


def multi_margin_loss(
    x: TensorLike,
    target: TensorLike,
    p: int = 1,
    margin: float = 1.0,
    weight: TensorLike | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over the other classes i of max(0, margin - x[target] + x[i]) ** p.

    The sum over them is divided by the number of all classes.

    Parameters
    ----------
    x : Tensor, shape (N, C) or (C,)
        Scores.
    target : Tensor of integers, shape (N,) or ()
        Class indices.
    p : {1, 2}
    margin : float
    weight : Tensor, shape (C,), optional
        A factor for the losses of each target class; a constant.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If ``p`` is neither 1 nor 2, a shape does not match, or an index is no class.
    """
    caller = "multi_margin_loss"
    x, target = floating(caller, x), as_tensor(target)
    if p not in (1, 2):
        raise ValueError(f"{caller}: p must be 1 or 2, not {p}")
    if x.ndim > 2 or x.shape[-1:] == (0,):
        raise ValueError(f"{caller}: x must have shape (N, C) or (C,), C > 0, not {x.shape}")
    batch = x if x.ndim == 2 else x.reshape(1, -1)
    labels = target.reshape(-1)
    if target.ndim > 1 or labels.shape != batch.shape[:1] or target.dtype.kind not in "iu":
        raise ValueError(
            f"{caller}: target must be class indices (integers) of shape {x.shape[:-1]}, "
            f"not {target.dtype} of shape {target.shape}"
        )
    classes = batch.shape[1]
    wrong = (labels.data < 0) | (labels.data >= classes)
    if wrong.any():
        raise ValueError(
            f"{caller}: target holds class {labels.data[wrong][0]}, but x has {classes} classes"
        )
    chosen = OneHot(classes, -1, np.dtype(bool)).apply(labels)
    score = where(chosen, batch, 0).sum(axis=1, keepdims=True)
    short = where(chosen, 0, relu(margin - score + batch))
    if p == 2:
        short = short * short
    if weight is not None:
        weight = as_tensor(weight).detach()
        if weight.shape != (classes,):
            raise ValueError(f"{caller}: weight must have shape ({classes},), not {weight.shape}")
        short = short * weight[labels].reshape(-1, 1)
    losses = short.sum(axis=1) / classes
    return reduce_loss(caller, losses if target.ndim else losses.reshape(()), reduction)


def cosine_embedding_loss(
    input1: TensorLike,
    input2: TensorLike,
    target: TensorLike,
    *,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Return 1 - cos(input1, input2) where the target is 1, max(0, cos - margin) where -1.

    Parameters
    ----------
    input1, input2 : Tensor, shape (N, D) or (D,)
    target : Tensor, shape (N,) or ()
    margin : float
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    caller = "cosine_embedding_loss"
    a, b, target = floating(caller, input1), floating(caller, input2), as_tensor(target)
    if target.ndim > 1 or a.ndim != target.ndim + 1 or b.ndim != target.ndim + 1:
        raise ValueError(
            f"{caller}: input1, input2 and target must have shapes (N, D), (N, D), (N,) or "
            f"(D,), (D,), (), not {a.shape}, {b.shape}, {target.shape}"
        )
    dtype = np.result_type(a.dtype, b.dtype)
    # the squares of 300 and of 1e-4 leave the range of float16
    a, b = (x.astype(np.float32) if x.dtype == np.float16 else x for x in (a, b))
    lengths = ((a * a).sum(axis=-1) + 1e-12) * ((b * b).sum(axis=-1) + 1e-12)
    cosine = (a * b).sum(axis=-1) / sqrt(lengths)
    near = where(target == 1, 1 - cosine, 0)
    far = where(target == -1, clip(cosine - margin, 0), 0)
    loss = reduce_loss(caller, near + far, reduction)
    return loss if loss.dtype == dtype else loss.astype(dtype)


def triplet_margin_loss(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """Return max(0, margin + d(anchor, positive) - d(anchor, negative)), d the p-norm distance.

    Parameters
    ----------
    anchor, positive, negative : Tensor, shape (N, D) or (D,)
    margin : float
    p : float
    eps : float
        Added to each difference.
    swap : bool
        Take d(positive, negative) instead, where that is less than d(anchor, negative).
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    ValueError
        If ``margin`` is not positive, or the three differ in their number of dimensions or do
        not broadcast.
    """
    caller = "triplet_margin_loss"
    a, b, c = (floating(caller, x) for x in (anchor, positive, negative))
    if not a.ndim == b.ndim == c.ndim:
        raise ValueError(
            f"{caller}: anchor, positive and negative must have the same number of dimensions, "
            f"not shapes {a.shape}, {b.shape} and {c.shape}"
        )
    if not margin > 0:
        raise ValueError(f"{caller}: margin must be positive, not {margin}")
    far = pairwise_distance(a, c, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(b, c, p, eps))
    losses = clip(margin + pairwise_distance(a, b, p, eps) - far, 0)
    return reduce_loss(caller, losses, reduction)

"""Attention: means of values, weighted by how well their keys match a query."""

from __future__ import annotations

import math

import numpy as np

from .._tensor import Tensor, TensorLike, as_tensor
from ._arguments import floating
from .dropout import dropout
from .elementwise import where
from .reduction import softmax


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    scale: float,
    generator: np.random.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return (..., L, Ev), the weighted means of the values, and the weights (..., L, S).

    The mask says which keys count where it is boolean, and else is added to the scores.  A query
    for which none counts gets zeros.
    """
    half = query.dtype == key.dtype == np.float16
    if half:  # scores soon exceed 65504, where it ends
        query = query.astype(np.float32)
    scores = (query * scale) @ key.mT
    if mask is not None and mask.dtype.kind == "b":
        scores = where(mask, scores, -math.inf)
    elif mask is not None:
        scores = scores + mask
    alone = (scores.data == -math.inf).all(axis=-1, keepdims=True)
    if mask is None or not alone.any():
        weights = softmax(scores)
    else:
        weights = where(alone, 0, softmax(where(alone, 0, scores)))
    if half:
        weights = weights.astype(np.float16)
    weights = dropout(weights, dropout_p, generator=generator)
    return weights @ value, weights


def _check(caller: str, query: Tensor, key: Tensor, value: Tensor) -> None:
    if (
        min(query.ndim, key.ndim, value.ndim) < 2
        or query.shape[-1] != key.shape[-1]
        or key.shape[-2] != value.shape[-2]
    ):
        raise ValueError(
            f"{caller}: query, key and value must have shapes (..., L, E), (..., S, E) and "
            f"(..., S, Ev), not {query.shape}, {key.shape} and {value.shape}"
        )


def _grouped(x: Tensor, heads: int) -> Tensor:
    """Repeat each head of x so often that there are ``heads``."""
    if x.ndim < 3 or not x.shape[-3] or heads % x.shape[-3]:
        raise ValueError(
            f"scaled_dot_product_attention: the heads of shape {x.shape} do not divide the "
            f"{heads} heads of query"
        )
    numbers = np.repeat(np.arange(x.shape[-3]), heads // x.shape[-3])
    return x[..., numbers, :, :]


def scaled_dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    attn_mask: TensorLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Return softmax(query keyᵀ scale + mask) value: for each query a mean of the values.

    Parameters
    ----------
    query : Tensor, shape (..., L, E)
    key : Tensor, shape (..., S, E)
    value : Tensor, shape (..., S, Ev)
    attn_mask : Tensor, broadcast to (..., L, S), optional
        Boolean: which keys a query may see.  Floating: what is added to the scores.
    dropout_p : float
        The probability with which each weight is set to 0.
    is_causal : bool
        Query i sees the keys up to i.
    scale : float, optional
        1 / sqrt(E) unless given.
    enable_gqa : bool
        Let several heads (axis -3) of the query share a head of key and value.
    generator : numpy.random.Generator, optional
        For dropout; default: the one that `tinygraph.manual_seed` restarts.

    Returns
    -------
    Tensor, shape (..., L, Ev)
        Zeros for a query that sees no key.

    Raises
    ------
    TypeError
        If a dtype is not floating, or that of the mask neither floating nor boolean.
    ValueError
        If shapes do not match, or a mask is given and ``is_causal`` as well.

    Notes
    -----
    Vaswani et al., *Attention Is All You Need*, 2017.
    """
    caller = "scaled_dot_product_attention"
    q, k, v = (floating(caller, x) for x in (query, key, value))
    if enable_gqa and q.ndim > 2:
        k, v = (_grouped(x, q.shape[-3]) for x in (k, v))
    _check(caller, q, k, v)
    mask = None if attn_mask is None else as_tensor(attn_mask)
    if mask is not None:
        if is_causal:
            raise ValueError(f"{caller}: give attn_mask or is_causal, not both")
        if mask.dtype.kind not in "fb":
            raise TypeError(f"{caller}: attn_mask must be boolean or floating, not {mask.dtype}")
    size = (q.shape[-2], k.shape[-2])
    if is_causal:
        mask = as_tensor(np.tri(*size, dtype=bool))
        mask.name = "causal mask"
    try:
        lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        np.broadcast_shapes((*lead, *size), () if mask is None else mask.shape)
    except ValueError:
        raise ValueError(
            f"{caller}: shapes {q.shape}, {k.shape} and {v.shape}"
            f"{'' if mask is None else f' and attn_mask {mask.shape}'} do not broadcast"
        ) from None
    rate = 1 / math.sqrt(q.shape[-1] or 1) if scale is None else scale
    return attend(q, k, v, mask, dropout_p, rate, generator)[0]

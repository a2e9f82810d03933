"""Operations by PyTorch's names and argument orders, for the forward pass of a Module."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._create import arange
from .._tensor import Tensor, TensorLike, as_tensor
from ..ops import reduction, shape
from ..ops._arguments import lengths
from ..ops.activation import gelu, prelu, softplus, softsign
from ..ops.activation import log_sigmoid as logsigmoid
from ..ops.attention import scaled_dot_product_attention
from ..ops.binary_loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    hinge_embedding_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
)
from ..ops.contraction import bilinear
from ..ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ..ops.distance import cosine_similarity, normalize, pairwise_distance
from ..ops.dropout import alpha_dropout, dropout, dropout1d, dropout2d, dropout3d
from ..ops.elementwise import sigmoid, tanh
from ..ops.embedding import embedding
from ..ops.im2col import fold, unfold
from ..ops.linalg import linear
from ..ops.loss import cross_entropy, nll_loss
from ..ops.margin_loss import (
    cosine_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    triplet_margin_loss,
)
from ..ops.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from ..ops.pool import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from ..ops.regression_loss import (
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from ..ops.resample import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    channel_shuffle,
    interpolate,
    pixel_shuffle,
    pixel_unshuffle,
)
from ._inplace import (
    elu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    mish,
    relu,
    relu6,
    selu,
    silu,
)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "group_norm",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
    "triplet_margin_loss",
    "unfold",
]


def softmax(x: TensorLike, dim: int) -> Tensor:
    """Return exp(x) / sum(exp(x)) along ``dim``."""
    return reduction.softmax(x, dim)


def log_softmax(x: TensorLike, dim: int) -> Tensor:
    """Return the logarithm of the softmax along ``dim``, exact also where that is 0."""
    return reduction.log_softmax(x, dim)


_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    x: TensorLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Return ``x`` with a border, or, where a width is negative, cut off.

    Parameters
    ----------
    x : Tensor
    pad : sequence of ints
        How many elements to put before and after, last axis first: (left, right, top, bottom)
        for images.  (`tinygraph.pad` takes NumPy's pairs, first axis first.)
    mode : {"constant", "reflect", "replicate", "circular"}
        All but "constant" are for the axes after (N, C, ...) or (C, ...), and for each of them.
    value : float, optional
        What a constant border holds.  Default: 0.

    Raises
    ------
    ValueError
        If ``pad`` is not a pair for each of these axes, more is cut off than there is, the border
        needs more elements than there are, or ``mode`` is another.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.functional.pad(tg.tensor([[1, 2]]), (1, 0, 0, 1)).tolist()
    [[0, 1, 2], [0, 0, 0]]
    """
    x = as_tensor(x)
    if mode not in _PAD_MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(_PAD_MODES)}, not {mode!r}")
    widths = lengths("pad", "pad", pad)
    rank = len(widths) // 2
    if mode == "constant":
        fits = rank <= x.ndim
    else:
        fits = 1 <= rank <= 3 and x.ndim - rank in (1, 2)
    if len(widths) % 2 or not fits:
        raise ValueError(
            f"pad: mode {mode!r} expects a pair (before, after) for each of the last axes of shape "
            f"{x.shape}, the last axis first, not {widths}"
        )
    if mode != "constant" and value:
        raise ValueError(f"pad: mode {mode!r} takes no value, not {value!r}")
    pairs = [(0, 0)] * (x.ndim - rank) + list(zip(widths[::2], widths[1::2], strict=True))[::-1]
    for n, (before, after) in zip(x.shape[x.ndim - rank :], pairs[x.ndim - rank :], strict=True):
        _check_border(mode, n, before, after)
    if mode == "circular":  # of what is left
        x = _crop(x, pairs)
    border = [(max(before, 0), max(after, 0)) for before, after in pairs]
    y = shape.pad(x, border or 0, _PAD_MODES[mode], 0.0 if value is None else value)
    return y if mode == "circular" else _crop(y, pairs)


def _crop(x: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Cut off what negative widths say."""
    if all(min(pair) >= 0 for pair in pairs):
        return x
    return x[
        tuple(
            slice(max(-before, 0), n - max(-after, 0))
            for n, (before, after) in zip(x.shape, pairs, strict=True)
        )
    ]


def _check_border(mode: str, n: int, before: int, after: int) -> None:
    if n + before + after < 0 or -min(before, after) > n:
        raise ValueError(f"pad: widths {(before, after)} cut off more than the length {n}")
    spare = {"reflect": 1, "circular": 0}.get(mode)  # how many cannot be in the border
    if spare is not None and max(before, after) > n - spare:
        raise ValueError(
            f"pad: mode {mode!r} has too few elements, {n}, for widths {(before, after)}"
        )


def one_hot(target: TensorLike, num_classes: int = -1) -> Tensor:
    """Return class indices as rows of 0 and, in the place of the class, 1.

    Parameters
    ----------
    target : Tensor of integers, shape (...)
    num_classes : int
        Default: one more than the largest index.

    Returns
    -------
    Tensor of int64, shape (..., num_classes)

    Raises
    ------
    ValueError
        If the indices are no integers, or one is no class.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.functional.one_hot([2, 0]).tolist()
    [[0, 0, 1], [1, 0, 0]]
    """
    target = as_tensor(target)
    if target.dtype.kind not in "iu":
        raise ValueError(f"one_hot: target must be class indices (integers), not {target.dtype}")
    if not target.size and num_classes < 1:
        raise ValueError("one_hot: num_classes cannot be read off an empty target")
    classes = int(target.data.max()) + 1 if num_classes == -1 else num_classes
    wrong = (target.data < 0) | (target.data >= classes)
    if wrong.any():
        raise ValueError(
            f"one_hot: target holds class {target.data[wrong][0]}, but there are {classes} classes"
        )
    rows: Tensor = (shape.expand_dims(target, -1) == arange(classes)).astype(np.int64)
    return rows

"""Operations by PyTorch's names and argument orders, for the forward pass of a Module."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._create import arange
from .._tensor import Tensor, TensorLike, as_tensor
from ..ops import reduction, shape
from ..ops.conv import conv2d, fold, unfold
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.linalg import linear
from ..ops.loss import cross_entropy, mse_loss, nll_loss
from ..ops.normalization import batch_norm, dropout
from ..ops.pool import avg_pool2d, max_pool2d

__all__ = [
    "avg_pool2d",
    "batch_norm",
    "conv2d",
    "cross_entropy",
    "dropout",
    "fold",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "unfold",
]


def softmax(x: TensorLike, dim: int) -> Tensor:
    """Return exp(x) / sum(exp(x)) along ``dim``."""
    return reduction.softmax(x, dim)


def log_softmax(x: TensorLike, dim: int) -> Tensor:
    """Return the logarithm of the softmax along ``dim``, exact also where that is 0."""
    return reduction.log_softmax(x, dim)


def pad(x: TensorLike, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """Return ``x`` with a constant border.

    Parameters
    ----------
    x : Tensor
    pad : sequence of ints
        How many elements to put before and after, last axis first: (left, right, top, bottom)
        for images.  (`tinygraph.pad` takes NumPy's pairs, first axis first.)
    mode : {"constant"}
    value : float
        What the border holds.

    Raises
    ------
    ValueError
        If ``pad`` is not a pair for each of the last axes, a width is negative, or ``mode`` is
        another.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.functional.pad(tg.tensor([[1, 2]]), (1, 0, 0, 1)).tolist()
    [[0, 1, 2], [0, 0, 0]]
    """
    x = as_tensor(x)
    if mode != "constant":
        raise ValueError(f"pad: mode must be 'constant', not {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(
            f"pad: expected a pair (before, after) for up to {x.ndim} axes of shape {x.shape}, "
            f"the last axis first, not {tuple(pad)}"
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    return shape.pad(x, [(0, 0)] * (x.ndim - len(pairs)) + pairs[::-1], value)


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
    return (shape.expand_dims(target, -1) == arange(classes)).astype(np.int64)

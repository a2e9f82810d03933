"""Numerical kernels: pure functions on NumPy arrays that know no Tensor.

A kernel reads its inputs, writes into none of them and returns a fresh C-contiguous array of
their dtype. Images are ``(N, C, H, W)``; sizes are pairs ``(height, width)``. Arguments are taken
as they come: the operations have already normalised them and refused what makes no sense.
"""

from tinygraph.kernels.conv import conv2d, conv2d_input_grad, conv2d_weight_grad
from tinygraph.kernels.pool import (
    avg_pool2d,
    avg_unpool2d,
    max_pool2d,
    max_unpool2d,
    take_winners,
)
from tinygraph.kernels.softmax import log_softmax, logsumexp, softmax
from tinygraph.kernels.windows import fold, output_size, unfold

__all__ = [
    "avg_pool2d",
    "avg_unpool2d",
    "conv2d",
    "conv2d_input_grad",
    "conv2d_weight_grad",
    "fold",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "max_unpool2d",
    "output_size",
    "softmax",
    "take_winners",
    "unfold",
]

"""Numerical kernels: pure functions on NumPy arrays that know no Tensor.

A kernel reads its inputs, writes into none of them and returns a fresh C-contiguous array of
their dtype. Images are ``(N, C, H, W)``; sizes are pairs ``(height, width)``. Signals and volumes,
of one and of three spatial axes, go the same ways. Arguments are taken as they come: the
operations have already normalised them and refused what makes no sense.
"""

from tinygraph.kernels.channels import (
    channel_affine,
    channel_combine,
    channel_dot,
    channel_moments,
    channel_sum,
)
from tinygraph.kernels.classification import cross_entropy, cross_entropy_grad
from tinygraph.kernels.contraction import contract
from tinygraph.kernels.convolution import conv, conv_input_grad, conv_weight_grad
from tinygraph.kernels.elementwise import relu, sigmoid, where
from tinygraph.kernels.memory import keep_freed_memory
from tinygraph.kernels.pool import (
    adaptive_max_pool,
    avg_pool,
    avg_unpool,
    max_pool,
    max_unpool,
    put_pixels,
    take_pixels,
    winner_pixels,
)
from tinygraph.kernels.products import matmul
from tinygraph.kernels.resampling import area_weights, interpolation_weights, resample
from tinygraph.kernels.softmax import log_softmax, logsumexp, softmax
from tinygraph.kernels.special import erf, softplus
from tinygraph.kernels.windows import fold, output_size, unfold

__all__ = [
    "adaptive_max_pool",
    "area_weights",
    "avg_pool",
    "avg_unpool",
    "channel_affine",
    "channel_combine",
    "channel_dot",
    "channel_moments",
    "channel_sum",
    "contract",
    "conv",
    "conv_input_grad",
    "conv_weight_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "erf",
    "fold",
    "interpolation_weights",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max_pool",
    "max_unpool",
    "output_size",
    "put_pixels",
    "relu",
    "resample",
    "sigmoid",
    "softmax",
    "softplus",
    "take_pixels",
    "unfold",
    "where",
    "winner_pixels",
]

keep_freed_memory()

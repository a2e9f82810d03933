"""Initial values, written into a Tensor in place.  Names and defaults follow PyTorch.

Fans are those of a weight (out, in, ...), as of Linear and Conv2d: ``fan_in = in * prod(...)``,
``fan_out = out * prod(...)``.
"""

from __future__ import annotations

import math

import numpy as np

from .. import _random
from .._tensor import Array, Tensor


def _fill(caller: str, tensor: Tensor, values: Array | float) -> Tensor:
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        what = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{caller}: expected a Tensor of floating dtype, not {what}")
    tensor.data = np.broadcast_to(values, tensor.shape)
    return tensor


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with normal random numbers; return the Tensor.

    Raises
    ------
    ValueError
        If ``std`` is negative.
    """
    if not std >= 0:
        raise ValueError(f"normal_: std must be at least 0, not {std}")
    return _fill("normal_", tensor, _random.generator(generator).normal(mean, std, tensor.shape))


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with uniform random numbers from ``a`` to ``b``; return the Tensor.

    Raises
    ------
    ValueError
        If ``a`` is above ``b``.
    """
    if not a <= b:
        raise ValueError(f"uniform_: a must not be above b, but a = {a} and b = {b}")
    return _fill("uniform_", tensor, _random.generator(generator).uniform(a, b, tensor.shape))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``; return the Tensor."""
    return _fill("constant_", tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros; return the Tensor."""
    return _fill("zeros_", tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones; return the Tensor."""
    return _fill("ones_", tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights must grow so that a nonlinearity keeps the variance.

    Parameters
    ----------
    nonlinearity : {"linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"}
    param : float, optional
        The negative slope of "leaky_relu", 0.01 unless given.

    Raises
    ------
    ValueError
        If the nonlinearity is none of these.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    slope = 0.01 if param is None else param
    gains = {
        "linear": 1.0,
        "conv2d": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "leaky_relu": math.sqrt(2 / (1 + slope**2)),
        "selu": 3 / 4,
    }
    if nonlinearity not in gains:
        raise ValueError(
            f"calculate_gain: nonlinearity must be one of {', '.join(gains)}, not {nonlinearity!r}"
        )
    return gains[nonlinearity]


def _fans(caller: str, tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2 or not tensor.size:
        raise ValueError(
            f"{caller}: needs a weight of shape (out, in, ...) with elements, not {tensor.shape}"
        )
    window = math.prod(tensor.shape[2:])
    return tensor.shape[1] * window, tensor.shape[0] * window


def _kaiming_std(caller: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{caller}: mode must be 'fan_in' or 'fan_out', not {mode!r}")
    fan = _fans(caller, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with normal random numbers of standard deviation gain / sqrt(fan); return the Tensor.

    Parameters
    ----------
    tensor : Tensor, shape (out, in, ...)
    a : float
        The negative slope of "leaky_relu"; 0 makes that ReLU.
    mode : {"fan_in", "fan_out"}
        Whether to keep the variance in the forward or in the backward pass.
    nonlinearity : str
        What follows the layer: a name that `calculate_gain` knows.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If the shape has no fans, or ``mode`` or ``nonlinearity`` is unknown.

    Notes
    -----
    He et al., *Delving Deep into Rectifiers*, 2015.
    """
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with uniform random numbers up to ±gain sqrt(3 / fan); all else as `kaiming_normal_`."""
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def _xavier_std(caller: str, tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2 / sum(_fans(caller, tensor)))


def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Fill with normal random numbers, std = gain sqrt(2 / (fan_in + fan_out)).

    Returns the Tensor.

    Raises
    ------
    ValueError
        If the shape has no fans.

    Notes
    -----
    Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural
    Networks*, 2010.
    """
    return normal_(tensor, 0, _xavier_std("xavier_normal_", tensor, gain), generator)


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Fill with uniform random numbers up to ±gain sqrt(6 / (fan_in + fan_out)).

    All else as `xavier_normal_`.
    """
    bound = math.sqrt(3) * _xavier_std("xavier_uniform_", tensor, gain)
    return uniform_(tensor, -bound, bound, generator)

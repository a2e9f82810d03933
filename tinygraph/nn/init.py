"""Initial values, written into a Tensor in place.  Names and defaults follow PyTorch.

Fans are those of a weight (out, in, ...), as of Linear and Conv2d: ``fan_in = in * prod(...)``,
``fan_out = out * prod(...)``.
"""

from __future__ import annotations

import math

import numpy as np

from .. import _random
from .._tensor import Array, Tensor
from ..ops._arguments import number


def _check(caller: str, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        what = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"{caller}: expected a Tensor of floating dtype, not {what}")
    if not tensor.is_leaf:
        raise ValueError(f"{caller}: the Tensor was computed, by {tensor._source}; fill a leaf")


def _fill(caller: str, tensor: Tensor, values: Array | float) -> Tensor:
    _check(caller, tensor)
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
    TypeError
        If ``tensor`` is no Tensor of floating dtype; so all functions here.
    ValueError
        If it was computed (so all functions here), or ``std`` is negative.
    """
    _check("normal_", tensor)
    if not number("normal_", "std", std) >= 0:
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
        If ``a`` is above ``b``, or one of them is not finite.
    """
    _check("uniform_", tensor)
    width = number("uniform_", "b", b) - number("uniform_", "a", a)
    if not 0 <= width < math.inf:
        raise ValueError(
            f"uniform_: a must not be above b, and both be finite, but a = {a} and b = {b}"
        )
    return _fill("uniform_", tensor, _random.generator(generator).uniform(a, b, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: np.random.Generator | None = None,
) -> Tensor:
    """Fill with normal random numbers, those outside of ``a`` to ``b`` drawn anew.

    Returns the Tensor.  ``std`` is that of the numbers before any is drawn anew; ``a`` and ``b``
    are values, not multiples of it.

    Raises
    ------
    ValueError
        If ``mean`` is not finite, ``std`` not positive and finite, or ``a`` not below ``b``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> weight = tg.nn.init.trunc_normal_(tg.zeros((100, 100)), std=0.02, a=-0.04, b=0.04)
    >>> bool((abs(weight) <= 0.04).all())
    True
    """
    _check("trunc_normal_", tensor)
    for name, value in {"mean": mean, "std": std, "a": a, "b": b}.items():
        number("trunc_normal_", name, value)
    if not math.isfinite(mean):
        raise ValueError(f"trunc_normal_: mean must be finite, not {mean}")
    if not 0 < std < math.inf:
        raise ValueError(f"trunc_normal_: std must be positive and finite, not {std}")
    if not a < b:
        raise ValueError(f"trunc_normal_: a must be below b, but a = {a} and b = {b}")
    rng = _random.generator(generator)
    drawn = _standard_normal((a - mean) / std, (b - mean) / std, tensor.size, rng)
    values = np.clip(mean + std * drawn, a, b)  # which rounding could have left
    return _fill("trunc_normal_", tensor, values.reshape(tensor.shape))


def _standard_normal(low: float, high: float, count: int, rng: np.random.Generator) -> Array:
    """Draw ``count`` standard normal numbers from ``low`` to ``high``, by rejection."""
    often = math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2)) > 0.5
    peak = min(max(low, 0), high)
    limit = math.sqrt(peak**2 + 80)  # the density there is exp(-40) of that at the peak
    first, last = max(low, -limit), min(high, limit)
    drawn = np.empty(count)
    done = 0
    while done < count:
        if often:
            x = rng.standard_normal(count - done)
            x = x[(low <= x) & (x <= high)]
        else:
            x = rng.uniform(first, last, count - done)
            x = x[rng.exponential(size=len(x)) >= (x**2 - peak**2) / 2]
        drawn[done : done + len(x)] = x
        done += len(x)
    return drawn


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
    _check(caller, tensor)
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


def orthogonal_(
    tensor: Tensor, gain: float = 1.0, generator: np.random.Generator | None = None
) -> Tensor:
    """Fill with a random matrix whose rows, or columns if there are fewer, are orthonormal.

    Returns the Tensor.  Of a weight of more than two axes all but the first count as one.

    Parameters
    ----------
    tensor : Tensor, shape (out, in, ...)
    gain : float
        The length of each row, or column.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    ValueError
        If there are fewer than two axes.

    Notes
    -----
    Saxe et al., *Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks*, 2013.

    Examples
    --------
    >>> import tinygraph as tg
    >>> weight = tg.nn.init.orthogonal_(tg.zeros((2, 3)), gain=2.0)
    >>> abs(weight @ weight.mT).round().tolist()
    [[4.0, 0.0], [0.0, 4.0]]
    """
    _check("orthogonal_", tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs a weight of shape (out, in, ...), not {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    drawn = _random.generator(generator).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = gain * q * np.copysign(1, r.diagonal())  # LAPACK's signs are not random
    return _fill("orthogonal_", tensor, (q if rows >= columns else q.T).reshape(tensor.shape))

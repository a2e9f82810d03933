"""What is done to gradients between backward and the optimiser's step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._tensor import Array, Tensor


def _gradients(caller: str, parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    several = isinstance(parameters, Iterable) and not isinstance(parameters, Tensor)
    given: list[Any] = list(parameters) if several else [parameters]
    for p in given:
        if not isinstance(p, Tensor):
            raise TypeError(
                f"{caller}: parameters must be Tensors, such as net.parameters(), "
                f"not a {type(p).__name__}"
            )
    return [p.grad for p in given if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients by one factor, in place, to a joint norm of at most ``max_norm``.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensors
        Those without a gradient count nothing.
    max_norm : float
    norm_type : float
        The p of the norm, which may be infinity.
    error_if_nonfinite : bool
        Whether a norm that is NaN or infinite is an error; else the gradients become NaN or 0.

    Returns
    -------
    Tensor, shape ()
        The norm before.

    Raises
    ------
    ValueError
        If the norm is not finite, and that is an error.

    Examples
    --------
    >>> import tinygraph as tg
    >>> p = tg.tensor([3.0, 4.0], requires_grad=True)
    >>> (p * p).sum().backward()
    >>> tg.nn.utils.clip_grad_norm_([p], 1.0).item(), [round(g, 3) for g in p.grad.tolist()]
    (10.0, [0.6, 0.8])
    """
    gradients = _gradients("clip_grad_norm_", parameters)
    if not gradients:
        return Tensor(0.0)
    dtype = np.result_type(*(g.dtype for g in gradients))
    wide = np.promote_types(dtype, np.float32)  # squares soon leave the range of float16
    flat = (g.data.reshape(-1).astype(wide, copy=False) for g in gradients)
    norms: Array = np.array([np.linalg.norm(g, norm_type) for g in flat], wide)
    total = np.asarray(np.linalg.norm(norms, norm_type), wide)
    if error_if_nonfinite and not np.isfinite(total):
        raise ValueError(
            f"clip_grad_norm_: the norm of order {norm_type} of the gradients is {total}"
        )
    factor = min(1.0, max_norm / (float(total) + 1e-6))
    for g in gradients:
        g.data = g.data * factor
    return Tensor(total.astype(dtype))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Limit every element of the gradients, in place, to ±``clip_value``."""
    for g in _gradients("clip_grad_value_", parameters):
        g.data = np.clip(g.data, -clip_value, clip_value)

"""The default random generator, the only source of randomness nobody passes explicitly."""

from __future__ import annotations

import numpy as np

_default = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Restart the default generator from ``seed``, so that what follows can be repeated.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.manual_seed(0)
    >>> a = tg.rand(3)
    >>> tg.manual_seed(0)
    >>> bool((a == tg.rand(3)).all())
    True
    """
    global _default
    _default = np.random.default_rng(seed)


def generator(given: np.random.Generator | None = None) -> np.random.Generator:
    """Return the generator ``given``, or the default one where there is none."""
    if given is None:
        return _default
    if not isinstance(given, np.random.Generator):
        raise TypeError(
            f"generator must be a numpy.random.Generator, not {type(given).__name__}; "
            "make one with numpy.random.default_rng(seed)"
        )
    return given

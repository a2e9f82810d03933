"""The default random generator, the only source of randomness nobody passes explicitly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

States: TypeAlias = dict[np.random.Generator | None, Any]  # None for the default one

_default = np.random.default_rng()
_noting: ContextVar[tuple[States, ...]] = ContextVar("tinygraph_generators", default=())


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
    if given is not None and not isinstance(given, np.random.Generator):
        raise TypeError(
            f"generator must be a numpy.random.Generator, not {type(given).__name__}; "
            "make one with numpy.random.default_rng(seed)"
        )
    found = _default if given is None else given
    for states in _noting.get():
        if given not in states:
            states[given] = found.bit_generator.state
    return found


class Randomness:
    """The states of some generators, to be had again: from now, or from when they were first used.

    The default one is whichever it is at the time.
    """

    def __init__(self, generators: Iterable[np.random.Generator] = ()) -> None:
        self._states: States = {g: g.bit_generator.state for g in generators}

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the generators that are used in a ``with`` block, too."""
        token = _noting.set((*_noting.get(), self._states))
        try:
            yield
        finally:
            _noting.reset(token)

    @contextmanager
    def again(self) -> Iterator[None]:
        """Go back to the states for a ``with`` block."""
        states = [(_default if g is None else g, state) for g, state in self._states.items()]
        now = [(g, g.bit_generator.state) for g, _ in states]
        _go_to(states)
        try:
            yield
        finally:
            _go_to(now)


def _go_to(states: Iterable[tuple[np.random.Generator, Any]]) -> None:
    for g, state in states:
        g.bit_generator.state = state

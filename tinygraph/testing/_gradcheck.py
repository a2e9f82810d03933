"""gradcheck: every derivative of any callable over Tensors, against differences and themselves."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from ._checks import ORDERS, Mode, report_of
from ._report import Example, GradientError, InconclusiveWarning, Report
from ._session import tally

__tracebackhide__ = True  # pytest shows the user's lines
MODES = ("auto", "dense", "projected", "exact")
DEFAULTS: dict[str, Any] = {"wrt": None, "order": 1, "mode": "auto", "seed": 0}


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: Any = None,
    order: int = 1,
    mode: Mode = "auto",
    seed: int = 0,
) -> Report:
    """Check the derivatives of ``f``, which takes Tensors and returns one or several.

    Every output is differentiated by every input of floats: Tensors and arrays, also nested in
    tuples, lists, dicts and dataclasses, and the parameters of Modules (of ``f`` too, if it is
    one).  Differences are taken in float64, with an error bar that follows from the numbers
    themselves; gradients of float32 inputs are then compared with those in float64.

    Parameters
    ----------
    f : callable
        Called many times: it must return the same for the same arguments.
    *inputs
        What ``f`` takes: the point.  Arrays become Tensors; nothing given is changed.
    wrt : str, int, or sequence of them, optional
        Which inputs to differentiate by, by name or position.  Default: all.
    order : {1, 2, 3}
        Up to which order.
    mode : {"auto", "dense", "projected", "exact"}
        Compare every entry of the Jacobian, or random projections of it; auto is dense up to 1000
        entries.  Exact rounds the inputs to small integers, and compares with ``==``: for functions
        that are linear in each input.
    seed : int
        Of the cotangents and directions, which are random.

    Returns
    -------
    Report
        Its verdict is ``"passed"`` or ``"inconclusive"``; the latter also warns.

    Raises
    ------
    GradientError
        If a derivative is wrong.  The message, and ``report``, tell which, where, and how.
    TypeError, ValueError
        If there is nothing to check: no input or output of floats, no gradient, another result in
        every call; or if the arguments are none of the above.

    Warns
    -----
    InconclusiveWarning
        If the differences are too coarse to tell, or every point nearby is on a kink.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import gradcheck
    >>> x, w = np.array([[1.0, -2.0]]), np.array([[0.5, 1.0], [2.0, -1.0]])
    >>> gradcheck(lambda x, w: (x @ w).tanh(), x, w).verdict
    'passed'
    >>> @tg.function(lambda g, x: g * x)  # the factor 2 is missing
    ... def squared(x):
    ...     return x * x
    >>> gradcheck(squared, x)
    Traceback (most recent call last):
      ...
    tinygraph.testing._report.GradientError: squared: failed, ...
    """
    _check_arguments(f, order, mode)
    report = report_of(f, inputs, wrt, order, mode, seed)
    tally.count(report)
    if report.verdict == "failed":
        from ._reproduce import told  # a check that passes needs no pictures

        given = {"wrt": wrt, "order": order, "mode": mode, "seed": seed}
        options = {name: x for name, x in given.items() if x != DEFAULTS[name]}
        error = GradientError(report, Example(f, inputs, options))
        raise error if _in_hypothesis() else told(error)  # which first shrinks the example itself
    if report.verdict == "inconclusive":
        warnings.warn(str(report), InconclusiveWarning, stacklevel=2)
    return report


def _in_hypothesis() -> bool:
    hypothesis = sys.modules.get("hypothesis")
    return hypothesis is not None and bool(hypothesis.currently_in_test_context())


def _check_arguments(f: Any, order: Any, mode: Any) -> None:
    if not callable(f):
        raise TypeError(f"gradcheck: expected a function, not {type(f).__name__}")
    if order not in ORDERS:
        raise ValueError(f"gradcheck: order must be 1, 2 or 3, not {order!r}")
    if mode not in MODES:
        raise ValueError(f"gradcheck: mode must be one of {', '.join(MODES)}, not {mode!r}")
    if mode == "exact" and order != 1:
        raise ValueError("gradcheck: mode='exact' checks first derivatives; use order=1")

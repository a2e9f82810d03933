"""Prove gradients: check any callable over Tensors, and be told which rule is wrong, and where.

>>> import numpy as np
>>> from tinygraph.testing import gradcheck
>>> gradcheck(lambda x, w: (x @ w).tanh(), np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).verdict
'passed'

`gradcheck` and what else is imported here needs NumPy alone; what is made with Hypothesis is
imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._contracts import contracts
from ._differential import differential
from ._gradcheck import gradcheck
from ._graphs import assert_all_parameters_reached, assert_no_float64, assert_same_graph
from ._localise import localise
from ._relations import additive_over_batch, equivalent, equivariant, invariant
from ._report import Entry, Finding, GradientError, InconclusiveWarning, Report

if TYPE_CHECKING:
    from ._gradtest import gradtest
    from ._machine import EngineMachine
    from ._suite import FunctionSuite

__all__ = [
    "EngineMachine",
    "Entry",
    "Finding",
    "FunctionSuite",
    "GradientError",
    "InconclusiveWarning",
    "Report",
    "additive_over_batch",
    "assert_all_parameters_reached",
    "assert_no_float64",
    "assert_same_graph",
    "contracts",
    "differential",
    "equivalent",
    "equivariant",
    "gradcheck",
    "gradtest",
    "invariant",
    "localise",
]

# The names that need Hypothesis, and the modules that define them.
_LAZY: dict[str, str] = {
    "EngineMachine": "_machine",
    "FunctionSuite": "_suite",
    "gradtest": "_gradtest",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)

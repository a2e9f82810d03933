"""One row for each operation: what to apply, to what, and what should come out.

The battery in test_functions.py runs over this table, and fails where a Function has no row.  To
add an operation, add a row to its family: the Function, how its inputs are drawn, and its
definition.  Several rows where an attribute changes what happens.
"""

from __future__ import annotations

from .elementwise import ELEMENTWISE
from .linalg import PRODUCTS
from .loss import LOSSES
from .reduction import REDUCTIONS
from .shape import SHAPES, indexings
from .table import Case
from .windows import WINDOWS

CASES: list[Case] = [
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPES,
    *indexings(),
    *PRODUCTS,
    *WINDOWS,
    *LOSSES,
]
CASES += [variant for case in CASES for variant in case.variants()]
DIFFERENTIABLE = [case for case in CASES if case.differentiable]
LINEAR = [case for case in CASES if case.linear]

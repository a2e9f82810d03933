"""One row for each operation: what to apply, to what, and what should come out.

The battery in test_functions.py runs over this table, and fails where a Function has no row.  To
add an operation, add a row to its family: the Function, how its inputs are drawn, and its
definition.  Several rows where an attribute changes what happens.
"""

from __future__ import annotations

from .checkpoint import CHECKPOINTS
from .decompositions import LINEAR_ALGEBRA
from .elementwise import ELEMENTWISE
from .embedding import EMBEDDINGS
from .linalg import PRODUCTS
from .loss import LOSSES
from .normalization import NORMALIZATIONS
from .pointwise import POINTWISE
from .pointwise_loss import POINTWISE_LOSSES
from .recurrent import RECURRENT
from .reduction import REDUCTIONS
from .running import RUNNING
from .selection import SELECTIONS
from .shape import SHAPES, indexings
from .table import Case
from .ties import TIES
from .windows import WINDOWS

CASES: list[Case] = [
    *CHECKPOINTS,
    *ELEMENTWISE,
    *POINTWISE,
    *REDUCTIONS,
    *RUNNING,
    *SELECTIONS,
    *SHAPES,
    *indexings(),
    *PRODUCTS,
    *LINEAR_ALGEBRA,
    *WINDOWS,
    *LOSSES,
    *NORMALIZATIONS,
    *EMBEDDINGS,
    *RECURRENT,
    *POINTWISE_LOSSES,
    *TIES,
]
CASES += [variant for case in CASES for variant in case.variants()]
DIFFERENTIABLE = [case for case in CASES if case.differentiable]
LINEAR = [case for case in CASES if case.linear]

"""What to draw with Hypothesis: Tensors, indices, windows, whole graphs.

The structure (shapes, layouts, strides, operations) is drawn, and made simpler when a test fails;
values come from a drawn seed.

>>> from hypothesis import given
>>> from tinygraph.testing import strategies as st
>>> @given(st.tensors(st.broadcastable(2)))
... def test_addition_commutes(pair):
...     a, b = pair
...     assert ((a + b) == (b + a)).all()
>>> test_addition_commutes()
"""

from ._einsum import einsum_subscripts
from ._graphs import OPERATIONS, Program, graphs
from ._indices import indices, labels
from ._shapes import axes, broadcastable, matmul_pairs, permutations, reshapes, shapes
from ._tensors import tensors
from ._values import values
from ._windows import ConvCase, PoolCase, conv_configs, pool_configs

__all__ = [
    "OPERATIONS",
    "ConvCase",
    "PoolCase",
    "Program",
    "axes",
    "broadcastable",
    "conv_configs",
    "einsum_subscripts",
    "graphs",
    "indices",
    "labels",
    "matmul_pairs",
    "permutations",
    "pool_configs",
    "reshapes",
    "shapes",
    "tensors",
    "values",
]

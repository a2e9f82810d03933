import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygraph import kernels

from . import reference
from .checks import check_adjoint, check_fresh
from .strategies import BATCHES, arrays, geometries

AXIS = dict(
    size=st.integers(1, 12),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
    ceil_mode=st.booleans(),
)


@given(**AXIS)
@settings(deadline=None, max_examples=300)
def test_output_size_counts_the_windows(size, kernel, stride, padding, dilation, ceil_mode):
    if ceil_mode:
        padding = min(padding, (dilation * (kernel - 1) + 1) // 2)  # as pooling requires
    counted = reference.count_windows(size, kernel, stride, padding, dilation, ceil_mode)
    actual = kernels.output_size(size, kernel, stride, padding, dilation, ceil_mode)
    assert max(actual, 0) == counted


@given(st.data(), geometries(), BATCHES)
@settings(deadline=None, max_examples=120)
def test_unfold_is_its_definition(data, geometry, n):
    x = data.draw(arrays((n, 2, *geometry.size)))
    cols = kernels.unfold(x, *geometry.sliding)
    check_fresh(cols, x.dtype, x)
    np.testing.assert_array_equal(cols, reference.unfold(x, *geometry.sliding), strict=True)


@given(st.data(), geometries(), BATCHES)
@settings(deadline=None, max_examples=120)
def test_fold_is_the_adjoint_of_unfold(data, geometry, n):
    x = data.draw(arrays((n, 2, *geometry.size), integers=True))
    unfolded = kernels.unfold(x, *geometry.sliding)
    cols = data.draw(arrays(unfolded.shape, x.dtype, integers=True))
    folded = kernels.fold(cols, geometry.size, *geometry.sliding)
    check_fresh(folded, x.dtype, cols)
    assert folded.shape == x.shape
    check_adjoint(x, unfolded, cols, folded)


@given(st.data(), geometries(ranks=[2]))
@settings(deadline=None, max_examples=60)
def test_agrees_with_torch(torch, data, geometry):
    x = data.draw(arrays((2, 2, *geometry.size), integers=True))
    cols = kernels.unfold(x, *geometry.sliding)
    kernel_size, stride, padding, dilation = geometry.sliding
    options = dict(kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)
    unfolded = torch.nn.functional.unfold(torch.tensor(x.copy()), **options)
    np.testing.assert_array_equal(cols, unfolded)
    folded = torch.nn.functional.fold(unfolded, geometry.size, **options)
    np.testing.assert_array_equal(kernels.fold(cols, geometry.size, *geometry.sliding), folded)

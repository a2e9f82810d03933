"""What every kernel promises, and how close two ways of summing must come."""

import numpy as np


def check_fresh(y, dtype, *inputs):
    """Require a writeable C-contiguous array of the dtype that shares memory with no input."""
    assert isinstance(y, np.ndarray)
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    assert y.flags.writeable
    assert not any(np.shares_memory(y, x) for x in inputs)


def check_sums(actual, expected, magnitude, terms):
    """Require two orders of the same sums to agree to rounding.

    Each is within terms * eps * magnitude of the true sum, where magnitude is the sum of the
    terms' absolute values (Higham, Accuracy and Stability, section 4.2); products round once more.
    """
    assert actual.shape == expected.shape
    eps = np.finfo(actual.dtype).eps
    assert np.all(np.abs(actual - expected) <= 2 * (terms + 1) * eps * magnitude)


def check_adjoint(x, ax, y, aty):
    """Require <A x, y> == <x, A* y>, on integers, where every sum is exact."""
    assert np.vdot(ax, y) == np.vdot(x, aty)

"""matmul: NumPy's product, whichever threads it is on."""

import numpy as np
import pytest

from tinygraph import kernels

SHAPES = [
    ((3, 4), (4, 5)),
    ((0, 4), (4, 5)),
    ((256, 1), (1, 64)),  # what one row gives to the gradient of a weight
    ((0, 1), (1, 5)),
    ((64, 400), (400, 120)),  # one thread
    ((128, 784), (784, 256)),  # BLAS's threads
    ((700, 400), (400, 300)),  # ours, by rows
    ((32, 4096), (4096, 600)),  # by columns
    ((9, 250, 200), (9, 200, 200)),  # by the batch
    ((9, 250, 200), (1, 200, 200)),
    ((250, 200), (9, 200, 200)),
    ((1, 700, 400), (400, 300)),
    ((2, 1, 300, 200), (5, 200, 200)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("a", "b"), SHAPES, ids=str)
def test_product(a, b, dtype):
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in (a, b))
    y = kernels.matmul(a, b)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, a @ b, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(y, kernels.matmul(a, b))  # each time the same
    np.testing.assert_allclose(kernels.matmul(b.mT, a.mT), (a @ b).mT, rtol=1e-3, atol=1e-3)


def test_mixed_dtypes_and_integers():
    a, b = np.ones((700, 400), np.float32), np.ones((400, 300))
    assert kernels.matmul(a, b).dtype == np.float64
    assert kernels.matmul(a.astype(int), b.astype(int)).dtype == np.int64


@pytest.mark.parametrize(("a", "b"), [((3, 1), (3, 2)), ((3, 2), (1, 2)), ((2, 3, 1), (4, 2))])
def test_what_does_not_fit_is_no_product_of_elements(a, b):
    with pytest.raises(ValueError, match="matmul"):
        kernels.matmul(np.ones(a), np.ones(b))

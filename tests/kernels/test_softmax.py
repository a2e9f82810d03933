import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygraph import kernels

from . import reference
from .checks import check_fresh
from .strategies import arrays

AXES = st.sampled_from([0, 1, 2, -1, (0, 2), (-1, 1), (0, 1, 2), None])
SHAPES = st.tuples(*[st.integers(1, 5)] * 3)
SCALES = st.sampled_from([1e-3, 1.0, 30.0, 1e4])


def along(function, x, axis):
    """Apply a function of the values along axis, given as a list, and keep the axes."""
    kept = np.ones(x.ndim, bool)
    kept[list(range(x.ndim) if axis is None else np.atleast_1d(axis))] = False
    y = np.zeros([n if keep else 1 for n, keep in zip(x.shape, kept, strict=True)])
    for at in np.ndindex(y.shape):
        where = tuple(i if keep else slice(None) for i, keep in zip(at, kept, strict=True))
        y[at] = function(x[where].ravel().tolist())
    return y


@st.composite
def logits(draw):
    x = draw(arrays(draw(SHAPES), integers=False))
    return x * x.dtype.type(draw(SCALES))


def rounding(x, terms):
    """Bound the error of logsumexp: of a sum of `terms`, a logarithm and a shift by max |x|."""
    return np.finfo(x.dtype).eps * (terms + 4 + 2 * np.max(np.abs(x), initial=0))


@given(logits(), AXES, st.booleans())
@settings(deadline=None, max_examples=150)
def test_logsumexp_is_its_definition(x, axis, keepdims):
    y = kernels.logsumexp(x, axis, keepdims)
    check_fresh(y, x.dtype, x)
    expected = along(reference.logsumexp, x, axis)
    expected = expected if keepdims else expected.squeeze(axis)
    np.testing.assert_allclose(y, expected, rtol=0, atol=rounding(x, x.size), strict=False)
    assert y.shape == expected.shape


@given(logits(), AXES)
@settings(deadline=None, max_examples=150)
def test_softmax_and_log_softmax_are_their_definitions(x, axis):
    y, log_y = kernels.softmax(x, axis), kernels.log_softmax(x, axis)
    check_fresh(y, x.dtype, x)
    check_fresh(log_y, x.dtype, x)
    expected = x.astype(float) - along(reference.logsumexp, x, axis)
    bound = rounding(x, x.size)
    np.testing.assert_allclose(log_y, expected, rtol=0, atol=bound)
    # An error of `bound` in the exponent is a relative error in the exponential; below the
    # smallest normal number only an absolute one is left.
    np.testing.assert_allclose(y, np.exp(expected), rtol=bound, atol=np.finfo(x.dtype).tiny)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [-1e4, 1e4])
def test_far_from_zero(dtype, scale):
    x = np.array([scale, scale, -abs(scale)], dtype)
    np.testing.assert_allclose(
        kernels.softmax(x, 0)[:2].sum(), 1 if scale > 0 else 1 - 1 / 3, rtol=1e-3
    )
    assert np.isfinite(kernels.log_softmax(x, 0)).all()
    assert np.isfinite(kernels.logsumexp(x, 0, False))
    assert kernels.softmax(x, 0).dtype == kernels.logsumexp(x, 0, False).dtype == dtype


@pytest.mark.parametrize("axis", [0, 1])
def test_a_long_axis_in_half_precision(axis):
    """A sum of ones in float16 stops at 2048, because 2049 is no number there."""
    x = np.zeros((2, 5000) if axis else (5000, 2), np.float16)
    expected = np.log(5000)
    np.testing.assert_allclose(kernels.softmax(x, axis), 1 / 5000, rtol=2e-3)
    np.testing.assert_allclose(kernels.log_softmax(x, axis), -expected, rtol=1e-3)
    y = kernels.logsumexp(x, axis, False)
    assert y.dtype == np.float16
    np.testing.assert_allclose(y, expected, rtol=1e-3)


INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("row", "logsumexp", "softmax", "log_softmax"),
    [
        ([-INF, 0, 0], np.log(2), [0, 0.5, 0.5], [-INF, -np.log(2), -np.log(2)]),
        ([-INF, -INF, -INF], -INF, [NAN] * 3, [NAN] * 3),
        ([INF, 0, 1e4], INF, [NAN] * 3, [NAN] * 3),
        ([INF, -INF, INF], INF, [NAN] * 3, [NAN] * 3),
        ([NAN, 0, INF], NAN, [NAN] * 3, [NAN] * 3),
    ],
)
def test_special_values(row, logsumexp, softmax, log_softmax):
    x = np.array(row)
    with np.errstate(all="raise"):
        np.testing.assert_allclose(kernels.logsumexp(x, 0, False), logsumexp, rtol=1e-15)
        np.testing.assert_allclose(kernels.softmax(x, 0), softmax, rtol=1e-15)
        np.testing.assert_allclose(kernels.log_softmax(x, 0), log_softmax, rtol=1e-15)


@pytest.mark.parametrize("axis", [0, 1, None])
def test_empty(axis):
    x = np.zeros((0, 3), np.float32)
    assert kernels.softmax(x, axis).shape == kernels.log_softmax(x, axis).shape == (0, 3)
    y = kernels.logsumexp(x, axis, False)
    check_fresh(y, np.float32)
    np.testing.assert_array_equal(y, np.full(x.sum(axis).shape, -np.inf))


def test_zero_dimensions():
    x = np.array(3.0, np.float32)
    for y, expected in [
        (kernels.softmax(x, None), 1),
        (kernels.log_softmax(x, None), 0),
        (kernels.logsumexp(x, None, False), 3),
    ]:
        check_fresh(y, np.float32, x)
        assert y.shape == ()
        assert y == expected


@given(st.data(), AXES.filter(lambda axis: isinstance(axis, int)))
@settings(deadline=None, max_examples=60)
def test_agrees_with_torch(torch, data, axis):
    x = data.draw(arrays((3, 4, 5), integers=True))
    x = np.where(x == 3, data.draw(st.sampled_from([-INF, INF, NAN, 1e4])), x).astype(x.dtype)
    peer = torch.tensor(x)
    rtol = rounding(np.full(1, 3, x.dtype), 5)
    for actual, expected in [
        (kernels.softmax(x, axis), torch.softmax(peer, axis)),
        (kernels.log_softmax(x, axis), torch.log_softmax(peer, axis)),
        (kernels.logsumexp(x, axis, False), torch.logsumexp(peer, axis)),
    ]:
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol)

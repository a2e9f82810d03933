import numpy as np
import pytest

import tinygraph as tg
from tinygraph.nn import init

LINEAR, CONV = (120, 80), (40, 10, 3, 5)
SHAPES = [LINEAR, CONV]


def drawn(name, shape, *args, **kwargs):
    x = tg.zeros(shape)
    fill = getattr(init, name)
    assert fill(x, *args, generator=np.random.default_rng(0), **kwargs) is x
    assert x.dtype == np.float32
    again = fill(tg.zeros(shape), *args, generator=np.random.default_rng(0), **kwargs)
    np.testing.assert_array_equal(again.data, x.data)
    return x.data


def fans(shape):
    window = int(np.prod(shape[2:]))
    return shape[1] * window, shape[0] * window


def check_uniform(values, bound):
    assert np.abs(values).max() <= np.float32(bound)
    assert np.abs(values).max() > 0.99 * bound
    assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    assert values.mean() == pytest.approx(0, abs=0.03 * bound)


def check_normal(values, mean, std):
    assert values.mean() == pytest.approx(mean, abs=0.05 * std)
    assert values.std() == pytest.approx(std, rel=0.03)
    within = (np.abs(values - mean) < std).mean()
    assert within == pytest.approx(0.6827, abs=0.02)


def test_constants():
    x = tg.randn(3, 2)
    assert init.zeros_(x) is x
    assert x.tolist() == [[0, 0]] * 3
    assert init.ones_(x).tolist() == [[1, 1]] * 3
    assert init.constant_(x, 2.5).tolist() == [[2.5, 2.5]] * 3


def test_normal_and_uniform():
    check_normal(drawn("normal_", LINEAR), 0, 1)
    check_normal(drawn("normal_", LINEAR, 3, 0.5), 3, 0.5)
    values = drawn("uniform_", LINEAR)
    assert values.min() >= 0
    check_uniform(2 * values - 1, 1)
    check_uniform(drawn("uniform_", LINEAR, -4, -2) + 3, 1)


def density_moments(mean, std, a, b):
    """Return mean and standard deviation of the density on a fine grid."""
    peak = np.clip(mean, a, b)
    x = np.linspace(max(a, peak - 40 * std), min(b, peak + 40 * std), 400_001)
    height = np.exp((((x - mean) / std) ** 2).min() / 2 - ((x - mean) / std) ** 2 / 2)
    center = (height * x).sum() / height.sum()
    return center, np.sqrt((height * (x - center) ** 2).sum() / height.sum())


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0, 1, -2, 2),
        (0, 0.02, -2, 2),  # nothing is cut off
        (3, 2, 0, 4),
        (0, 1, -0.1, 0.2),  # most is
        (0, 1, 1.5, np.inf),
        (10, 1, -np.inf, 4),  # the mean lies far outside
        (-50, 0.5, 0, 1000),
    ],
)
def test_truncated_normal(mean, std, a, b):
    values = drawn("trunc_normal_", LINEAR, mean, std, a, b)
    assert values.min() >= np.float32(a)
    assert values.max() <= np.float32(b)
    center, spread = density_moments(mean, std, a, b)
    assert values.mean() == pytest.approx(center, abs=0.05 * spread)
    assert values.std() == pytest.approx(spread, rel=0.05)


def test_truncated_normal_as_scipys():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    for low, high in [(-2, 2), (-0.5, 3), (1, 1.5), (4, np.inf)]:
        x = tg.zeros(5000, dtype=np.float64)
        values = init.trunc_normal_(x, 1, 2, 1 + 2 * low, 1 + 2 * high, rng)
        theirs = stats.truncnorm(low, high, loc=1, scale=2)
        assert stats.kstest(values.data, theirs.cdf).pvalue > 0.01


ORTHOGONAL = [(4, 4), (120, 80), (20, 30), (3, 1), (6, 2, 3, 3), (10, 1, 2), (0, 3), (2, 0)]


@pytest.mark.parametrize("shape", ORTHOGONAL)
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_orthogonal(shape, gain):
    x = tg.zeros(shape, dtype=np.float64)
    assert init.orthogonal_(x, gain, np.random.default_rng(0)) is x
    matrix = x.data.reshape(shape[0], int(np.prod(shape[1:])))
    rows, columns = matrix.shape
    short = matrix if rows <= columns else matrix.T
    np.testing.assert_allclose(short @ short.T, gain**2 * np.eye(len(short)), atol=1e-12)
    assert drawn("orthogonal_", shape, gain).shape == shape


def test_orthogonal_matrices_are_uniform():
    """Each entry of a rotation of the plane, or its mirror image, is the cosine of any angle."""
    rng = np.random.default_rng(0)
    x = tg.zeros((2, 2))
    entries = np.array([init.orthogonal_(x, generator=rng).data.copy() for _ in range(2000)])
    np.testing.assert_allclose((entries > 0).mean(axis=0), 0.5, atol=0.05)
    np.testing.assert_allclose((np.abs(entries) < np.sqrt(0.5)).mean(axis=0), 0.5, atol=0.05)
    assert np.linalg.det(entries).mean() == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(("a", "nonlinearity"), [(0, "leaky_relu"), (2, "leaky_relu"), (0, "tanh")])
def test_kaiming(shape, mode, a, nonlinearity):
    gain = 5 / 3 if nonlinearity == "tanh" else np.sqrt(2 / (1 + a**2))
    std = gain / np.sqrt(fans(shape)[mode == "fan_out"])
    check_normal(drawn("kaiming_normal_", shape, a, mode, nonlinearity), 0, std)
    check_uniform(drawn("kaiming_uniform_", shape, a, mode, nonlinearity), np.sqrt(3) * std)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_xavier(shape, gain):
    std = gain * np.sqrt(2 / sum(fans(shape)))
    check_normal(drawn("xavier_normal_", shape, gain), 0, std)
    check_uniform(drawn("xavier_uniform_", shape, gain), np.sqrt(3) * std)


@pytest.mark.parametrize("name", ["kaiming", "xavier"])
@pytest.mark.parametrize("shape", SHAPES)
def test_scale_as_pytorchs(name, shape, torch):
    for kind in ("normal_", "uniform_"):
        theirs = getattr(torch.nn.init, f"{name}_{kind}")(torch.empty(shape)).numpy()
        assert drawn(f"{name}_{kind}", shape).std() == pytest.approx(theirs.std(), rel=0.05)


@pytest.mark.parametrize("slope", [None, 0, 0.2])
@pytest.mark.parametrize(
    "name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
)
def test_gains_as_pytorchs(name, slope, torch):
    assert init.calculate_gain(name, slope) == torch.nn.init.calculate_gain(name, slope)


def test_the_default_generator():
    tg.manual_seed(5)
    first = init.normal_(tg.zeros(3)).tolist()
    tg.manual_seed(5)
    assert init.normal_(tg.zeros(3)).tolist() == first


def test_writes_are_logged():
    x = tg.ones(2, requires_grad=True)
    y = (x * x).sum()
    init.zeros_(x)
    with pytest.raises(ValueError, match="was written after Multiply used it"):
        y.backward()


def test_empty_and_0d():
    assert init.normal_(tg.zeros((0, 3))).shape == (0, 3)
    assert init.constant_(tg.zeros(()), 3).item() == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.normal_(tg.zeros(2), std=-1), ValueError, "std must be at least 0, not -1"),
        (lambda: init.uniform_(tg.zeros(2), 1, 0), ValueError, "a = 1 and b = 0"),
        (lambda: init.uniform_(tg.zeros(2), 0, np.inf), ValueError, "uniform_: .*finite.*b = inf"),
        (lambda: init.uniform_(tg.zeros(2), "0"), TypeError, "uniform_: a must be a number, not"),
        (lambda: init.normal_(tg.zeros(2), 0, "1"), TypeError, "normal_: std must be a number"),
        (
            lambda: init.trunc_normal_(tg.zeros(2), b=None),
            TypeError,
            "b must be a number, not None",
        ),
        (lambda: init.trunc_normal_(tg.zeros(2), std=0), ValueError, "std must be .* not 0"),
        (lambda: init.trunc_normal_(tg.zeros(2), std=np.inf), ValueError, "and finite, not inf"),
        (lambda: init.trunc_normal_(tg.zeros(2), np.nan), ValueError, "mean must be .*, not nan"),
        (lambda: init.trunc_normal_(tg.zeros(2), a=2), ValueError, r"a = 2 and b = 2\.0"),
        (lambda: init.orthogonal_(tg.zeros(3)), ValueError, r"\(out, in, ...\), not \(3,\)"),
        (lambda: init.orthogonal_(tg.zeros((2, 2)), generator=1), TypeError, "generator must be"),
        (lambda: init.zeros_(tg.arange(3)), TypeError, "floating dtype, not int64"),
        (lambda: init.zeros_(np.zeros(3)), TypeError, "floating dtype, not ndarray"),
        (
            lambda: init.zeros_(tg.ones(2, requires_grad=True) * 2),
            ValueError,
            "zeros_: .* Multiply",
        ),
        (lambda: init.kaiming_normal_(tg.zeros(3)), ValueError, r"kaiming_normal_: needs a weight"),
        (lambda: init.xavier_uniform_(tg.zeros((0, 3))), ValueError, r"not \(0, 3\)"),
        (lambda: init.kaiming_uniform_(tg.zeros((2, 2)), mode="fan"), ValueError, "not 'fan'"),
        (lambda: init.calculate_gain("gelu"), ValueError, "must be one of linear, .*, not 'gelu'"),
        (lambda: init.normal_(tg.zeros(2), generator=1), TypeError, "generator must be"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("wrong", [[[1.0, 2.0]], None, "weight", tg.nn.Linear(2, 2)], ids=repr)
@pytest.mark.parametrize("name", [n for n in dir(init) if n.endswith("_") and n[0] != "_"])
def test_what_is_no_tensor_is_refused_by_name(name, wrong):
    value = [1.0] if name == "constant_" else []
    with pytest.raises(TypeError, match=f"{name}: expected a Tensor of floating dtype, not"):
        getattr(init, name)(wrong, *value)

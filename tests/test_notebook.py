"""examples/notebook_layers.py: hand-written layers and the graph agree, and a mistake is seen."""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "notebook_layers.py"
PAGE = ROOT / "docs" / "from-layers-to-a-graph.md"

CONVOLUTIONS = [  # n_bt, x_ch, x_h, x_w, n_flt, flt_h, flt_w, stride, pad
    (2, 3, 6, 6, 4, 3, 3, 1, 1),
    (1, 1, 5, 7, 2, 3, 2, 1, 0),
    (3, 2, 8, 7, 5, 3, 3, 2, 0),
    (2, 2, 7, 7, 3, 2, 3, 3, 2),  # some pixels in no window
    (4, 3, 4, 5, 2, 1, 1, 1, 0),
    (1, 2, 4, 4, 6, 4, 4, 1, 0),  # a single window
    (2, 1, 2, 3, 3, 3, 3, 1, 1),  # windows larger than the image
    (16, 8, 12, 12, 16, 5, 5, 1, 2),
]
POOLINGS = [  # n_bt, x_ch, x_h, x_w, pool, pad
    (2, 3, 8, 8, 2, 0),
    (1, 1, 7, 5, 2, 0),
    (3, 2, 8, 7, 3, 0),
    (2, 2, 4, 9, 5, 0),
    (2, 2, 1, 2, 3, 0),  # a window larger than the image
    (2, 3, 8, 8, 2, 1),
    (1, 2, 7, 6, 3, 1),
    (2, 2, 9, 8, 4, 2),
    (1, 1, 5, 5, 1, 0),
]
FULL = [(1, 1, 2), (1, 7, 5), (16, 30, 10), (64, 200, 33)]  # n_bt, n_upper, n


@pytest.fixture
def notebook():
    """The example, loaded anew so that a test may break it."""
    spec = spec_from_file_location("notebook_layers", EXAMPLE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def differing(rows):
    return {row.what for row in rows if not row.agrees}


def with_ties(rng, shape):
    return rng.integers(-3, 3, shape).astype(np.float64)


def conv_case(notebook, rng, config, layer=None):
    n_bt, x_ch, x_h, x_w, n_flt, *windows = config
    conv = (layer or notebook.ConvLayer)(x_ch, x_h, x_w, n_flt, *windows, rng)
    grad_y = rng.standard_normal((n_bt, n_flt, conv.y_h, conv.y_w))
    return notebook.compare_conv(conv, rng.standard_normal((n_bt, x_ch, x_h, x_w)), grad_y)


def pooling_case(notebook, rng, config, layer=None, shift=0):
    n_bt, x_ch, x_h, x_w, pool, pad = config
    pooling = (layer or notebook.PoolingLayer)(x_ch, x_h, x_w, pool, pad)
    grad_y = rng.standard_normal((n_bt, x_ch, pooling.y_h, pooling.y_w))
    return notebook.compare_pooling(pooling, with_ties(rng, (n_bt, x_ch, x_h, x_w)) + shift, grad_y)


def middle_case(notebook, rng, config, layer=None):
    n_bt, n_upper, n = config
    middle = (layer or notebook.MiddleLayer)(n_upper, n, rng)
    x, grad_y = rng.standard_normal((n_bt, n_upper)), rng.standard_normal((n_bt, n))
    return notebook.compare_middle(middle, x, grad_y)


def output_case(notebook, rng, config, layer=None, scale=1):
    n_bt, n_upper, n = config
    output = (layer or notebook.OutputLayer)(n_upper, n, rng)
    x = scale * rng.standard_normal((n_bt, n_upper))
    return notebook.compare_output(output, x, rng.integers(0, n, n_bt))


def training(notebook, rng, steps=4):
    images, labels = rng.random((20, 1, 7, 5)), np.arange(20) % 10
    return list(notebook.train_side_by_side(images, labels, steps, rng, batch=8))


# -- what is right agrees --------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONVOLUTIONS)
def test_windows(notebook, rng, config):
    n_bt, x_ch, x_h, x_w, _, *windows = config
    x = rng.standard_normal((n_bt, x_ch, x_h, x_w))
    assert not differing(notebook.compare_windows(x, *windows, rng))


@pytest.mark.parametrize("config", CONVOLUTIONS)
def test_convolution(notebook, rng, config):
    rows = conv_case(notebook, rng, config)
    assert [row.what for row in rows] == ["output", "grad_x", "grad_w", "grad_b"]
    assert not differing(rows)


@pytest.mark.parametrize("config", POOLINGS)
def test_pooling_is_equal(notebook, rng, config):
    rows = pooling_case(notebook, rng, config)
    assert [(row.what, row.difference) for row in rows] == [("output", 0), ("grad_x", 0)]


@pytest.mark.parametrize("config", FULL)
def test_middle(notebook, rng, config):
    assert not differing(middle_case(notebook, rng, config))


@pytest.mark.parametrize("scale", [1, 30])  # also logits that lie far apart
@pytest.mark.parametrize("config", FULL)
def test_output(notebook, rng, config, scale):
    assert not differing(output_case(notebook, rng, config, scale=scale))


def test_training(notebook, rng):
    steps = training(notebook, rng)
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert all(step.agrees for step in steps)
    assert all(step.allowed < 1e-9 for step in steps)  # so that to agree means something


def test_notebook_size_without_padding(notebook):
    """The notebook's own formula for the pooled size, which ignores the padding."""
    for x_h in range(1, 12):
        for pool in range(1, 6):
            y_h = x_h // pool if x_h % pool == 0 else x_h // pool + 1
            assert notebook.PoolingLayer(1, x_h, 1, pool, 0).y_h == y_h


# -- what is wrong is seen -------------------------------------------------------------------------


def col2im_without_adding(cols, x_shape, flt_h, flt_w, y_h, y_w, stride, pad):
    n_bt, x_ch, x_h, x_w = x_shape
    cols = cols.reshape(x_ch, flt_h, flt_w, n_bt, y_h, y_w).transpose(3, 0, 1, 2, 4, 5)
    x = np.zeros((n_bt, x_ch, x_h + 2 * pad, x_w + 2 * pad))
    for h in range(flt_h):
        for w in range(flt_w):
            x[:, :, h : h + stride * y_h : stride, w : w + stride * y_w : stride] = cols[:, :, h, w]
    return x[:, :, pad : pad + x_h, pad : pad + x_w]


def test_sees_col2im_without_adding(notebook, rng, monkeypatch):
    monkeypatch.setattr(notebook, "col2im", col2im_without_adding)
    assert differing(conv_case(notebook, rng, CONVOLUTIONS[0])) == {"grad_x"}
    assert differing(
        notebook.compare_windows(rng.standard_normal((2, 3, 6, 6)), 3, 3, 1, 1, rng)
    ) == {
        "col2im = fold",
        "col2im = grad of unfold",
        "<im2col x, c> = <x, col2im c>",
    }


def test_sees_the_size_formula_without_padding(notebook, rng):
    class NotebookSize(notebook.ConvLayer):
        def __init__(self, x_ch, x_h, x_w, n_flt, flt_h, flt_w, stride, pad, rng):
            super().__init__(x_ch, x_h, x_w, n_flt, flt_h, flt_w, stride, pad, rng)
            self.y_h = (x_h - flt_h) // stride + 1

    conv = NotebookSize(1, 6, 6, 2, 3, 3, 1, 1, rng)
    conv.forward(rng.standard_normal((1, 1, 6, 6)))
    graph = notebook.conv_layer(np.ones((1, 1, 6, 6)), conv.w, conv.b, stride=1, pad=1)
    assert not notebook.compare("", "", conv.y, graph).agrees


def test_sees_a_tie_given_to_the_last(notebook, rng):
    class LastWins(notebook.PoolingLayer):
        def forward(self, x):
            super().forward(x)
            _, _, _, pool, pad = self.params
            cols = notebook.im2col(x, pool, pool, self.y_h, self.y_w, pool, pad, self.fill)
            cols = cols.T.reshape(-1, pool * pool)
            self.max_index = pool * pool - 1 - np.argmax(cols[:, ::-1], axis=1)

    assert differing(pooling_case(notebook, rng, POOLINGS[0], LastWins)) == {"grad_x"}


@pytest.mark.parametrize("config", [POOLINGS[2], POOLINGS[5]])  # beyond the end, and around
def test_sees_padding_with_zeros(notebook, rng, config):
    class ZeroPadding(notebook.PoolingLayer):
        fill = 0.0

    rows = pooling_case(notebook, rng, config, ZeroPadding, shift=-10)
    assert differing(rows) == {"output", "grad_x"}


def test_sees_a_delta_without_the_kink(notebook, rng):
    class NoKink(notebook.MiddleLayer):
        def backward(self, grad_y):
            self.gradients(grad_y)

    assert differing(middle_case(notebook, rng, FULL[2], NoKink)) == {"grad_x", "grad_w", "grad_b"}


def test_sees_a_mean_over_the_batch(notebook, rng):
    class Mean(notebook.OutputLayer):
        def backward(self, t):
            self.gradients((self.y - t) / len(t))

    assert differing(output_case(notebook, rng, FULL[2], Mean)) == {"grad_x", "grad_w", "grad_b"}


@pytest.mark.parametrize("wrong", ["grad_x", "grad_w", "grad_b"])
@pytest.mark.parametrize(
    ("case", "config", "name"),
    [
        (conv_case, CONVOLUTIONS[0], "ConvLayer"),
        (middle_case, FULL[2], "MiddleLayer"),
        (output_case, FULL[2], "OutputLayer"),
    ],
)
def test_sees_one_part_in_1e11(notebook, rng, case, config, name, wrong):
    class Off(getattr(notebook, name)):
        def gradients(self, delta):
            super().gradients(delta)
            setattr(self, wrong, getattr(self, wrong) * (1 + 1e-11))

    assert differing(case(notebook, rng, config, Off)) == {wrong}


@pytest.mark.parametrize(
    "graph", [np.array([1.0, np.nan]), np.array([1.0, np.inf]), np.ones((1, 2)), np.ones(2, "f")]
)
def test_sees_nan_shape_and_dtype(notebook, graph):
    assert not notebook.compare("", "", np.ones(2), graph, np.ones(2)).agrees


def test_sees_a_wrong_step(notebook, rng, monkeypatch):
    right = notebook.MiddleLayer.gradients

    def gradients(self, delta):
        right(self, delta)
        self.grad_b = self.grad_b * (1 + 1e-6)

    monkeypatch.setattr(notebook.MiddleLayer, "gradients", gradients)
    assert not any(step.agrees for step in training(notebook, rng))


# -- the program and its page ----------------------------------------------------------------------


def test_program(notebook, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.setattr("sys.argv", [str(EXAMPLE), "--fast"])
    assert notebook.main() == 0
    assert "DIFFERS" not in capsys.readouterr().out
    monkeypatch.setattr(notebook.PoolingLayer, "fill", 0.0)
    assert notebook.main() == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_listings_of_the_page_are_the_code():
    def lines(text):  # without blank lines and indentation, which a method loses on the page
        return re.sub(r"\n\s*", "\n", text)

    sources = [EXAMPLE, *sorted((ROOT / "tinygraph" / "ops").glob("*.py"))]
    code = lines("\n".join(path.read_text(encoding="utf-8") for path in sources))
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    listings = [block for block in blocks if ">>>" not in block]
    assert len(listings) >= 10
    assert [listing for listing in listings if lines(listing) not in code] == []

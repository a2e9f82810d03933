import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

# What is compared with PyTorch: how to build it, with either library, and the input's shape.
LAYERS = {
    "linear": (lambda nn: nn.Linear(5, 3), (4, 5)),
    "linear, leading axes": (lambda nn: nn.Linear(5, 3, bias=False), (2, 4, 5)),
    "conv2d": (lambda nn: nn.Conv2d(2, 4, 3), (3, 2, 7, 6)),
    "conv2d, all options": (lambda nn: nn.Conv2d(4, 6, (3, 2), 2, (1, 2), (2, 1), 2), (2, 4, 9, 8)),
    "conv2d, no bias": (lambda nn: nn.Conv2d(1, 2, 2, bias=False), (1, 4, 4)),
    "max_pool2d": (lambda nn: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 2, 8, 8)),
    "max_pool2d, dilated": (lambda nn: nn.MaxPool2d((2, 3), dilation=2), (2, 2, 8, 8)),
    "avg_pool2d": (lambda nn: nn.AvgPool2d(3, 2, 1, True, False), (2, 2, 8, 8)),
    "avg_pool2d, defaults": (lambda nn: nn.AvgPool2d((2, 3)), (2, 2, 8, 8)),
    "batch_norm2d": (lambda nn: nn.BatchNorm2d(3), (4, 3, 5, 5)),
    "batch_norm2d, options": (lambda nn: nn.BatchNorm2d(3, 1e-2, 0.3, False), (4, 3, 5, 5)),
    "batch_norm2d, no average": (
        lambda nn: nn.BatchNorm2d(3, track_running_stats=False),
        (4, 3, 5, 5),
    ),
    "relu": (lambda nn: nn.ReLU(), (3, 4)),
    "tanh": (lambda nn: nn.Tanh(), (3, 4)),
    "sigmoid": (lambda nn: nn.Sigmoid(), (3, 4)),
    "flatten": (lambda nn: nn.Flatten(), (3, 4, 5)),
    "flatten, axes": (lambda nn: nn.Flatten(0, 1), (3, 4, 5)),
    "sequential": (
        lambda nn: nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16, 3),
        ),
        (5, 1, 4, 4),
    ),
}


def tensor(torch_tensor):
    return tg.tensor(torch_tensor.detach().numpy())


def check_same(ours, theirs, x, torch, rtol):
    """Compare outputs, all gradients, and buffers after a pass."""
    tx = torch.tensor(x, requires_grad=True)
    ux = tg.tensor(x, requires_grad=True)
    ty, uy = theirs(tx), ours(ux)
    g = np.random.default_rng(1).standard_normal(uy.shape).astype(x.dtype)
    ty.backward(torch.tensor(g))
    uy.backward(g)
    close = dict(rtol=rtol, atol=10 * rtol)
    assert uy.dtype == x.dtype
    np.testing.assert_allclose(uy.data, ty.detach().numpy(), **close)
    np.testing.assert_allclose(ux.grad.data, tx.grad.numpy(), **close)
    for (name, p), (their_name, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        np.testing.assert_allclose(p.grad.data, q.grad.numpy(), **close, err_msg=name)
    for name, buffer in ours.named_buffers():
        np.testing.assert_allclose(
            buffer.data, dict(theirs.named_buffers())[name].numpy(), **close, err_msg=name
        )


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("case", LAYERS)
def test_layers_as_pytorch(case, dtype, rtol, torch):
    make, shape = LAYERS[case]
    theirs = make(torch.nn).to(getattr(torch, dtype))
    tg.set_default_dtype(dtype)
    try:
        ours = make(nn)
    finally:
        tg.set_default_dtype("float32")
    state = {name: tensor(value) for name, value in theirs.state_dict().items()}
    assert ours.load_state_dict(state) == ([], [])
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of ceil_mode's corners
        check_same(ours, theirs, x, torch, rtol)
        check_same(ours.eval(), theirs.eval(), x + 1, torch, rtol)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_as_pytorch(reduction, torch):
    rng = np.random.default_rng(0)
    x, y, weight = rng.standard_normal((5, 3)), rng.integers(0, 3, 5), rng.random(3)
    y[2] = 1
    settings = dict(ignore_index=1, reduction=reduction, label_smoothing=0.1)
    ours = nn.CrossEntropyLoss(weight, **settings)
    theirs = torch.nn.CrossEntropyLoss(torch.tensor(weight), **settings)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
    expected = theirs(torch.tensor(x), torch.tensor(y)).numpy()
    np.testing.assert_allclose(ours(x, y).data, expected, rtol=1e-12)
    plain = torch.nn.CrossEntropyLoss()(torch.tensor(x), torch.tensor(y)).numpy()
    np.testing.assert_allclose(nn.CrossEntropyLoss()(x, y).data, plain, rtol=1e-12)

    z = rng.standard_normal((5, 3))
    expected = torch.nn.MSELoss(reduction=reduction)(torch.tensor(x), torch.tensor(z)).numpy()
    np.testing.assert_allclose(nn.MSELoss(reduction=reduction)(x, z).data, expected, rtol=1e-12)


@pytest.mark.parametrize("make", [lambda **kw: nn.Linear(50, 40, **kw), None])
def test_initial_values_are_bounded_and_seeded(make):
    make = make or (lambda **kw: nn.Conv2d(4, 30, (3, 5), groups=2, **kw))
    layer = make(generator=np.random.default_rng(0))
    bound = 1 / np.sqrt(layer.weight.size / layer.weight.shape[0])
    for p in layer.parameters():
        assert p.dtype == np.float32
        assert np.abs(p.data).max() <= np.float32(bound)
        assert np.abs(p.data).max() > 0.9 * bound
    assert layer.weight.data.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    again = make(generator=np.random.default_rng(0))
    np.testing.assert_array_equal(again.weight.data, layer.weight.data)
    np.testing.assert_array_equal(again.bias.data, layer.bias.data)
    tg.manual_seed(3)
    first = make().bias.tolist()
    assert make().bias.tolist() != first
    tg.manual_seed(3)
    assert make().bias.tolist() == first


def test_initial_values_are_distributed_as_pytorchs(torch):
    for make in (lambda nn: nn.Linear(90, 60), lambda nn: nn.Conv2d(8, 60, 3)):
        ours, theirs = make(nn), make(torch.nn)
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert p.shape == tuple(q.shape)
            rel = 0.05 if name == "weight" else 0.3
            assert p.data.std() == pytest.approx(q.detach().numpy().std(), rel=rel)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_dtype(dtype):
    for layer in (
        nn.Linear(2, 3, dtype=dtype),
        nn.Conv2d(1, 1, 1, dtype=dtype),
        nn.BatchNorm2d(2, dtype=dtype),
    ):
        state = layer.state_dict()
        state.pop("num_batches_tracked", None)  # which counts
        assert {value.dtype for value in state.values()} == {np.dtype(dtype)}


def test_batch_norm_follows_batches_only_in_training():
    norm = nn.BatchNorm2d(2)
    x = tg.randn(4, 2, 3, 3)
    norm.eval()(x)
    assert norm.running_mean.tolist() == [0, 0]
    norm.train()(x)
    np.testing.assert_allclose(norm.running_mean.data, 0.1 * x.data.mean((0, 2, 3)), rtol=1e-5)


def test_dropout_in_training_only():
    layer = nn.Dropout(0.25, generator=np.random.default_rng(0))
    x = tg.ones((100, 100))
    y = layer(x)
    assert set(np.unique(y.data)) == {0, np.float32(1 / 0.75)}
    assert (y.data == 0).mean() == pytest.approx(0.25, abs=0.02)
    again = nn.Dropout(0.25, generator=np.random.default_rng(0))(x)
    np.testing.assert_array_equal(again.data, y.data)
    assert layer.eval()(x) is x


def test_a_user_can_train(torch):
    """One whole step, as PyTorch takes it."""
    make = LAYERS["sequential"][0]
    theirs, ours = make(torch.nn), make(nn)
    ours.load_state_dict({n: tensor(v) for n, v in theirs.state_dict().items()})
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 1, 4, 4)).astype("float32"), rng.integers(0, 3, 5)
    mine = tg.optim.SGD(ours.parameters(), 0.1, momentum=0.9)
    other = torch.optim.SGD(theirs.parameters(), 0.1, momentum=0.9)
    for _ in range(4):
        mine.zero_grad()
        other.zero_grad()
        nn.CrossEntropyLoss()(ours(x), y).backward()
        torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(y)).backward()
        mine.step()
        other.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 1), "Linear: in_features must be an integer of at least 1, not 0"),
        (lambda: nn.Linear(1, 2.0), "Linear: out_features must be an integer .*, not 2.0"),
        (lambda: nn.Linear(True, 1), "Linear: in_features must be an integer .*, not True"),
        (lambda: nn.Embedding(0, 2), "Embedding: num_embeddings must be an integer .*, not 0"),
        (lambda: nn.Embedding(4, 2.0), "Embedding: embedding_dim must be an integer .*, not 2.0"),
        (lambda: nn.PReLU(True), "PReLU: num_parameters must be an integer .*, not True"),
        (lambda: nn.LayerNorm(True), "LayerNorm: normalized_shape must be an integer .*, not True"),
        (
            lambda: nn.MultiheadAttention("8", 2),
            "MultiheadAttention: embed_dim must be .*, not '8'",
        ),
        (lambda: nn.MultiheadAttention(8, True), "MultiheadAttention: num_heads must be .* True"),
        (lambda: nn.MultiheadAttention(8, 2, kdim=0), "MultiheadAttention: kdim must be .*, not 0"),
        (
            lambda: nn.TransformerEncoderLayer(8, 2, 16.0),
            "TransformerEncoderLayer: dim_feedforward must be .*, not 16.0",
        ),
        (lambda: nn.LSTM(2, True), "LSTM: hidden_size must be an integer .*, not True"),
        (lambda: nn.Conv2d(0, 1, 1), "Conv2d: in_channels must be .*, not 0"),
        (lambda: nn.Conv2d(1, 1, 1, groups=0), "Conv2d: groups must be .*, not 0"),
        (lambda: nn.Conv2d(4, 3, 1, groups=2), "2 groups must divide both in_channels = 4 and"),
        (lambda: nn.Conv2d(1, 1, 0), "Conv2d: kernel_size must be at least 1, not 0"),
        (lambda: nn.Conv2d(1, 1, 1, stride=0), "Conv2d: stride must be at least 1, not 0"),
        (lambda: nn.BatchNorm2d(0), "BatchNorm2d: num_features must be .*, not 0"),
        (lambda: nn.BatchNorm2d(2)(tg.ones((3, 2))), r"x must have shape \(N, C, H, W\), not"),
        (lambda: nn.BatchNorm2d(2)(tg.ones((3, 1, 2, 2))), "batch_norm: weight must have shape"),
        (lambda: nn.Linear(3, 1)(tg.ones((2, 4))), "linear: weight expects 3 features"),
        (lambda: nn.Conv2d(3, 1, 1)(tg.ones((2, 4, 5, 5))), "weight expects 3 input channels"),
        (lambda: nn.MaxPool2d(9)(tg.ones((1, 2, 2))), "window .* larger than the padded image"),
        (lambda: nn.Dropout(2), "Dropout: p must be from 0 to 1, not 2"),
        (lambda: nn.MSELoss(reduction="max")(tg.ones(1), tg.ones(1)), "reduction must be"),
    ],
)
def test_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(1, 1, True), "Conv2d: kernel_size must be an int or 2 ints, not True"),
        (lambda: nn.Conv1d(1, 1, 3, (True,)), r"Conv1d: stride must be an int, not \(True,\)"),
        (lambda: nn.ReLU(tg.ones(2)), "ReLU: inplace must be .*, not a Tensor; .* another call"),
        (lambda: nn.LayerNorm(1.5), "LayerNorm: normalized_shape must be .* ints, not 1.5"),
        (lambda: nn.Embedding(4, 2, "0"), "Embedding: padding_idx must be an integer, not '0'"),
        (lambda: nn.Dropout("half"), "Dropout: p must be a number, not str"),
        (lambda: nn.Linear(1, 1).train("eval"), "train: mode must be True or False, not 'eval'"),
    ],
)
def test_wrong_types(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_wrong_generator():
    with pytest.raises(TypeError, match=r"generator must be a numpy.random.Generator, not int"):
        nn.Linear(1, 1, generator=0)

"""Modules against PyTorch's, with the same state: outputs, and all gradients."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

from ..test_torch import assert_close, draw

LABELS = np.where(draw(4, 5, seed=2) > 0, 1.0, -1.0)
X, T = draw(4, 5), draw(4, 5, seed=1)
P, Q = (1 / (1 + np.exp(-a)) for a in (X, T))
CLASSES = np.array([0, 4, 2, 2])
WEIGHT = draw(5, seed=3) ** 2


def close(got, expected, what):
    if expected is None:
        assert got is None
    elif isinstance(expected, tuple):
        for pair in zip(got, expected, strict=True):
            close(*pair, what)
    else:
        assert_close(got, expected, what)


def compare(torch, make, *arrays, training=True, **options):
    """Compare a module that ``make`` makes of either library, with the state of PyTorch's."""
    torch.manual_seed(0)
    theirs = make(torch.nn, torch.tensor).double().train(training)
    tg.set_default_dtype("float64")
    try:
        ours = make(nn, tg.tensor).train(training)
    finally:
        tg.set_default_dtype("float32")
    state = {name: value.detach().numpy() for name, value in theirs.state_dict().items()}
    assert ours.load_state_dict(state) == ([], [])
    xs = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    ts = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = ours(*xs, **options)
    expected = theirs(
        *ts, **{k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    )
    close(y, expected, "output")
    if isinstance(y, tuple):
        y, expected = y[0], expected[0]
    g = draw(*y.shape, seed=9)
    y.backward(g)
    expected.backward(torch.tensor(g))
    for x, t in zip(xs, ts, strict=True):
        if t.grad is not None:
            assert_close(x.grad, t.grad, "gradient of an input")
    names = dict(ours.named_parameters())
    for name, p in theirs.named_parameters():
        assert_close(names[name].grad, p.grad, name)
    state = ours.state_dict()
    for name, value in theirs.state_dict().items():
        assert_close(state[name], value, name)


NORMS = {
    "batch_norm1d": (lambda n, t: n.BatchNorm1d(3), (4, 3)),
    "batch_norm1d of sequences": (lambda n, t: n.BatchNorm1d(3, momentum=None), (4, 3, 2)),
    "batch_norm2d": (lambda n, t: n.BatchNorm2d(3, eps=1e-2), (2, 3, 2, 3)),
    "batch_norm3d": (lambda n, t: n.BatchNorm3d(3, affine=False), (2, 3, 2, 1, 2)),
    "batch_norm, nothing running": (
        lambda n, t: n.BatchNorm1d(3, track_running_stats=False),
        (4, 3),
    ),
    "instance_norm1d": (lambda n, t: n.InstanceNorm1d(3), (4, 3, 5)),
    "instance_norm1d of one": (lambda n, t: n.InstanceNorm1d(3, affine=True), (3, 5)),
    "instance_norm2d": (
        lambda n, t: n.InstanceNorm2d(3, affine=True, track_running_stats=True),
        (2, 3, 2, 3),
    ),
    "instance_norm3d": (
        lambda n, t: n.InstanceNorm3d(3, track_running_stats=True),
        (2, 3, 2, 1, 2),
    ),
    "group_norm": (lambda n, t: n.GroupNorm(2, 4), (3, 4, 5)),
    "group_norm without affine": (lambda n, t: n.GroupNorm(1, 4, 1e-2, affine=False), (3, 4)),
    "layer_norm": (lambda n, t: n.LayerNorm(5), (4, 5)),
    "layer_norm without bias": (lambda n, t: n.LayerNorm((3, 5), bias=False), (2, 3, 5)),
    "layer_norm without affine": (
        lambda n, t: n.LayerNorm([5], 1e-2, elementwise_affine=False),
        (4, 5),
    ),
    "rms_norm": (lambda n, t: n.RMSNorm(5), (4, 5)),
    "rms_norm, options": (lambda n, t: n.RMSNorm([5], 1e-2, elementwise_affine=False), (4, 5)),
    "local_response_norm": (lambda n, t: n.LocalResponseNorm(2, 0.3), (2, 4, 3)),
    "identity": (lambda n, t: n.Identity(54, unused=0), (2, 3)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", NORMS)
def test_norms(torch, name, training):
    make, shape = NORMS[name]
    compare(torch, make, draw(*shape), training=training)


def test_running_means_of_all_batches(torch):
    theirs, ours = torch.nn.BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, momentum=None)
    for seed in range(3):
        x = draw(4, 3, seed=seed, dtype=np.float32)
        theirs(torch.tensor(x))
        ours(x)
    for name, value in theirs.state_dict().items():
        assert_close(ours.state_dict()[name], value, name)


LOSSES = {
    "NLLLoss": ([X, CLASSES], [{}, dict(weight=WEIGHT, ignore_index=2)]),
    "MSELoss": ([X, T], [{}]),
    "L1Loss": ([X, T], [{}]),
    "SmoothL1Loss": ([X, T], [{}, dict(beta=0.3)]),
    "HuberLoss": ([X, T], [{}, dict(delta=0.3)]),
    "KLDivLoss": ([np.log(P), Q], [dict(reduction="batchmean"), dict(log_target=True)]),
    "PoissonNLLLoss": ([X, 3 * Q], [{}, dict(log_input=True, full=True)]),
    "GaussianNLLLoss": ([X, T, Q], [{}, dict(full=True, eps=0.5)]),
    "BCELoss": ([P, Q], [{}, dict(weight=WEIGHT)]),
    "BCEWithLogitsLoss": ([X, Q], [{}, dict(weight=WEIGHT, pos_weight=WEIGHT + 1)]),
    "SoftMarginLoss": ([X, LABELS.astype(int)], [{}]),
    "MultiLabelSoftMarginLoss": ([X, Q], [{}, dict(weight=WEIGHT)]),
    "HingeEmbeddingLoss": ([X, LABELS], [{}, dict(margin=0.2)]),
    "MarginRankingLoss": ([X, T, LABELS], [{}, dict(margin=0.5)]),
    "MultiMarginLoss": ([X, CLASSES], [{}, dict(p=2, margin=0.5, weight=WEIGHT)]),
    "CosineEmbeddingLoss": ([X, T, LABELS[:, 0]], [{}, dict(margin=0.3)]),
    "TripletMarginLoss": ([X, T, P], [{}, dict(margin=0.5, p=1, swap=True)]),
}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch, of KLDivLoss
@pytest.mark.parametrize("name", LOSSES)
def test_losses(torch, name):
    arrays, many = LOSSES[name]
    for options in many:
        for reduction in ("mean", "sum", "none"):

            def make(n, tensor, options=options, reduction=reduction):
                given = {k: tensor(v) if k.endswith("weight") else v for k, v in options.items()}
                return getattr(n, name)(**{"reduction": reduction, **given})

            compare(torch, make, *arrays)


@pytest.mark.parametrize(
    "make",
    [
        lambda n, t: n.CosineSimilarity(),
        lambda n, t: n.CosineSimilarity(0, 1e-3),
        lambda n, t: n.PairwiseDistance(),
        lambda n, t: n.PairwiseDistance(1, 0.1, True),
    ],
)
def test_distances(torch, make):
    compare(torch, make, X, T)


# -- embedding -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(padding_idx=2),
        dict(padding_idx=-1, scale_grad_by_freq=True),
        dict(scale_grad_by_freq=True),
        dict(max_norm=1.0),
        dict(max_norm=1.0, norm_type=1.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(), (7,), (2, 5), (0,)], ids=str)
def test_embedding(torch, shape, options):
    index = np.asarray(np.random.default_rng(0).integers(0, 4, shape))
    compare(torch, lambda n, t: n.Embedding(4, 3, **options), index)


def test_the_padding_starts_at_zero():
    table = nn.Embedding(4, 3, padding_idx=1).weight
    assert (table.data == 0).all(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e([0.5]), TypeError, "embedding: index must be integers, not float32"),
        (lambda e: e([4]), IndexError, r"index holds 4, but weight has 4 rows \(shape \(4, 3\)\)"),
        (lambda e: e([-1]), IndexError, "index holds -1"),
        (lambda e: nn.Embedding(4, 3, 4), ValueError, "padding_idx 4 is none of 4 rows"),
        (
            lambda e: nn.functional.embedding([0], e.weight, 4),
            ValueError,
            "embedding: padding_idx 4 is none of 4 rows",
        ),
        (
            lambda e: nn.functional.embedding([0], tg.ones(3)),
            ValueError,
            r"\(rows, D\), not \(3,\)",
        ),
        (
            lambda e: nn.functional.embedding([0], np.ones((2, 2)), max_norm=1.0),
            TypeError,
            "max_norm writes into weight, which must be a Tensor, not ndarray",
        ),
    ],
)
def test_mistakes_of_embedding(call, error, message):
    with pytest.raises(error, match=message):
        call(nn.Embedding(4, 3))


# -- attention -----------------------------------------------------------------------------------

QUERY, KEY, VALUE = draw(2, 3, 4, 8), draw(2, 3, 5, 8, seed=1), draw(2, 3, 5, 6, seed=2)
SEEN = draw(4, 5, seed=3) > 0
SEEN[1] = False  # a query that sees nothing


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(is_causal=True),
        dict(scale=0.3),
        dict(attn_mask=SEEN),
        dict(attn_mask=draw(4, 5, seed=4)),
        dict(attn_mask=draw(2, 1, 4, 5, seed=4)),
        dict(attn_mask=np.where(SEEN, 0, -np.inf)),
    ],
    ids=lambda options: "-".join(options),
)
def test_scaled_dot_product_attention(torch, options):
    from ..test_torch import agree

    torch_options = {
        k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()
    }
    for arrays in ((QUERY, KEY, VALUE), (QUERY[0], KEY[0], VALUE[0])):
        if len(arrays[0].shape) == 3 and getattr(options.get("attn_mask"), "ndim", 0) == 4:
            continue
        agree(
            torch,
            lambda q, k, v: nn.functional.scaled_dot_product_attention(q, k, v, **options),
            lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(
                q, k, v, **torch_options
            ),
            *arrays,
            twice=True,
        )


@pytest.mark.parametrize("mask", [None, SEEN, np.zeros((4, 5), np.float16)])
def test_attention_in_half_precision(torch, mask):
    """Scores of 10⁷ are more than float16 has; the greatest still wins."""
    arrays = [(2000 * x).astype(np.float16) for x in (QUERY, KEY, VALUE)]
    y = nn.functional.scaled_dot_product_attention(*arrays, mask)
    expected = torch.nn.functional.scaled_dot_product_attention(
        *map(torch.tensor, arrays), None if mask is None else torch.tensor(mask)
    )
    assert y.dtype == np.float16
    np.testing.assert_array_equal(y.data, expected)


def test_shared_heads(torch):
    from ..test_torch import agree

    agree(
        torch,
        lambda q, k, v: nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        lambda q, k, v: torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        draw(2, 6, 4, 8),
        KEY,
        VALUE,
    )


L, S, N, E = 4, 5, 3, 8
FORBIDDEN = draw(L, S, seed=5) > 0.5
FORBIDDEN[:, 0] = False
LATER = np.triu(np.ones((L, S), bool), 1)
PADDED = draw(N, S, seed=6) > 0.5
PADDED[:, 0] = False


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, {}),
        (dict(bias=False), dict(need_weights=False)),
        (dict(batch_first=True), dict(average_attn_weights=False)),
        (dict(add_bias_kv=True), dict(attn_mask=FORBIDDEN)),
        (dict(add_zero_attn=True), dict(key_padding_mask=PADDED)),
        (
            dict(add_zero_attn=True, add_bias_kv=True, batch_first=True),
            dict(attn_mask=draw(L, S, seed=7), key_padding_mask=draw(N, S, seed=8)),
        ),
        (dict(kdim=6, vdim=7), dict(attn_mask=draw(N * 2, L, S, seed=7))),
        (dict(kdim=6), dict(attn_mask=FORBIDDEN, need_weights=False)),
        (dict(dropout=0.0), dict(attn_mask=LATER, is_causal=True, need_weights=False)),
    ],
    ids=str,
)
def test_multihead_attention(torch, options, call):
    sizes = ((L, E), (S, options.get("kdim", E)), (S, options.get("vdim", E)))
    if options.get("batch_first"):
        shapes = [(N, n, e) for n, e in sizes]
    else:
        shapes = [(n, N, e) for n, e in sizes]
    arrays = [draw(*shape, seed=i) for i, shape in enumerate(shapes)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(torch, lambda n, t: n.MultiheadAttention(E, 2, **options), *arrays, **call)


def test_multihead_attention_without_a_batch(torch):
    arrays = [draw(L, E), draw(S, E, seed=1), draw(S, E, seed=2)]
    call = dict(key_padding_mask=PADDED[0], attn_mask=FORBIDDEN)
    compare(torch, lambda n, t: n.MultiheadAttention(E, 2), *arrays, **call)
    call = dict(average_attn_weights=False)
    compare(torch, lambda n, t: n.MultiheadAttention(E, 4), *arrays, **call)


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(norm_first=True, batch_first=True),
        dict(activation="gelu", bias=False, layer_norm_eps=1e-2),
    ],
    ids=str,
)
def test_transformer_encoder_layer(torch, options):

    def make(n, tensor):
        return n.TransformerEncoderLayer(E, 2, 16, dropout=0.0, **options)

    compare(torch, make, draw(3, 4, E))
    compare(
        torch,
        make,
        draw(3, 4, E),
        src_mask=np.triu(np.ones((3, 3), bool), 1)
        if not options.get("batch_first")
        else np.triu(np.ones((4, 4), bool), 1),
    )


def encoder(n, norm=True, **options):
    layer = n.TransformerEncoderLayer(E, 2, 16, dropout=0.0, **options)
    return n.TransformerEncoder(layer, 3, n.LayerNorm(E) if norm else None)


CAUSAL = np.triu(np.ones((3, 3), bool), 1)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(
    ("options", "shape", "masks"),
    [
        ({}, (3, 4, E), {}),
        ({}, (3, 4, E), dict(mask=CAUSAL, is_causal=True)),
        (dict(norm_first=True, batch_first=True), (4, 3, E), dict(mask=CAUSAL)),
        (dict(activation="gelu", bias=False), (3, E), {}),
        (dict(batch_first=True), (4, 3, E), dict(src_key_padding_mask=np.eye(4, 3, dtype=bool))),
    ],
    ids=str,
)
def test_transformer_encoder(torch, norm, options, shape, masks):
    def make(n, tensor):
        module = encoder(n, norm, **options)
        if n is torch.nn:  # layers that differ, as after training; ours get the same state
            for p in module.parameters():
                p.data += 0.1 * torch.randn(p.shape)
        return module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of why it takes no shortcut
        compare(torch, make, draw(*shape), **masks)


def test_states_of_transformer_encoders_are_exchanged(torch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = encoder(nn), encoder(torch.nn)
    names = [name for name, _ in theirs.named_parameters()]
    assert [name for name, _ in ours.named_parameters()] == names
    assert [p.name for p in ours.parameters()] == names
    for i, p in enumerate(ours.parameters()):
        p.data = draw(*p.shape, seed=i, dtype=np.float32)
    theirs.load_state_dict({k: torch.tensor(v.data) for k, v in ours.state_dict().items()})
    x = draw(3, 4, E, dtype=np.float32)
    expected = theirs(torch.tensor(x)).detach()
    np.testing.assert_allclose(ours(x).data, expected, rtol=1e-4, atol=1e-5)


def test_the_layers_of_a_transformer_encoder_are_copies():
    layer = nn.TransformerEncoderLayer(E, 2, 16)
    module = nn.TransformerEncoder(layer, 2)
    first, second = module.layers
    for p, q, r in zip(*(part.parameters() for part in (layer, first, second)), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        np.testing.assert_array_equal(p.data, r.data)
        assert not any(np.shares_memory(*pair) for pair in ((p, q), (q, r), (p, r)))
    assert module.num_layers == len(module.layers) == 2


def test_the_layers_of_a_transformer_encoder_have_names_of_their_own():
    """Also where the layer that was copied has a place in the model itself."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(E, 2, 16)
            self.encoder = nn.TransformerEncoder(self.layer, 2)

        def forward(self, x):
            return self.encoder(x)

    net = Net()
    assert [p.name for p in net.parameters()] == [name for name, _ in net.named_parameters()]
    y = net(draw(3, 4, E))
    scopes = {v.scope[:4] for v in tg.graph(y) if v.function is not None}
    assert scopes == {("Net", "encoder", "layers", str(i)) for i in range(2)}


def test_the_layers_of_a_transformer_encoder_drop_on_their_own():
    rng = np.random.default_rng(0)
    layer = nn.TransformerEncoderLayer(E, 2, 16, generator=rng)
    seen = []
    module = nn.TransformerEncoder(layer, 2)
    for part in module.layers:
        part.dropout.register_forward_hook(lambda module, args, y: seen.append(y.data == 0))
        part.dropout.register_forward_pre_hook(lambda module, args: tg.ones(args[0].shape))
    module(draw(3, 4, E, dtype=np.float32))
    assert not np.array_equal(*seen)


def test_dropout_of_attention_can_be_repeated():
    x = draw(3, 4, E, dtype=np.float32)
    runs = []
    for _ in range(2):
        layer = nn.TransformerEncoderLayer(E, 2, 16, generator=np.random.default_rng(0))
        runs.append(layer(x).data)
    np.testing.assert_array_equal(*runs)
    assert not np.array_equal(layer(x).data, layer(x).data)
    layer.eval()
    np.testing.assert_array_equal(layer(x).data, layer(x).data)


attention = nn.functional.scaled_dot_product_attention
x, q = tg.ones((3, 2, 8)), tg.ones((4, 8))
MISTAKES = {
    "features": (lambda: attention(q, q[:, :4], q), r"\(4, 8\), \(4, 4\) and \(4, 8\)"),
    "lengths": (lambda: attention(q, q, q[:2]), r"\(4, 8\), \(4, 8\) and \(2, 8\)"),
    "mask twice": (lambda: attention(q, q, q, tg.ones((4, 4)), 0.0, True), "not both"),
    "integer mask": (lambda: attention(q, q, q, np.ones((4, 4), int)), "boolean or floating"),
    "mask shape": (lambda: attention(q, q, q, tg.ones((3, 4))), r"attn_mask \(3, 4\)"),
    "dropout": (lambda: attention(q, q, q, dropout_p=2.0), "p must be from 0 to 1, not 2.0"),
    "groups": (
        lambda: attention(tg.ones((3, 4, 8)), x.transpose(1, 0, 2), x, enable_gqa=True),
        "do not divide the 3 heads",
    ),
    "heads": (lambda: nn.MultiheadAttention(8, 3), "num_heads = 3 must divide embed_dim = 8"),
    "inputs": (
        lambda: nn.MultiheadAttention(8, 2)(x, x, x[:, :, :4]),
        r"8, 8 and 8 features.*\(3, 2, 8\), \(3, 2, 8\), \(3, 2, 4\)",
    ),
    "attn_mask": (
        lambda: nn.MultiheadAttention(8, 2)(x, x, x, attn_mask=tg.ones((2, 2))),
        r"attn_mask must have shape \(3, 3\) or \(4, 3, 3\), not \(2, 2\)",
    ),
    "key_padding_mask": (
        lambda: nn.MultiheadAttention(8, 2)(x, x, x, tg.ones((3, 2))),
        r"key_padding_mask must have shape \(2, 3\), not \(3, 2\)",
    ),
    "is_causal": (lambda: nn.MultiheadAttention(8, 2)(x, x, x, is_causal=True), "needs the attn"),
    "activation": (lambda: nn.TransformerEncoderLayer(8, 2, activation="x"), "activation .* 'x'"),
    "no layer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer, 2),
        "encoder_layer must be a layer to copy, not <class .*TransformerEncoderLayer'>",
    ),
    "no layers": (
        lambda: nn.TransformerEncoder(nn.Identity(), 0),
        "num_layers must be an integer of at least 1, not 0",
    ),
    "half a layer": (
        lambda: nn.TransformerEncoder(nn.Identity(), 2.5),
        "num_layers must be an integer of at least 1, not 2.5",
    ),
    "no norm": (
        lambda: nn.TransformerEncoder(nn.Identity(), 2, nn.LayerNorm),
        "norm must be a Module or None, not <class .*LayerNorm'>",
    ),
    "channels": (lambda: nn.InstanceNorm1d(3)(tg.ones((2, 4, 5))), "3 channels"),
    "instance_norm shape": (lambda: nn.InstanceNorm2d(3)(q), r"\(C, H, W\) or \(N, C, H, W\)"),
    "batch_norm shape": (lambda: nn.BatchNorm1d(3)(tg.ones(3)), r"\(N, C\) or \(N, C, L\), not"),
    "group_norm": (lambda: nn.GroupNorm(3, 4), "3 groups must divide num_channels = 4"),
    "layer_norm": (lambda: nn.LayerNorm(0), "normalized_shape must be .* not 0"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, message = MISTAKES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()


# -- containers ----------------------------------------------------------------------------------


def test_module_dict():
    net = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ReLU()})
    assert list(net) == list(net.keys()) == ["a", "b"]
    assert len(net) == 2
    assert list(net.values()) == [net["a"], net["b"]]
    assert [name for name, _ in net.named_parameters()] == ["a.weight", "a.bias"]
    net["b"] = nn.Tanh()
    del net["a"]
    assert [(k, type(v)) for k, v in net.items()] == [("b", nn.Tanh)]
    with pytest.raises(KeyError):
        net["a"]
    with pytest.raises(TypeError, match="ModuleDict: expected a Module, not int"):
        net["c"] = 1
    for key in ("", "a.b", "train", 1):
        with pytest.raises(ValueError, match="ModuleDict: a key must be"):
            net[key] = nn.ReLU()


def test_parameter_list():
    scales = nn.ParameterList([nn.Parameter(tg.ones(2))]).append(tg.zeros(3))
    assert [p.shape for p in scales] == [(2,), (3,)]
    assert scales[1] is list(scales.parameters())[1]
    assert list(scales.state_dict()) == ["0", "1"]


# -- clipping gradients --------------------------------------------------------------------------


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, np.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(torch, max_norm, norm_type):
    arrays = [draw(3, 4), draw(5, seed=1), draw(seed=2)]
    ours = [tg.tensor(a, requires_grad=True) for a in arrays] + [tg.ones(2, requires_grad=True)]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    for p, t in zip(ours, theirs, strict=False):
        (p * p).sum().backward()
        (t * t).sum().backward()
    norm = nn.utils.clip_grad_norm_(ours, max_norm, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    assert_close(norm, expected, "norm")
    for p, t in zip(ours, theirs, strict=False):
        assert_close(p.grad, t.grad, "gradient")


@pytest.mark.parametrize("norm_type", [2.0, 3.0])
@pytest.mark.parametrize("size", [300.0, 1e-4])
def test_clip_grad_norm_in_half_precision(torch, size, norm_type):
    """The squares of 300 and of 1e-4 leave the range of float16; the norm does not."""
    ours = tg.tensor(np.ones(100, np.float16), requires_grad=True)
    theirs = torch.ones(100, dtype=torch.float16, requires_grad=True)
    ours.grad = tg.tensor(np.full(100, size, np.float16))
    theirs.grad = torch.full((100,), size, dtype=torch.float16)
    norm = nn.utils.clip_grad_norm_(ours, size, norm_type)
    expected = torch.nn.utils.clip_grad_norm_(theirs, size, norm_type)
    assert norm.dtype == np.float16
    np.testing.assert_allclose(norm.item(), expected.item(), rtol=2e-3)
    np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=2e-2)


def test_clip_grad_value_and_special_norms():
    p = tg.tensor([1.0, -2.0, np.nan], requires_grad=True)
    assert nn.utils.clip_grad_norm_([p], 1.0).item() == 0
    for clip in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
        with pytest.raises(
            TypeError, match=rf"{clip.__name__}: .*net.parameters\(\), not a Linear"
        ):
            clip(nn.Linear(1, 1), 1.0)
        with pytest.raises(TypeError, match=rf"{clip.__name__}: .*net.parameters\(\), not a tuple"):
            clip(nn.Linear(1, 1).named_parameters(), 1.0)
    (p * p).sum().backward()
    with pytest.raises(ValueError, match=r"clip_grad_norm_: the norm of order 2.0 .* is nan"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    nn.utils.clip_grad_value_(p, 3.0)
    np.testing.assert_array_equal(p.grad.data, [2, -3, np.nan])

"""Recurrent layers and cells against PyTorch's, with the same parameters: values and gradients."""

from __future__ import annotations

import copy
import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tinygraph as tg
from tinygraph import nn
from tinygraph.testing import gradcheck

from ..test_torch import DTYPES, assert_close, draw

LAYERS = {
    "RNN": (nn.RNN, {}),
    "RNN of relu": (nn.RNN, dict(nonlinearity="relu")),
    "LSTM": (nn.LSTM, {}),
    "GRU": (nn.GRU, {}),
}
CELLS = {
    "RNNCell": (nn.RNNCell, {}),
    "RNNCell of relu": (nn.RNNCell, dict(nonlinearity="relu")),
    "LSTMCell": (nn.LSTMCell, {}),
    "GRUCell": (nn.GRUCell, {}),
}


def pair_of(torch, name, sizes, options, dtype):
    """Return a layer or cell of ours and PyTorch's, with the parameters of PyTorch's."""
    kind, more = {**LAYERS, **CELLS}[name]
    torch.manual_seed(0)
    theirs = getattr(torch.nn, kind.__name__)(
        *sizes, **more, **options, dtype=getattr(torch, np.dtype(dtype).name)
    )
    ours = kind(*sizes, **more, **options, dtype=dtype)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    state = {n: value.numpy() for n, value in theirs.state_dict().items()}
    assert ours.load_state_dict(state) == ([], [])
    return ours, theirs


def flat(result):
    """Return all Tensors of an output: ``(y, (h, c))`` as ``[y, h, c]``."""
    return [t for part in result for t in flat(part)] if isinstance(result, tuple) else [result]


def gradients(library, outputs, inputs, tensor, twice):
    """Return gradients by the inputs, then second derivatives, of sums with random weights."""
    grad = library.grad if library is tg else library.autograd.grad

    def weighted(tensors, seed):
        return sum(
            (t * tensor(draw(*t.shape, seed=seed + i, dtype=dtype))).sum()
            for i, t in enumerate(tensors)
        )

    dtype = str(inputs[0].dtype).rpartition(".")[2]
    first = grad(weighted(outputs, 10), inputs, create_graph=twice)
    if not twice:
        return first
    return (*first, *grad(weighted(first, 50), inputs, allow_unused=True))


def agree(torch, name, sizes, options, x, states, dtype, twice=False):
    """Compare outputs and all gradients, by the input, the states and every parameter."""
    ours, theirs = pair_of(torch, name, sizes, options, dtype)
    arrays = [x, *states]
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]

    def call(layer, inputs):
        first, *rest = inputs
        return flat(layer(first, *([tuple(rest) if len(rest) > 1 else rest[0]] if rest else [])))

    got, expected = call(ours, xs), call(theirs, ts)
    for i, pair in enumerate(zip(got, expected, strict=True)):
        assert_close(*pair, f"output {i}")
    xs += ours.parameters()
    ts += theirs.parameters()
    mine = gradients(tg, got, xs, tg.tensor, twice)
    reference = gradients(torch, expected, ts, torch.tensor, twice)
    for i, (g, wanted) in enumerate(zip(mine, reference, strict=True)):
        if wanted is None or g is None:  # one may know that it is zero
            assert not np.any((g if wanted is None else wanted.detach()).numpy()), i
        else:
            assert_close(g, wanted, f"gradient {i}")


def states_of(name, shape, dtype):
    count = 2 if name.startswith("LSTM") else 1
    return [draw(*shape, seed=3 + i, dtype=dtype) for i in range(count)]


# -- values and gradients ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(torch, name, started, dtype):
    options = dict(num_layers=2, bidirectional=True)
    states = states_of(name, (4, 2, 3), dtype) if started else []
    agree(torch, name, (5, 3), options, draw(4, 2, 5, dtype=dtype), states, dtype)


@settings(max_examples=120)
@given(st.data())
def test_any_layer(torch, data):
    name = data.draw(st.sampled_from(list(LAYERS)), "name")
    dtype = data.draw(st.sampled_from(DTYPES), "dtype")
    sizes = inputs, hidden = [data.draw(st.integers(1, 4), what) for what in ("inputs", "hidden")]
    options = dict(
        num_layers=data.draw(st.integers(1, 3), "num_layers"),
        **{k: data.draw(st.booleans(), k) for k in ("bias", "batch_first", "bidirectional")},
    )
    if options["num_layers"] > 1:  # each output is dropped, or none is: PyTorch draws others
        options["dropout"] = data.draw(st.sampled_from([0.0, 1.0]), "dropout")
    length = data.draw(st.integers(1, 4), "length")
    batch = data.draw(st.sampled_from([(), (1,), (3,)]), "batch")
    lead = (*batch, length) if options["batch_first"] else (length, *batch)
    rows = options["num_layers"] * (1 + options["bidirectional"])
    states = []
    if data.draw(st.booleans(), "started"):
        states = states_of(name, (rows, *batch, hidden), dtype)
    agree(torch, name, sizes, options, draw(*lead, inputs, dtype=dtype), states, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("batch", [(), (1,), (3,)], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_cells(torch, name, batch, started, bias, dtype):
    for sizes in ((3, 4), (1, 1)):
        states = states_of(name, (*batch, sizes[1]), dtype) if started else []
        x = draw(*batch, sizes[0], dtype=dtype)
        agree(torch, name, sizes, dict(bias=bias), x, states, dtype, twice=dtype is np.float64)


@pytest.mark.parametrize("name", LAYERS)
def test_second_derivatives(torch, name):
    options = dict(num_layers=2, bidirectional=True)
    states = states_of(name, (4, 2, 2), np.float64)
    agree(torch, name, (3, 2), options, draw(3, 2, 3), states, np.float64, twice=True)


@pytest.mark.parametrize("name", LAYERS)
def test_against_differences(name):
    kind, options = LAYERS[name]
    layer = kind(2, 3, **options, bidirectional=True, generator=np.random.default_rng(1))
    states = states_of(name, (2, 2, 3), np.float64)
    report = gradcheck(
        lambda layer, x, *hx: flat(layer(x, hx if len(hx) > 1 else hx[0])),
        *(layer, draw(3, 2, 2), *states),
        order=2,
    )
    assert report.verdict == "passed"


def test_an_empty_batch(torch):
    for name in LAYERS:
        agree(torch, name, (2, 3), {}, draw(4, 0, 2), states_of(name, (1, 0, 3), np.float64), float)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CELLS)
def test_gates_may_be_saturated(torch, name, dtype):
    agree(torch, name, (1, 3), {}, np.array([[1e4], [-1e4]], dtype), [], dtype)
    ours, theirs = pair_of(torch, name, (1, 3), {}, dtype)
    x = np.array([[np.inf], [-np.inf], [np.nan]], dtype)
    for got, expected in zip(flat(ours(x)), flat(theirs(torch.tensor(x))), strict=True):
        assert_close(got, expected, "output")


@pytest.mark.parametrize("name", LAYERS)
def test_half_precision(name):
    kind, options = LAYERS[name]
    layer = kind(3, 4, **options, dtype=np.float16)
    wide = kind(3, 4, **options, dtype=np.float64)
    wide.load_state_dict({n: p.data.astype(np.float64) for n, p in layer.state_dict().items()})
    x = draw(5, 2, 3, dtype=np.float16)
    for got, expected in zip(flat(layer(x)), flat(wide(x.astype(np.float64))), strict=True):
        assert got.dtype == np.float16
        np.testing.assert_allclose(got.data, expected.data, atol=4e-3)


def test_states_of_another_dtype():
    x = draw(4, 2, 3, dtype=np.float32)
    for name in LAYERS:
        kind, options = LAYERS[name]
        hx = states_of(name, (1, 2, 5), np.float64)
        hx = [tg.tensor(s, requires_grad=True) for s in hx]
        layer = kind(3, 5, **options)
        first, *others = flat(layer(x, tuple(hx) if len(hx) > 1 else hx[0]))
        gradients = tg.grad((first * first).sum(), [*hx, *layer.parameters()])
        assert {t.dtype for t in (first, *others)} == {np.dtype(np.float64)}
        assert {g.dtype for g in gradients[: len(hx)]} == {np.dtype(np.float64)}
        assert {g.dtype for g in gradients[len(hx) :]} == {np.dtype(np.float32)}


def test_a_cell_along_a_sequence_is_the_layer():
    x = draw(5, 2, 3, dtype=np.float32)
    for layer, cell in ((nn.RNN, nn.RNNCell), (nn.LSTM, nn.LSTMCell), (nn.GRU, nn.GRUCell)):
        whole, step = layer(3, 4), cell(3, 4)
        step.load_state_dict({n.removesuffix("_l0"): p for n, p in whole.state_dict().items()})
        state = None
        for row in x:
            state = step(row, state)
        for got, expected in zip(flat(state), flat(whole(x)[1]), strict=True):
            np.testing.assert_allclose(got.data, expected.data[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_a_sequence_can_be_cut(name):
    kind, options = LAYERS[name]
    layer, x = kind(3, 4, 2, **options), draw(6, 2, 3, dtype=np.float32)
    whole, end = layer(x)
    first, between = layer(x[:2])
    second, last = layer(x[2:], between)
    np.testing.assert_allclose(tg.concatenate([first, second]).data, whole.data, rtol=1e-5)
    for got, expected in zip(flat(last), flat(end), strict=True):
        np.testing.assert_allclose(got.data, expected.data, rtol=1e-5)


# -- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_pytorch_loads_our_state(torch, name):
    options = dict(num_layers=2, bidirectional=True) if name in LAYERS else {}
    ours, theirs = pair_of(torch, name, (3, 4), options, np.float32)
    for p in ours.parameters():
        p.data = p.data * 2
    state = {n: torch.tensor(value.numpy()) for n, value in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = draw(5, 3, dtype=np.float32)
    for got, expected in zip(flat(ours(x)), flat(theirs(torch.tensor(x))), strict=True):
        assert_close(got, expected, "output")


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_initial_values(name):
    kind, options = {**LAYERS, **CELLS}[name]
    first, second = (kind(8, 25, **options, generator=np.random.default_rng(0)) for _ in "ab")
    bound = 1 / math.sqrt(25)
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)
        assert p.dtype == np.float32
        assert 0.9 * bound < np.abs(p.data).max() <= bound
        assert abs(p.data.mean()) < 4 * bound / math.sqrt(3 * p.size)


def test_a_layer_is_shown_by_its_options():
    assert repr(nn.GRU(3, 4, batch_first=True)) == (
        "GRU(input_size=3, hidden_size=4, num_layers=1, bias=True, batch_first=True, dropout=0.0, "
        "bidirectional=False): 108 parameters"
    )
    assert repr(nn.RNNCell(3, 4, False)) == (
        "RNNCell(input_size=3, hidden_size=4, bias=False, nonlinearity='tanh'): 28 parameters"
    )


def test_copies_learn_by_themselves():
    layer = nn.LSTM(2, 3)
    other = copy.deepcopy(layer)
    other.weight_hh_l0.data = other.weight_hh_l0.data + 1
    x = draw(4, 2, dtype=np.float32)
    assert not np.array_equal(layer(x)[0].data, other(x)[0].data)


# -- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_dropout_acts_between_layers(name):
    kind, options = LAYERS[name]
    both = kind(3, 4, 2, **options, dropout=0.5)
    below, above = kind(3, 4, **options), kind(4, 4, **options)
    state = both.state_dict()
    below.load_state_dict({n: p for n, p in state.items() if n.endswith("_l0")})
    above.load_state_dict({n[:-1] + "0": p for n, p in state.items() if n.endswith("_l1")})
    x = draw(5, 2, 3, dtype=np.float32)
    for training in (True, False):
        tg.manual_seed(0)
        got, _ = both.train(training)(x)
        tg.manual_seed(0)
        expected, _ = above(nn.functional.dropout(below(x)[0], 0.5, training))
        np.testing.assert_array_equal(got.data, expected.data)


def test_dropout_can_be_repeated():
    x, runs = draw(5, 2, 3, dtype=np.float32), []
    for _ in range(2):
        layer = nn.GRU(3, 4, 2, dropout=0.5, generator=np.random.default_rng(0))
        runs.append(layer(x)[0].data)
    np.testing.assert_array_equal(*runs)
    assert not np.array_equal(layer(x)[0].data, runs[0])


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_dropout_of_one_layer_is_warned_of_where_it_is_made(kind):
    with pytest.warns(UserWarning, match="acts between layers, and num_layers is 1") as seen:
        kind(3, 4, dropout=0.5)
    assert seen[0].filename == __file__


# -- the graph -----------------------------------------------------------------------------------


def test_every_step_is_a_place_and_steps_fold():
    layer = nn.LSTM(3, 4)
    graph = tg.graph(layer(tg.ones((8, 2, 3)))[0], model=layer)
    steps = {vertex.scope for vertex in graph if vertex.function and vertex.scope}
    assert steps == {("step",), *((f"step#{i}",) for i in range(2, 9))}
    zeros = [(v.name, v.value) for v in graph if v.name and v.name.endswith("_0")]
    assert zeros == [("h_0", 0), ("c_0", 0)]
    source = graph.to_dot(fold=True).source
    assert "step × 8" in source
    assert 'label="Tanh' not in source


def test_layers_and_directions_are_places():
    layer = nn.GRU(3, 4, num_layers=2, bidirectional=True)
    graph = tg.graph(layer(tg.ones((2, 2, 3)))[0], model=layer)
    places = {vertex.scope[0] for vertex in graph if vertex.scope}
    assert places == {"l0", "l0_reverse", "l1", "l1_reverse"}


@pytest.mark.parametrize(("kind", "steps"), [(nn.RNN, 3), (nn.LSTM, 5), (nn.GRU, 4)])
def test_operations_of_a_step(kind, steps):
    layer, x = kind(3, 4), tg.ones((8, 2, 3))
    counts = [sum(bool(v.function) for v in tg.graph(layer(x[:n])[0])) for n in (3, 8)]
    assert counts[1] - counts[0] == 5 * steps


# -- mistakes ------------------------------------------------------------------------------------

x = tg.ones((5, 2, 3))
h = tg.zeros((1, 2, 4))
MISTAKES = {
    "input_size": (lambda: nn.RNN(0, 4), "RNN: input_size must be an integer .* not 0"),
    "hidden_size": (lambda: nn.LSTM(3, 2.5), "LSTM: hidden_size must be .* not 2.5"),
    "num_layers": (lambda: nn.GRU(3, 4, 0), "GRU: num_layers must be .* not 0"),
    "cell": (lambda: nn.GRUCell(3, -1), "GRUCell: hidden_size must be .* not -1"),
    "nonlinearity": (lambda: nn.RNN(3, 4, 1, "x"), "RNN: nonlinearity must be .* not 'x'"),
    "nonlinearity of a cell": (lambda: nn.RNNCell(3, 4, True, 0), "RNNCell: nonlinearity .* not 0"),
    "dropout": (lambda: nn.GRU(3, 4, 2, dropout=1.5), "dropout must be from 0 to 1, not 1.5"),
    "dropout of a name": (lambda: nn.GRU(3, 4, 2, dropout="a"), "GRU: dropout must be a number"),
    "no projections": (lambda: nn.LSTM(3, 4, proj_size=2), "proj_size"),
    "features": (
        lambda: nn.LSTM(4, 4)(x),
        r"LSTM: input must have shape \(L, N, 4\) or \(L, 4\), not \(5, 2, 3\)",
    ),
    "batch_first": (
        lambda: nn.GRU(4, 4, batch_first=True)(x),
        r"GRU: input must have shape \(N, L, 4\) or \(L, 4\), not \(5, 2, 3\)",
    ),
    "axes": (lambda: nn.RNN(3, 4)(x[0, 0]), r"RNN: input must have shape .* not \(3,\)"),
    "no steps": (lambda: nn.RNN(3, 4)(x[:0]), r"RNN: .* shape \(0, 2, 3\) is a sequence of no st"),
    "no steps of a batch": (lambda: nn.RNN(3, 4, batch_first=True)(x[:, :0]), "no steps"),
    "integers": (lambda: nn.RNN(3, 4)(np.ones((5, 2, 3), int)), "RNN: expected a floating dtype"),
    "integer states": (lambda: nn.GRU(3, 4)(x, np.zeros((1, 2, 4), int)), "GRU: expected a float"),
    "h_0": (lambda: nn.GRU(3, 4)(x, h[0]), r"GRU: h_0 must have shape \(1, 2, 4\), not \(2, 4\)"),
    "h_0 of one sequence": (lambda: nn.GRU(3, 4)(x[:, 0], h), r"h_0 must have shape \(1, 4\), not"),
    "h_0 of all layers": (
        lambda: nn.RNN(3, 4, 2, bidirectional=True)(x, h),
        r"RNN: h_0 must have shape \(4, 2, 4\), not \(1, 2, 4\)",
    ),
    "c_0": (
        lambda: nn.LSTM(3, 4)(x, (h, h[:, :1])),
        r"LSTM: c_0 must have shape \(1, 2, 4\), not \(1, 1, 4\)",
    ),
    "h_0 alone": (lambda: nn.LSTM(3, 4)(x, h), r"LSTM: hx must be a pair \(h_0, c_0\), not a Tens"),
    "c_0 that is None": (lambda: nn.LSTM(3, 4)(x, (h, None)), "LSTM: c_0 is None; without hx"),
    "three states": (lambda: nn.LSTMCell(3, 4)(x[0], (h, h, h)), "LSTMCell: hx must be a pair"),
    "input of a cell": (
        lambda: nn.LSTMCell(3, 4)(x),
        r"LSTMCell: input must have shape \(N, 3\) or \(3,\), not \(5, 2, 3\)",
    ),
    "state of a cell": (
        lambda: nn.GRUCell(3, 4)(x[0], h),
        r"GRUCell: h_0 must have shape \(2, 4\), not \(1, 2, 4\)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    call, message = MISTAKES[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()

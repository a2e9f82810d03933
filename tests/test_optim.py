import numpy as np
import pytest

import tinygraph as tg
from tinygraph import optim
from tinygraph.kernels import threads

CASES = [
    ("SGD", dict(lr=0.1)),
    ("SGD", dict(lr=0.1, weight_decay=0.2)),
    ("SGD", dict(lr=0.1, momentum=0.9)),
    ("SGD", dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.1)),
    ("SGD", dict(lr=0.1, momentum=0.8, nesterov=True)),
    ("SGD", dict(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.1)),
    ("Adagrad", dict()),
    ("Adagrad", dict(lr=0.3, lr_decay=0.1, weight_decay=0.2, eps=1e-3)),
    ("RMSprop", dict()),
    ("RMSprop", dict(lr=0.02, alpha=0.8, eps=1e-3, weight_decay=0.1, momentum=0.7)),
    ("RMSprop", dict(alpha=0.7, centered=True)),
    ("RMSprop", dict(alpha=0.7, centered=True, momentum=0.5, weight_decay=0.2)),
    ("Adam", dict()),
    ("Adam", dict(lr=0.02, betas=(0.5, 0.8), eps=1e-3, weight_decay=0.1)),
    ("AdamW", dict()),
    ("AdamW", dict(lr=0.02, betas=(0.5, 0.8), eps=1e-3, weight_decay=0.3)),
]
SHAPES = [(), (3,), (2, 3, 4), (0, 2)]
STEPS = 6


def gradients(shape, dtype, steps=STEPS, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for _ in range(steps)]


def start(shape, dtype, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def stepped(name, options, p, gs):
    """Return the values of p after each step."""
    p = tg.tensor(p, requires_grad=True)
    optimizer = getattr(optim, name)([p], **options)
    values = []
    for g in gs:
        p.grad = tg.tensor(g)
        optimizer.step()
        values.append(p.data.copy())
    return values


# -- against PyTorch -----------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_step_is_pytorchs(name, options, shape, dtype, rtol, torch):
    p, gs = start(shape, dtype), gradients(shape, dtype)
    q = torch.tensor(p, requires_grad=True)
    theirs = getattr(torch.optim, name)([q], **options)
    for ours, g in zip(stepped(name, options, p, gs), gs, strict=True):
        q.grad = torch.tensor(g)
        theirs.step()
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, q.detach().numpy(), rtol=rtol, atol=rtol)


def test_defaults_are_pytorchs(torch):
    for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW"):
        ours = getattr(optim, name)([tg.ones(1, requires_grad=True)]).param_groups[0]
        theirs = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)]).param_groups[0]
        for option, value in ours.items():
            if option != "params":
                assert value == theirs[option], (name, option)


# -- against the published formulas --------------------------------------------------------------


def formula_sgd(p, gs, lr, momentum=0, dampening=0, weight_decay=0, nesterov=False):
    b = None
    for g in gs:
        g = g + weight_decay * p
        b = g if b is None else momentum * b + (1 - dampening) * g
        d = g + momentum * b if nesterov else b
        p = p - lr * (d if momentum else g)
        yield p


def formula_adagrad(p, gs, lr=0.01, lr_decay=0, weight_decay=0, eps=1e-10):
    total = 0
    for t, g in enumerate(gs):
        g = g + weight_decay * p
        total = total + g**2
        p = p - lr / (1 + t * lr_decay) * g / (np.sqrt(total) + eps)
        yield p


def formula_rmsprop(
    p, gs, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=False
):
    v = m = b = 0
    for g in gs:
        g = g + weight_decay * p
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g if centered else 0
        b = momentum * b + g / (np.sqrt(v - m**2) + eps)
        p = p - lr * b
        yield p


def formula_adam(p, gs, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    m = v = 0
    for t, g in enumerate(gs, 1):
        if decoupled:
            p = p - lr * weight_decay * p
        else:
            g = g + weight_decay * p
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        p = p - lr * m_hat / (np.sqrt(v_hat) + eps)
        yield p


def formula_adamw(p, gs, weight_decay=0.01, **options):
    return formula_adam(p, gs, weight_decay=weight_decay, decoupled=True, **options)


FORMULAS = {
    "SGD": formula_sgd,
    "Adagrad": formula_adagrad,
    "RMSprop": formula_rmsprop,
    "Adam": formula_adam,
    "AdamW": formula_adamw,
}


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_step_is_the_formulas(name, options):
    p, gs = start((4, 3), "float64"), gradients((4, 3), "float64")
    expected = FORMULAS[name](p, gs, **options)
    for ours, formula in zip(stepped(name, options, p, gs), expected, strict=True):
        np.testing.assert_allclose(ours, formula, rtol=1e-12)


def test_a_centered_deviation_of_nothing_is_zero():
    """The mean of the squares less the square of the mean is a little below 0 by rounding."""
    gs = [np.linspace(0, 9, 1000, dtype="f")] * 100
    p = stepped("RMSprop", {"alpha": 0.5, "centered": True}, np.ones(1000, "f"), gs)
    assert np.isfinite(p[-1]).all()


# -- how it goes over memory ---------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), CASES)
def test_pieces_make_no_difference(name, options, monkeypatch):
    p, gs = start((7, 5), "float64"), gradients((7, 5), "float64", 3)
    whole = stepped(name, options, p, gs)
    monkeypatch.setattr(optim.optimizers, "PIECE", 4)
    monkeypatch.setattr(threads, "PIECE", 4)
    np.testing.assert_array_equal(stepped(name, options, p, gs), whole)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_updates_in_place_and_keeps_dtypes(name, options, dtype):
    p = tg.tensor(start((3, 2), dtype), requires_grad=True)
    array = p.data
    numpy_options = {
        key: np.float64(value) if isinstance(value, float) else value
        for key, value in options.items()
    }
    optimizer = getattr(optim, name)([p], **numpy_options)
    g = start((3, 2), dtype, 3)
    p.grad = tg.from_numpy(g)
    before = g.copy()
    optimizer.step()
    assert p.data is array
    assert not np.array_equal(p.data, start((3, 2), dtype))
    np.testing.assert_array_equal(g, before)
    for value in optimizer.state[p].values():
        assert isinstance(value, int) or value.dtype == dtype
        assert isinstance(value, int) or not np.shares_memory(value, g)


@pytest.mark.parametrize("order", ["transposed", "strided", "gradient transposed"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_any_memory_layout(name, options, order):
    p, gs = start((4, 3), "float64"), gradients((4, 3), "float64", 3)
    expected = stepped(name, options, p, gs)[-1]
    if order == "transposed":
        array = np.asfortranarray(p)
    elif order == "strided":
        array = np.zeros((4, 6))[:, ::2]
        array[...] = p
    else:
        array = p.copy()
        gs = [np.asfortranarray(g) for g in gs]
    q = tg.from_numpy(array, requires_grad=True)
    optimizer = getattr(optim, name)([q], **options)
    for g in gs:
        q.grad = tg.from_numpy(g)
        optimizer.step()
    np.testing.assert_array_equal(array, expected)


def test_a_step_between_forward_and_backward_is_noticed():
    p = tg.ones(2, requires_grad=True)
    y = (p * p).sum()
    p.grad = tg.ones(2)
    optim.SGD([p], 0.1).step()
    with pytest.raises(ValueError, match="was written after Multiply used it"):
        y.backward()


# -- parameters and groups -----------------------------------------------------------------------


def test_parameters_without_a_gradient_are_skipped():
    p, q = tg.ones(1, requires_grad=True), tg.ones(1, requires_grad=True)
    optimizer = optim.Adam([p, q], 0.1, weight_decay=0.5)
    p.grad = tg.ones(1)
    optimizer.step()
    assert q.item() == 1
    assert q not in optimizer.state
    assert p.item() != 1
    optimizer.zero_grad()
    assert p.grad is None


def test_groups_have_options_of_their_own():
    p, q = tg.ones(1, requires_grad=True), tg.ones(1, requires_grad=True)
    optimizer = optim.SGD([{"params": [p]}, {"params": iter([q]), "lr": 0.25}], lr=0.5)
    p.grad = q.grad = tg.ones(1)
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 0.75)
    optimizer.param_groups[0]["lr"] = 1.0
    optimizer.step()
    assert (p.item(), q.item()) == (-0.5, 0.5)


def test_momentum_may_begin_later():
    p = tg.zeros(1, requires_grad=True)
    optimizer = optim.SGD([p], 1.0)
    p.grad = tg.ones(1)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert p.item() == -(1 + 1 + 1.5)


LEAF = tg.ones(2, requires_grad=True, name="w")
READ_ONLY = tg.from_numpy(np.broadcast_to(np.float32(1), 2), requires_grad=True)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "SGD: params is empty; .* not in plain lists or dicts"),
        ([{"params": []}], ValueError, "SGD: params is empty"),
        (LEAF, TypeError, "must be an iterable of Tensors or of dicts, .* not a Tensor"),
        (tg.nn.Linear(1, 1), TypeError, r"of dicts, such as net.parameters\(\), not a Linear"),
        ({"params": [LEAF]}, TypeError, "not a dict"),
        ([LEAF, np.ones(2)], TypeError, r"params\[1\] must be a Tensor, not ndarray"),
        ([LEAF * 2], ValueError, r"params\[0\] \(shape \(2,\)\) was computed; only leaves"),
        ([tg.ones(3)], ValueError, "SGD: none of the params requires a gradient"),
        ([LEAF, LEAF], ValueError, r"params\[1\] \('w', shape \(2,\)\) is params\[0\] again"),
        ([{"params": [LEAF]}, {"params": [LEAF]}], ValueError, r"is params\[0\] again"),
        ([READ_ONLY], ValueError, "is read-only"),
        ([{"params": [LEAF]}, LEAF], TypeError, "a group must be a dict with 'params'"),
        ([{"lr": 0.1}], TypeError, "a group must be a dict with 'params'"),
        ([{"params": LEAF}], TypeError, "'params' of a group must be a list of Tensors"),
        ([{"params": [LEAF], "rate": 1}], ValueError, "unknown option 'rate' .*lr, momentum"),
        ([{"params": [LEAF], "lr": -1}], ValueError, "lr must be at least 0.0, not -1"),
    ],
)
def test_wrong_params(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params, lr=0.1)


def test_what_is_frozen_stays_until_it_is_not():
    net = tg.nn.Sequential(tg.nn.Linear(2, 2), tg.nn.Linear(2, 1))
    net[0].requires_grad_(False)
    optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for frozen in (True, False):
        before = [p.numpy().copy() for p in net.parameters()]
        optimizer.zero_grad()
        net(np.ones((3, 2), np.float32)).sum().backward()
        optimizer.step()
        moved = [(p.numpy() != b).any() for p, b in zip(net.parameters(), before, strict=True)]
        assert moved == [not frozen, not frozen, True, True]
        net[0].requires_grad_(True)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("SGD", dict(lr=-0.1), ValueError, "SGD: lr must be at least 0.0, not -0.1"),
        ("SGD", dict(lr=np.nan), ValueError, "SGD: lr must be .*, not nan"),
        ("SGD", dict(lr=np.inf), ValueError, "SGD: lr must be .*, not inf"),
        ("SGD", dict(lr="fast"), TypeError, "SGD: lr must be a number, not 'fast'"),
        ("SGD", dict(momentum=-1), ValueError, "SGD: momentum must be"),
        ("SGD", dict(weight_decay=-1), ValueError, "SGD: weight_decay must be"),
        ("SGD", dict(dampening=np.nan), ValueError, "SGD: dampening must be"),
        ("SGD", dict(nesterov=True), ValueError, "nesterov needs a momentum and no dampening"),
        (
            "SGD",
            dict(nesterov=True, momentum=0.9, dampening=0.1),
            ValueError,
            "nesterov needs a momentum and no dampening",
        ),
        ("RMSprop", dict(alpha=-1), ValueError, "RMSprop: alpha must be"),
        ("RMSprop", dict(momentum=-1), ValueError, "RMSprop: momentum must be"),
        ("Adagrad", dict(lr_decay=-1), ValueError, "Adagrad: lr_decay must be"),
        ("Adagrad", dict(eps=-1), ValueError, "Adagrad: eps must be"),
        ("Adam", dict(betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be .* and below 1, not 1.0"),
        ("Adam", dict(betas=(-0.1, 0.9)), ValueError, r"Adam: betas\[0\] must be at least 0.0"),
        ("Adam", dict(betas=0.9), TypeError, "Adam: betas must be a pair of numbers, not 0.9"),
        ("AdamW", dict(eps=-1), ValueError, "AdamW: eps must be"),
        ("AdamW", dict(weight_decay=-1), ValueError, "AdamW: weight_decay must be"),
    ],
)
def test_wrong_options(name, options, error, message):
    with pytest.raises(error, match=message):
        getattr(optim, name)([LEAF], **options)


# -- state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_run_continues_from_a_saved_state(name, options, tmp_path):
    p, gs = start((4, 3), "float32"), gradients((4, 3), "float32")
    expected = stepped(name, options, p, gs)[-1]

    make = getattr(optim, name)
    first = tg.tensor(p, requires_grad=True)
    one = make([first], **options)
    for g in gs[:3]:
        first.grad = tg.tensor(g)
        one.step()
    tg.save(one.state_dict(), tmp_path / "state.npz")

    second = tg.tensor(first.data, requires_grad=True)
    same_slots = {k: options[k] for k in ("momentum",) if k in options}
    two = make([second], **same_slots)
    two.load_state_dict(tg.load(tmp_path / "state.npz"))
    for g in gs[3:]:
        second.grad = tg.tensor(g)
        two.step()
    np.testing.assert_array_equal(second.data, expected)
    group = two.param_groups[0]
    assert {k: v for k, v in group.items() if k in options} == options


def adam():
    p, q = tg.ones(2, requires_grad=True), tg.ones(3, requires_grad=True)
    optimizer = optim.Adam([p, q])
    p.grad, q.grad = tg.ones(2), tg.ones(3)
    optimizer.step()
    return optimizer


def test_state_is_a_copy_both_ways():
    optimizer = adam()
    state = optimizer.state_dict()
    kept = state["param.1.exp_avg"].data.copy()
    group = optimizer.param_groups[0]
    optimizer.step()
    assert state["param.0.step"].item() == 1
    np.testing.assert_array_equal(state["param.1.exp_avg"].data, kept)
    optimizer.load_state_dict(state)
    optimizer.step()
    np.testing.assert_array_equal(state["param.1.exp_avg"].data, kept)
    assert optimizer.param_groups[0] is group


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group.0.lr": None}, "missing: group.0.lr"),
        ({"param.1.exp_avg": None}, "missing: param.1.exp_avg"),
        (
            {"param.1.exp_avg": np.ones(2, np.float32)},
            r"expected shape \(3,\) and dtype float32, n",
        ),
        ({"param.1.exp_avg": np.ones(3)}, r"not \(3,\) and float64"),
        ({"param.2.step": np.array(1)}, "unexpected: param.2.step"),
        ({"group.1.lr": np.array(1)}, "unexpected: group.1.lr"),
        ({"group.0.lr": np.array(-1.0)}, "lr must be at least 0.0, not -1.0"),
    ],
)
def test_a_failing_load_changes_nothing(change, message):
    optimizer = adam()
    before = optimizer.state_dict()
    state = {name: value.data + 1 for name, value in before.items()}
    state["group.0.betas"] -= 1
    state |= change
    state = {name: value for name, value in state.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    after = optimizer.state_dict()
    assert before.keys() == after.keys()
    for name, value in after.items():
        np.testing.assert_array_equal(value.data, before[name].data)


def test_state_of_the_wrong_kind():
    with pytest.raises(TypeError, match="state must map names to Tensors or arrays, not be a list"):
        adam().load_state_dict([])


# -- groups that come later ----------------------------------------------------------------------


def test_groups_can_be_added():
    p, q, r = (tg.ones(2, requires_grad=True) for _ in range(3))
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.add_param_group({"params": [q]})
    optimizer.add_param_group({"params": [r], "lr": 0.25})
    (p.sum() + q.sum() + r.sum()).backward()
    optimizer.step()
    assert [x.tolist() for x in (p, q, r)] == [[0.5, 0.5], [0.5, 0.5], [0.75, 0.75]]
    assert optimizer.defaults["lr"] == 0.5
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
    assert r.grad is None


@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        ([], TypeError, "add_param_group: a group must be a dict"),
        ({"params": []}, ValueError, "add_param_group: params is empty"),
        ({"params": [LEAF * 2]}, ValueError, r"params\[1\].*was computed"),
        ({"params": [tg.ones(1, requires_grad=True)], "rate": 1}, ValueError, "'rate'"),
    ],
)
def test_groups_that_cannot_be_added(group, error, message):
    optimizer = optim.SGD([tg.ones(2, requires_grad=True)])
    with pytest.raises(error, match=message):
        optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1


def test_no_group_is_added_twice_or_after_a_scheduler():
    p = tg.ones(2, requires_grad=True)
    optimizer = optim.SGD([p])
    with pytest.raises(ValueError, match=r"params\[0\] again"):
        optimizer.add_param_group({"params": [p]})
    optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(ValueError, match="make schedulers when all groups are there"):
        optimizer.add_param_group({"params": [tg.ones(1, requires_grad=True)]})

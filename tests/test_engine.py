"""The engine: traversal, accumulation, memory, modes, stale values, and Functions of one's own."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial, partialmethod, wraps

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import _writes
from tinygraph.ops.elementwise import add_, exp_, multiply_, relu_
from tinygraph.ops.indexing import GetItem, PutItem


def leaf(*values):
    """Return a float64 leaf: 0-d for one value."""
    return tg.tensor(values if len(values) > 1 else values[0], True, np.float64)


class Counted(tg.Function):
    """The identity, which counts how often its rule is called."""

    def __init__(self):
        self.calls = 0

    def forward(self, x):
        return x.copy()

    def backward(self, g):
        self.calls += 1
        return g


@pytest.fixture
def no_collector():
    """Run without the cyclic collector: what dies, dies of its reference count."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# -- large and shared graphs ---------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_long_chain(create_graph):
    """Forward, backward and deletion of a deep graph, none of which may recurse."""
    length = 20_000 if create_graph else 200_000
    x = leaf(1.0)
    y = x
    for _ in range(length):
        y = y + x
    y.backward(create_graph=create_graph)
    assert y.item() == x.grad.item() == length + 1
    del y


def test_long_chain_that_was_never_walked_is_deleted():
    x = leaf(1.0)
    y = x
    for _ in range(200_000):
        y = y * 1.0
    del y


def test_diamond_visits_every_node_once():
    x = leaf(1.0)
    steps = [Counted() for _ in range(60)]
    y = x
    for step in steps:
        y = step(y)
        y = y + y
    y.backward()
    assert [step.calls for step in steps] == [1] * 60
    assert x.grad.item() == 2.0**60


def test_diamond_under_create_graph():
    x = leaf(1.0)
    steps = [Counted() for _ in range(60)]
    y = x
    for step in steps:
        y = step(y)
        y = y * y
    (g,) = tg.grad([y], [x], create_graph=True)
    tg.grad(g, x, allow_unused=True)
    assert g.item() == 2.0**60
    assert all(step.calls <= 3 for step in steps)


def test_operand_order_and_repeats():
    x, y = leaf(3.0), leaf(5.0)
    (x * x * y - y * x).backward()
    assert x.grad.item() == 2 * 3 * 5 - 5
    assert y.grad.item() == 3 * 3 - 3


# -- gradients are accumulated, and share no memory ----------------------------------------------


def distinct(*tensors):
    arrays = [t.numpy() for t in tensors]
    return not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[i + 1 :])


def test_gradients_of_add_do_not_alias():
    a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2)
    y = a + b
    y.backward(seed)
    assert distinct(a, b, a.grad, b.grad, tg.from_numpy(seed))


def test_gradient_of_a_leaf_by_itself_is_not_the_seed():
    x, seed = leaf(1.0, 2.0), np.ones(2)
    x.backward(seed)
    x.backward(seed)
    assert x.grad.tolist() == [2, 2]
    assert seed.tolist() == [1, 1]


@pytest.mark.parametrize("create_graph", [False, True])
def test_results_of_grad_do_not_alias(create_graph):
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = tg.tensor(np.ones(2))
    y = a + b
    results = tg.grad([y, y], [a, b, a, y], [seed, seed], create_graph=create_graph)
    assert distinct(a, b, seed, *results)
    assert all(g.tolist() == [2, 2] for g in results)


def test_views_of_one_gradient_are_copied():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    tg.concatenate([a, b]).backward(np.arange(4.0))
    assert distinct(a.grad, b.grad)
    assert a.grad.tolist() == [0, 1]
    assert b.grad.tolist() == [2, 3]


@pytest.mark.parametrize("hold", [lambda g: g, lambda g: g[:1], lambda g: g.reshape(2, 1)])
def test_a_gradient_that_a_rule_still_holds_is_copied(hold):
    held = []

    class Hold(tg.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            gx = g * 2
            held.append(hold(gx))
            return gx

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    Hold()(x).sum().backward()
    assert x.grad.tolist() == [2, 2]
    assert not np.shares_memory(held[0], x.grad.data)


def test_a_gradient_that_nobody_else_holds_is_not_copied():
    addresses = []

    class Tell(tg.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            gx = g * 2
            addresses.append(gx.ctypes.data)
            return gx

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    Tell()(x).sum().backward()
    assert addresses == [x.grad.data.ctypes.data]


def test_shared_tensor_sums_without_writing_into_what_a_rule_returned():
    returned = []

    class Same(tg.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, g):
            returned.append(g)
            return g

    x = leaf(1.0, 1.0)
    (Same()(x) + Same()(x) + Same()(x)).backward(np.ones(2))
    assert x.grad.tolist() == [3, 3]
    assert all(g.tolist() == [1, 1] for g in returned)


def test_a_loop_over_rows_makes_no_array_of_all_rows_for_each(monkeypatch):
    made, totals = [], []
    forward, add_to = PutItem.forward, GetItem.add_to
    monkeypatch.setattr(PutItem, "forward", lambda *args: made.append(args) or forward(*args))
    monkeypatch.setattr(GetItem, "add_to", lambda *args: totals.append(args[1]) or add_to(*args))
    x = tg.tensor(np.arange(40.0).reshape(20, 2), requires_grad=True)
    sum(i * row.sum() for i, row in enumerate(x)).backward()
    assert x.grad.tolist() == [[i, i] for i in range(20)]
    assert made == []
    assert len(totals) == 20
    assert all(total is totals[0] for total in totals)


@pytest.mark.parametrize("index", [1, (), None, (..., 1), slice(None, None, -2), (1, 1)], ids=str)
def test_parts_add_to_the_gradient_of_the_whole(index):
    x = tg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    parts = [x[index], x[0], x[index], x[[0, 0]], x[1:]]
    y = sum((part * (i + 1)).sum() for i, part in enumerate(parts))
    y.backward(retain_graph=True)
    expected = tg.grad(y, x, create_graph=True)
    assert x.grad.tolist() == expected.tolist()


@pytest.mark.parametrize("reads", [True, False])
def test_hooks_see_what_is_added_in_place_or_have_the_rule_run(reads):
    seen = []

    class Watch(tg.FunctionHook):
        reads_gradients = reads

        def before_backward(self, node, g):
            seen.append(str(node))

        def after_backward(self, node, g, gradients):
            if str(node) == "GetItem":
                seen.append([None if gx is None else gx.tolist() for gx in gradients])

    x = leaf(1.0, 2.0)
    with Watch():
        (x[0] + x[1]).backward()
    assert x.grad.tolist() == [1, 1]
    first, second = ([[0, 1]], [[1, 0]]) if reads else ([None], [None])
    assert seen == ["Add", "GetItem", first, "GetItem", second]


def test_a_profile_measures_what_runs_without_it(monkeypatch):
    made = []
    forward = PutItem.forward
    monkeypatch.setattr(PutItem, "forward", lambda *args: made.append(args) or forward(*args))
    x = tg.ones((20, 2), requires_grad=True)
    with tg.profile() as measured:
        sum(x).sum().backward()
    assert x.grad.tolist() == [[1, 1]] * 20
    assert made == []
    assert {row.name: row.calls for row in measured.operations}["GetItem"] == 20


def test_a_part_does_not_write_into_what_a_rule_returned():
    x, z = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * 1
    part = y[0]  # its rule runs after that of the addition, which gives y and z one array
    (part + ((y + z) * leaf(1.0, 1.0)).sum()).backward()
    assert x.grad.tolist() == [2, 1]
    assert z.grad.tolist() == [1, 1]


def test_backward_accumulates_and_zero_grad_forgets():
    x = leaf(3.0)
    (x * x).backward()
    first = x.grad
    (x * 2).backward()
    assert x.grad.item() == 8
    assert first.item() == 6  # what a user kept does not change
    x.zero_grad()
    assert x.grad is None
    (x * 2).backward()
    assert x.grad.item() == 2


def test_accumulation_is_the_same_as_one_backward_of_the_sum():
    x, y = leaf(1.0, -2.0), leaf(0.5, 3.0)
    ((x * y).exp().sum() + (x / y).sum()).backward()
    expected = x.grad.numpy().copy(), y.grad.numpy().copy()
    x.zero_grad()
    y.zero_grad()
    (x * y).exp().sum().backward()
    (x / y).sum().backward()
    np.testing.assert_allclose([x.grad.numpy(), y.grad.numpy()], expected, rtol=1e-15)


def test_only_leaves_get_a_grad():
    x, constant = leaf(1.0), tg.tensor(2.0)
    y = x * constant
    (y * 3).backward()
    assert y.grad is None
    assert constant.grad is None
    assert x.grad.requires_grad is False
    assert x.grad.is_leaf


def test_gradient_has_the_dtype_of_its_leaf():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * np.array([1.0, 2.0])
    assert (y.dtype, x.dtype) == (np.float64, np.float32)
    y.sum().backward()
    assert x.grad.dtype == np.float32


# -- going through a graph again -----------------------------------------------------------------


def test_second_backward_needs_retain_graph():
    x, y = leaf(2.0), leaf(3.0)
    z = (x * y).exp()
    z.backward(retain_graph=True)
    before = x.grad.item()
    z.backward()
    assert x.grad.item() == 2 * before
    with pytest.raises(ValueError, match=r"backward through (Exp|Multiply), .*retain_graph"):
        z.backward()
    assert x.grad.item() == 2 * before


def test_a_freed_part_is_refused_before_anything_changes():
    x, w = leaf(2.0), leaf(5.0)
    shared = x.exp()
    (shared * 1.0).backward()
    before = x.grad.item()
    top = Counted()
    y = top(shared * w)
    with pytest.raises(ValueError, match="backward through Exp"):
        y.backward()
    assert top.calls == 0
    assert w.grad is None
    assert x.grad.item() == before
    (dw,) = tg.grad([y], [w])  # which needs nothing that was freed
    assert dw.item() == np.exp(2.0)


def test_create_graph_retains():
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    y.backward()
    assert x.grad.item() == 24


# -- grad() --------------------------------------------------------------------------------------


def test_grad_touches_no_grad_attribute():
    x, w = leaf(2.0), leaf(3.0)
    assert tg.grad(x * w, x).item() == 3
    assert x.grad is None
    assert w.grad is None


def test_grad_of_interior_tensors():
    x = leaf(2.0)
    y = x * x
    z = y * y + y
    dx, dy, dz = tg.grad([z], [x, y, z])
    assert (dx.item(), dy.item(), dz.item()) == (36, 9, 1)


def test_interior_that_leads_to_another():
    """The gradient goes on through a wanted interior Tensor to those below it."""
    x = leaf(2.0)
    y = x.exp()
    z = y * x
    dy, dx = tg.grad([z], [y, x])
    assert dy.item() == 2
    np.testing.assert_allclose(dx.item(), 3 * np.exp(2.0), rtol=1e-15)


def test_grad_of_several_outputs_sums():
    x = leaf(2.0)
    y, z = x * 3, x * x
    assert tg.grad([y, z, y], x, retain_graph=True).item() == 10
    weighted = tg.grad([y, z], x, [np.array(2.0), None])
    assert weighted.item() == 10
    with pytest.raises(ValueError, match="2 outputs but 1 grad_outputs"):
        tg.grad([y, z], x, [None])


def test_grad_of_an_output_that_another_leads_to():
    x = leaf(2.0)
    y = x * x
    dx, dy = tg.grad([y * 3, y], [x, y])
    assert (dx.item(), dy.item()) == (16, 4)


def test_repeated_inputs_get_each_their_own():
    x = leaf(2.0)
    a, b = tg.grad([x * x], [x, x])
    assert (a.item(), b.item()) == (4, 4)
    assert distinct(a, b)


def test_result_has_the_form_of_the_inputs():
    x = leaf(2.0)
    assert isinstance(tg.grad(x * 1.0, x), tg.Tensor)
    assert isinstance(tg.grad(x * 1.0, [x]), tuple)
    assert tg.grad(x * 1.0, []) == ()


def test_unused_input():
    x, other = leaf(2.0), leaf(3.0)
    with pytest.raises(ValueError, match="do not depend on input 1"):
        tg.grad(x * x, [x, other])
    g, none = tg.grad(x * x, [x, other], allow_unused=True)
    assert g.item() == 4
    assert none is None


def test_unused_input_is_refused_before_anything_changes():
    x, other = leaf(2.0), leaf(3.0)
    y = x * x
    with pytest.raises(ValueError, match="do not depend"):
        tg.grad(y, [x, other])
    y.backward()
    assert x.grad.item() == 4


def test_only_what_leads_to_the_inputs_is_computed():
    x, w = leaf(2.0), leaf(3.0)
    to_x, to_w, below = Counted(), Counted(), Counted()
    interior = below(x) * 2
    y = to_x(interior) * to_w(w)
    assert tg.grad(y, interior, retain_graph=True).item() == 3
    assert (to_x.calls, to_w.calls, below.calls) == (1, 0, 0)
    assert tg.grad(y, x).item() == 6
    assert (to_x.calls, to_w.calls, below.calls) == (2, 0, 1)


def test_rules_learn_what_is_wanted():
    asked = []

    class Product(tg.Function):
        def forward(self, a, b):
            return a * b

        def backward(self, g, a, b, needs):
            asked.append(tuple(needs))
            return g * b if needs.a else None, g * a if needs.b else None

    x, y = leaf(2.0), leaf(3.0)
    z = Product()(x, y)
    tg.grad(z, x, retain_graph=True)
    tg.grad(z, y, retain_graph=True)
    z.backward()
    Product()(x, 2.0).backward()
    assert asked == [(True, False), (False, True), (True, True), (True, False)]


# -- derivatives of higher order -----------------------------------------------------------------


def derivatives(f, x, order):
    results = []
    y = f(x)
    for _ in range(order):
        y = tg.grad(y, x, create_graph=True)
        results.append(y.item())
    return results


def test_polynomial_to_fifth_order():
    assert derivatives(lambda x: x**4, leaf(3.0), 5) == [108, 108, 72, 24, 0]
    assert derivatives(lambda x: x * x * x * x, leaf(3.0), 4) == [108, 108, 72, 24]


def test_composition_to_third_order():
    """exp(x²): y' = 2x y, y'' = (2 + 4x²) y, y''' = (12x + 8x³) y."""
    x = 0.7
    y = np.exp(x * x)
    expected = [2 * x * y, (2 + 4 * x**2) * y, (12 * x + 8 * x**3) * y]
    got = derivatives(lambda x: (x * x).exp(), leaf(x), 3)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_logistic_function_to_third_order():
    """In terms of s = σ(x): s' = s - s², s'' = (1 - 2s) s', s''' = (1 - 6s + 6s²) s'."""
    s = 1 / (1 + np.exp(-0.3))
    first = s * (1 - s)
    expected = [first, (1 - 2 * s) * first, (1 - 6 * s + 6 * s * s) * first]
    for f in (tg.sigmoid, lambda x: 1 / (1 + (-x).exp())):
        np.testing.assert_allclose(derivatives(f, leaf(0.3), 3), expected, rtol=1e-13)


def test_gradient_penalty():
    """Gradients flow through grad() into other leaves: d/dw |d(w x²)/dx|² = 8 w x²."""
    x, w = leaf(3.0), leaf(2.0)
    dx = tg.grad(w * x * x, x, create_graph=True)
    (dx * dx).backward()
    assert w.grad.item() == 8 * 2 * 9
    assert x.grad.item() == 8 * 4 * 3


def test_gradients_flow_through_grad_outputs():
    x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    dx = tg.grad(x * x, x, v, create_graph=True)
    dv = tg.grad(dx.sum(), v)
    assert dx.tolist() == [6, 16]
    assert dv.tolist() == [2, 4]


@pytest.mark.parametrize("passes", [lambda x: x, lambda x: x + 1.0, lambda x: x.reshape(2)])
def test_grad_outputs_that_come_out_unchanged_are_still_part_of_the_graph(passes):
    x, v = leaf(1.0, 2.0), leaf(3.0, 4.0)
    dx = tg.grad(passes(x), x, v, create_graph=True)
    assert dx is not v
    (dx * dx).sum().backward()
    assert v.grad.tolist() == [6, 8]


def test_backward_with_create_graph_records_the_grad():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert tg.grad(x.grad, x).item() == 18


def test_accumulated_grads_are_recorded_too():
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    (x**2).backward(create_graph=True)
    assert x.grad.item() == 33
    assert tg.grad(x.grad, x).item() == 20


def test_create_graph_works_inside_no_grad():
    x = leaf(3.0)
    y, z = x**3, x**2
    with tg.no_grad():
        dy = tg.grad(y, x, create_graph=True)
        y.backward(create_graph=True)
        z.backward(create_graph=True)
    assert tg.grad(dy, x).item() == 18
    assert tg.grad(x.grad, x).item() == 20


def test_leaf_grad_without_create_graph_records_nothing():
    x = leaf(3.0)
    (x**3).backward()
    (x**3).backward()
    assert not x.grad.requires_grad
    assert not tg.grad(x**3, x).requires_grad


# -- memory --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("walk", ["forward", "backward", "create_graph"])
def test_a_graph_dies_of_its_reference_count(walk):
    x, w = tg.randn(4, 3, requires_grad=True), tg.randn(3, 3, requires_grad=True)
    h = tg.relu(x @ w)
    p = tg.softmax(h.exp())
    y = tg.cross_entropy(p, np.array([0, 1, 2, 0])) + p.max(1).sum() + p[:, 0].mean()
    alive = [weakref.ref(t) for t in (x, w, h, p, y)]
    alive += [weakref.ref(t._source) for t in (h, p, y)]
    alive += [weakref.ref(t.numpy()) for t in (x, w, h, p, y)]
    if walk == "backward":
        y.backward()
        alive += [weakref.ref(x.grad), weakref.ref(x.grad.numpy())]
    if walk == "create_graph":
        g = tg.grad(y, x, create_graph=True)
        h = tg.grad((g * g).sum(), w, create_graph=True)
        alive += [weakref.ref(g), weakref.ref(g._source), weakref.ref(g.numpy())]
        alive += [weakref.ref(h), weakref.ref(h._source)]
        del g
    del x, w, h, p, y
    assert [ref() is None for ref in alive] == [True] * len(alive)


@pytest.mark.usefixtures("no_collector")
def test_grad_of_create_graph_that_stays_on_its_leaf_is_released_by_zero_grad():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    node = weakref.ref(x.grad._source)
    x.zero_grad()
    assert node() is None


@pytest.mark.usefixtures("no_collector")
def test_unused_intermediates_do_not_stay_alive():
    x = leaf(1.0, 2.0)
    y = x + 1.0
    array = weakref.ref(y.numpy())
    z = y + 2.0
    del y
    assert array() is None
    assert z.tolist() == [4, 5]


def kept_alive(function, *inputs):
    """Return which input arrays, and whether the output, stay alive for the rule alone."""
    tensors = [tg.tensor(x, requires_grad=x.dtype.kind == "f") * 1.0 for x in inputs]
    y = function(*tensors)
    refs = [weakref.ref(t.numpy()) for t in (*tensors, y)]
    node = y._source
    del tensors, y
    assert node.kept is not None
    return [ref() is not None for ref in refs]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (add_, 2, [False, False, False]),
        (tg.subtract, 2, [False, False, False]),
        (multiply_, 2, [True, True, False]),
        (exp_, 1, [False, True]),
        (relu_, 1, [False, True]),
        (tg.sigmoid, 1, [False, True]),
        (tg.log, 1, [True, False]),
        (tg.sum, 1, [False, False]),
        (lambda x: tg.max(x, 0), 1, [False, False]),
        (tg.softmax, 1, [False, True]),
        (lambda a, b: tg.stack([a, b]), 2, [False, False, False]),
    ],
)
def test_nodes_hold_only_what_the_rule_names(function, inputs, expected):
    arrays = [np.array([0.5, 1.5])] * inputs
    assert kept_alive(function, *arrays) == expected


@pytest.mark.usefixtures("no_collector")
def test_backward_frees_kept_values_as_it_goes():
    x = leaf(1.0, 2.0)
    y = x.exp()
    late = weakref.ref(y.numpy())
    seen = []

    class Watch(tg.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, g):
            seen.append(late() is None)
            return g

    z = Watch()(x * 1.0).exp()
    early = weakref.ref(z.numpy())
    del y

    class First(tg.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, g):
            seen.append(early() is not None)
            return g

    total = First()(z).sum()
    del z
    total.backward()
    assert early() is None
    assert seen == [True, True]


def test_backward_keeps_the_structure():
    x = leaf(1.0, 2.0)
    y = x.exp().sum()
    y.backward()
    node = y._source.inputs[0]
    assert str(node) == "Exp"
    assert node.inputs == (x,)
    assert node.kept is None


# -- recording modes -----------------------------------------------------------------------------


def test_modes_nest():
    assert tg.is_grad_enabled()
    with tg.no_grad():
        assert not tg.is_grad_enabled()
        with tg.enable_grad():
            assert tg.is_grad_enabled()
            with tg.no_grad():
                assert not tg.is_grad_enabled()
            assert tg.is_grad_enabled()
        assert not tg.is_grad_enabled()
    assert tg.is_grad_enabled()


def test_modes_end_with_an_exception():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()


def test_one_mode_object_used_again_and_inside_itself():
    off = tg.no_grad()
    for _ in range(2):
        with off:
            with off, tg.enable_grad(), off:
                assert not tg.is_grad_enabled()
            assert not tg.is_grad_enabled()
        assert tg.is_grad_enabled()


def test_modes_decorate_functions():
    @tg.no_grad()
    def off(depth=0):
        return [tg.is_grad_enabled()] + (off(depth - 1) if depth else on())

    @tg.enable_grad()
    def on():
        return [tg.is_grad_enabled()]

    assert off(2) == [False, False, False, True]
    assert off() == [False, True]
    assert tg.is_grad_enabled()


def test_modes_do_not_silently_miss_generators_and_coroutines():
    """Decorating them changes the mode inside, or is refused; it never does nothing."""

    def generator():
        yield tg.is_grad_enabled()

    async def coroutine():
        return tg.is_grad_enabled()

    for function, run in ((generator, lambda g: next(iter(g))), (coroutine, asyncio.run)):
        try:
            decorated = tg.no_grad()(function)
        except TypeError:
            continue
        assert run(decorated()) is False


def test_no_grad_records_nothing():
    x = leaf(2.0)
    with tg.no_grad():
        y = x * x
    assert y.is_leaf
    assert not y.requires_grad
    with pytest.raises(ValueError, match="no_grad"):
        y.backward()


def test_a_leaf_made_inside_no_grad_still_wants_gradients():
    with tg.no_grad():
        x = leaf(2.0)
    (x * x).backward()
    assert x.grad.item() == 4


def test_backward_works_inside_no_grad():
    x = leaf(2.0)
    y = x * x
    with tg.no_grad():
        y.backward()
    assert x.grad.item() == 4


def test_threads_have_modes_of_their_own():
    barrier = threading.Barrier(2, timeout=10)

    def work(mode):
        states = []
        for _ in range(20):
            with mode():
                barrier.wait()
                states.append((leaf(1.0) * 2).requires_grad)
                barrier.wait()
            states.append(tg.is_grad_enabled())
        return states

    with ThreadPoolExecutor(2) as pool:
        off, on = pool.map(work, [tg.no_grad, tg.enable_grad])
    assert off == [False, True] * 20
    assert on == [True, True] * 20


def test_a_thread_starts_with_recording_on():
    with tg.no_grad(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(tg.is_grad_enabled).result()


def test_tasks_have_modes_of_their_own():
    async def work(mode):
        with mode():
            states = []
            for _ in range(5):
                await asyncio.sleep(0)
                states.append(tg.is_grad_enabled())
        return states

    async def both():
        return await asyncio.gather(work(tg.no_grad), work(tg.enable_grad))

    assert asyncio.run(both()) == [[False] * 5, [True] * 5]
    assert tg.is_grad_enabled()


def test_threads_run_backward_on_graphs_of_their_own():
    def work(i):
        x = leaf(float(i))
        y = x
        for _ in range(300):
            y = y * 1.0 + x
        y.backward()
        return x.grad.item()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == [301.0] * 8


def test_threads_add_to_one_leaf():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        w = tg.tensor(np.ones(10), requires_grad=True)

        def work():
            for _ in range(500):
                (w * 2).sum().backward()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(w.grad.data, 4000)


def test_threads_run_backward_through_one_graph():
    x = tg.tensor(np.linspace(0, 1, 500), requires_grad=True)
    y = x
    for _ in range(20):
        y = (y * x).tanh() + x
    y = y.sum()
    expected = tg.grad(y, x, retain_graph=True).tolist()

    def work(_):
        return tg.grad(y, x, retain_graph=True).tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(12))) == [expected] * 12


# -- stale values --------------------------------------------------------------------------------


def assign(x):
    x.data = [5.0, 6.0]


def write_a_view(x):
    x.detach()[:1].data = [5.0]


def write_in_place(x):
    x.data += 1.0


def write_as_an_optimizer(x):
    np.subtract(x.numpy(), 0.1, out=x.numpy())
    _writes.log(x.numpy())


WRITES = [assign, write_a_view, write_in_place, write_as_an_optimizer]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("caller", ["backward", "grad"])
def test_a_stale_input_is_an_error(write, caller):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    top = Counted()
    y = top(x * w).sum()
    write(x)
    with pytest.raises(ValueError, match="Multiply: its 'a' was written"):
        y.backward() if caller == "backward" else tg.grad(y, [x, w])
    assert top.calls == 0
    assert x.grad is None
    assert w.grad is None


@pytest.mark.parametrize("write", WRITES)
def test_a_stale_output_is_an_error(write):
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = y.sum()
    write(y)
    with pytest.raises(ValueError, match="Exp: its 'y' was written"):
        z.backward()


def test_a_stale_input_among_many_is_an_error():
    class Total(tg.Function):
        def forward(self, *xs):
            return sum(xs)

        def backward(self, g, xs):
            return tuple(g * x for x in xs)

    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = Total()(x, w).sum()
    assign(w)
    with pytest.raises(ValueError, match="Total: its 'xs' was written"):
        y.backward()


@pytest.mark.parametrize("write", WRITES)
def test_writing_what_no_rule_needs_is_fine(write):
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x + w).sum()
    write(x)
    y.backward()
    assert x.grad.tolist() == [1, 1]


@pytest.mark.parametrize("write", WRITES)
def test_writing_before_and_after_is_fine(write):
    x = leaf(1.0, 2.0)
    write(x)
    y = (x * x).sum()
    y.backward()
    gradient = x.grad.tolist()
    assert gradient == (2 * x.numpy()).tolist()
    write(x)
    assert x.grad.tolist() == gradient
    (x * x).sum().backward()


def test_writing_a_clone_or_a_copy_is_fine():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    assign(x.detach().clone())
    assign(tg.tensor(x))
    y.backward()
    assert x.grad.tolist() == [2, 4]


def test_an_array_written_through_one_of_two_tensors():
    array = np.array([1.0, 2.0])
    x, alias = tg.from_numpy(array, requires_grad=True), tg.from_numpy(array[::-1])
    y = (x * x).sum()
    assign(alias)
    with pytest.raises(ValueError, match="Multiply"):
        y.backward()


def test_writes_are_forgotten_with_their_arrays():
    before = len(_writes._last)
    x = leaf(1.0, 2.0)
    for _ in range(3):
        assign(x)
    assert len(_writes._last) == before + 1
    del x
    assert len(_writes._last) == before


# -- Functions of one's own ----------------------------------------------------------------------


class Scale(tg.Function):
    """x times an optional factor, over an optional divisor."""

    def forward(self, x, factor=None, divisor=None):
        y = x if factor is None else x * factor
        return y.copy() if divisor is None else y / divisor

    def backward(self, g, x, factor, divisor, needs):
        gx = g if factor is None else g * factor
        gf = g * x if needs.factor else None
        if divisor is None:
            return gx, gf, None
        gf = None if gf is None else gf / divisor
        gd = -gx * x / divisor / divisor if needs.divisor else None
        return gx / divisor, gf, gd


@pytest.mark.parametrize("create_graph", [False, True])
def test_optional_inputs(create_graph):
    x, f, d = leaf(2.0), leaf(3.0), leaf(4.0)
    values = []
    for inputs in ((x, f, d), (x, None, d), (x, f, None), (x, None, None)):
        used = [t for t in inputs if t is not None]
        gradients = tg.grad([Scale()(*inputs)], used, create_graph=create_graph)
        values.append([g.item() for g in gradients])
    assert values == [[0.75, 0.5, -0.375], [0.25, -0.125], [3, 2], [1]]


def test_optional_inputs_that_are_left_out():
    class Affine(tg.Function):
        def forward(self, x, b=None):
            return x * 2 if b is None else x * 2 + b

        def backward(self, g, b_spec, needs):
            assert (b_spec is None) == (not needs.b)
            return g * 2, g if needs.b else None

    x = leaf(2.0)
    Affine()(x).backward()
    Affine()(x, None).backward()
    assert x.grad.item() == 4


@pytest.mark.parametrize("create_graph", [False, True])
def test_variadic_inputs(create_graph):
    class Product(tg.Function):
        def forward(self, first, *rest):
            return first * np.prod(rest, axis=0)

        def backward(self, g, first, rest, rest_spec, needs):
            assert [spec.shape for spec in rest_spec] == [(), ()]
            assert tuple(needs.rest) == (True, True)
            b, c = rest
            return g * b * c, g * first * c, g * first * b

    a, b, c = leaf(2.0), leaf(3.0), leaf(5.0)
    got = tg.grad(Product()(a, b, c), [a, b, c], create_graph=create_graph)
    assert [g.item() for g in got] == [15, 10, 6]
    if create_graph:
        assert tg.grad(got[0], [b, c]) != ()
        assert [g.item() for g in tg.grad(got[1], [a, c])] == [5, 2]


def test_piecewise_constant_aux():
    class Largest(tg.Function):
        """The largest element; its position is handed on."""

        aux = ("place",)

        def forward(self, x):
            place = np.argmax(x)
            return x[place], place

        def backward(self, g, place, x_spec):
            return g * (tg.arange(x_spec.shape[0]).numpy() == place)

    x = leaf(1.0, 5.0, 3.0)
    y, place = Largest().apply_with_aux(x)
    y.backward()
    assert place.item() == 1
    assert not place.requires_grad
    assert x.grad.tolist() == [0, 1, 0]
    assert Largest()(np.array([2.0, 1.0])) == 2


class Gaussian(tg.Function):
    """exp(-x²), whose rule uses an intermediate value that is smooth in x."""

    aux = ("slope",)

    def forward(self, x):
        y = np.exp(-x * x)
        return y, -2 * x * y

    def slope(self, x, y):
        return -2 * x * y

    def backward(self, g, slope):
        return g * slope


def test_smooth_aux_with_its_formula_has_the_right_second_derivative():
    """y' = -2x y, y'' = (4x² - 2) y, y''' = (12x - 8x³) y."""
    x = 0.3
    y = np.exp(-x * x)
    expected = [-2 * x * y, (4 * x * x - 2) * y, (12 * x - 8 * x**3) * y]
    got = derivatives(Gaussian(), leaf(x), 3)
    np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_user_function_that_broadcasts():
    class Hypot2(tg.Function):
        broadcasts = True

        def forward(self, a, b):
            return a * a + b * b

        def backward(self, g, a, b):
            return g * 2 * a, g * 2 * b

    a, b = tg.ones((3, 1), requires_grad=True), tg.ones((1, 4), requires_grad=True)
    Hypot2()(a, b).sum().backward()
    assert a.grad.numpy().tolist() == [[8.0]] * 3
    assert b.grad.numpy().tolist() == [[6.0] * 4]
    with pytest.raises(ValueError, match=r"Hypot2: shapes \(3,\) and \(2,\) do not broadcast"):
        Hypot2()(a.reshape(3), tg.ones(2))


@pytest.mark.parametrize("name", ["z", "z_spec", "grad", "x_shape"])
def test_a_rule_that_names_the_unknown_is_refused_when_the_class_is_made(name):
    namespace = {}
    exec(f"def backward(self, g, {name}): return g", namespace)
    with pytest.raises(TypeError, match=f"Wrong.backward asks for '{name}'"):
        type(
            "Wrong",
            (tg.Function,),
            {"forward": lambda self, x: x, "backward": namespace["backward"]},
        )


def test_a_rule_in_the_way_of_pytorch_is_told_how_it_goes_here():
    with pytest.raises(TypeError, match=r"Wrong: forward takes arrays, and no ctx; .* after g"):

        class Wrong(tg.Function):
            @staticmethod
            def forward(ctx, x):
                return x

            @staticmethod
            def backward(ctx, g):
                return g


def test_a_rule_with_ctx_beside_a_forward_without_is_told_the_same():
    with pytest.raises(TypeError, match=r"Wrong: forward takes arrays, and no ctx; .* after g"):

        class Wrong(tg.Function):
            @staticmethod
            def forward(x):
                return x

            @staticmethod
            def backward(ctx, g):
                return g


@pytest.mark.parametrize("x", [tg.ones(2), np.ones(2), 2.0], ids=["Tensor", "array", "number"])
def test_apply_on_the_class_is_told_how_it_goes_here(x):
    with pytest.raises(TypeError, match=r"called on a class: .* as in MyFunction\(\)\(x\)"):
        type(relu_).apply(x)


def test_an_attribute_error_in_a_forward_is_not_taken_for_that():
    class Wrong(tg.Function):
        def forward(self, x):
            return x.no_such_method()

    with pytest.raises(AttributeError, match="no_such_method"):
        Wrong()(tg.ones(2))


def made(**methods):
    """Make a Function of the signatures of its methods."""
    namespace = {}
    for name, signature in methods.items():
        exec(f"def {name}{signature}: return ()", namespace)
    return type("Made", (tg.Function,), {name: namespace[name] for name in methods})


@pytest.mark.parametrize("backward", ["(self)", "(self, *, g)", "(self, **values)"])
def test_a_rule_must_take_the_gradient(backward):
    with pytest.raises(TypeError, match=r"Made\.backward must take g, the gradient of the output"):
        made(forward="(self, x)", backward=backward)
    with pytest.raises(TypeError, match="must take g"):
        tg.function(lambda: None)(lambda x: x)


@pytest.mark.parametrize("name", ["forward", "backward", "branch"])
def test_a_method_must_take_self(name):
    methods = {"forward": "(self, x)", "backward": "(self, g)", "branch": "(self, x)", name: "()"}
    with pytest.raises(TypeError, match=rf"Made\.{name} must take self, or be a staticmethod"):
        made(**methods)


class Threefold:
    def __call__(self, x):
        return 3 * x

    @classmethod
    def of_class(cls, x):
        return 3 * x

    def times(self, x, factor):
        return factor * x

    def later(self, factor, x):
        return factor * x


@pytest.mark.parametrize(
    "forward",
    [
        lambda self, x: 3 * x,
        lambda self, x, /: 3 * x,
        lambda self, x, *, factor=3: factor * x,
        lambda self, x, **factors: factors.get("factor", 3) * x,
        staticmethod(partial(lambda factor, x: factor * x, 3)),
        vars(Threefold)["of_class"],
        Threefold().__call__,
        Threefold(),
        partialmethod(Threefold.times, factor=3),
        partialmethod(Threefold.later, 3),
        wraps(lambda self, x: 3 * x)(lambda *args, **kwargs: 3 * args[1]),
    ],
)
def test_methods_may_be_whatever_can_be_called(forward):
    function = type("Made", (tg.Function,), {"forward": forward, "backward": forward})
    assert function.signature.inputs == ("x",)
    x = leaf(1.0, 2.0)
    function()(x).sum().backward()
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("forward", "backward", "complaint"),
    [
        ("(self, *, x)", "(self, g)", "forward: 'x' must not be keyword-only"),
        ("(self, x)", "(self, g, *, x)", "backward: 'x' must not be keyword-only"),
        ("(self, *xs)", "(self, g, *xs)", r"backward must take xs, not \*xs"),
        ("(self, x)", "(self, *values)", r"backward must take g"),
        ("(self, x, t=3)", "(self, g, t)", "asks for 't', .* default must be None"),
        ("(self, x, *, t=3)", "(self, g, t)", "asks for 't', which is none of y, x, x_spec"),
        ("(self, _x)", "(self, g)", "'_x' must not begin with an underscore"),
    ],
)
def test_parameters_that_would_not_get_what_they_say(forward, backward, complaint):
    with pytest.raises(TypeError, match=rf"^Made\W.*{complaint}"):
        made(forward=forward, backward=backward)


def test_inputs_left_out_before_others_that_are_numbered():
    seen = []

    class First(tg.Function):
        def forward(self, x, t=None, *xs):
            return x.copy()

        def backward(self, g, t, xs):
            seen.append((t, xs))
            return g

    x = leaf(1.0)
    First()(x).backward()
    assert seen == [(None, ())]
    assert x.grad.tolist() == 1


def test_a_function_that_scatters_must_say_how():
    with pytest.raises(TypeError, match=r"Wrong scatters, so it must have add_to"):

        class Wrong(tg.Function):
            scatters = True

            def forward(self, x):
                return x[0]

            def backward(self, g, x_spec):
                return g


def test_several_outputs_scatter_by_their_names():
    class Halves(tg.Function):
        outputs = ("a", "b")
        scatters = True

        def forward(self, x):
            return x[:1].copy(), x[1:].copy()

        def backward(self, g):
            return tg.concatenate(g)

        def add_to(self, total, g):
            a, b = g
            total[:1] += a
            total[1:] += b

    x = leaf(1.0, 2.0, 3.0)
    (a, b), (c, d) = Halves()(x), Halves()(x)
    (2 * a.sum() + 3 * b.sum() + 5 * c.sum() + 7 * d.sum()).backward()
    assert x.grad.tolist() == [7, 10, 10]


@pytest.mark.parametrize(
    ("forward", "branch"),
    [
        ("(self, x)", "(self)"),
        ("(self, x)", "(self, x, t)"),
        ("(self, x)", "(self, *, x)"),
        ("(self, x, t=None)", "(self, x)"),
        ("(self, x, t=None)", "(self, x, t)"),
        ("(self, x, *xs)", "(self, x)"),
        ("(self, x, *xs)", "(self, x, t)"),
    ],
)
def test_branch_must_take_what_forward_takes(forward, branch):
    expected = re.escape(forward.replace("self, ", ""))
    with pytest.raises(TypeError, match=rf"Made\.branch must take what .*: {expected}$"):
        made(forward=forward, branch=branch)


@pytest.mark.parametrize(
    ("forward", "branch"),
    [
        ("(self, x)", "(self, inputs)"),
        ("(self, x)", "(self, *inputs)"),
        ("(self, x, t=None)", "(self, x, t=None)"),
        ("(self, x, *xs)", "(self, *xs)"),
        ("(self, *xs)", "(self, *xs)"),
    ],
)
def test_branches_that_do(forward, branch):
    assert made(forward=forward, branch=branch).signature.inputs


def test_a_decorated_branch_must_take_what_forward_takes():
    with pytest.raises(TypeError, match=r"branch must take what forward takes: \(x, t\)"):
        tg.function(lambda g: g, branch=lambda x: ())(lambda x, t: x)


def test_a_forward_that_returns_complex_numbers_is_refused():
    class Turn(tg.Function):
        def forward(self, x):
            return x * 1j

    with pytest.raises(TypeError, match=r"Turn\.forward returned complex.*real floats"):
        Turn()(tg.ones(2))


@pytest.mark.parametrize("name", ["y", "needs", "x_spec"])
def test_an_input_whose_name_means_something_else_is_refused(name):
    """An input called y would be taken for the output."""
    namespace = {}
    exec(f"def forward(self, x, {name}): return x * {name}", namespace)
    exec(f"def backward(self, g, {name}): return g, g", namespace)
    with pytest.raises(TypeError, match=f"'{name}'"):
        type("Wrong", (tg.Function,), {k: namespace[k] for k in ("forward", "backward")})


def test_a_formula_that_names_the_unknown_is_refused():
    with pytest.raises(TypeError, match="'z'"):

        class Wrong(tg.Function):
            aux = ("m",)

            def forward(self, x):
                return x, x

            def m(self, z):
                return z

            def backward(self, g, m):
                return g * m


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_of_the_wrong_shape_names_the_class(create_graph):
    class Careless(tg.Function):
        def forward(self, x):
            return x.sum(axis=0)

        def backward(self, g):
            return g

    x = tg.ones((2, 3), requires_grad=True)
    y = Careless()(x).sum()
    match = r"Careless.backward returned a gradient of shape \(3,\) for an input of shape \(2, 3\)"
    with pytest.raises(ValueError, match=match):
        tg.grad(y, x, create_graph=create_graph)


def test_a_broadcast_gradient_of_a_shape_that_cannot_be_summed():
    class Careless(tg.Function):
        broadcasts = True

        def forward(self, a, b):
            return a + b

        def backward(self, g):
            return g[:2], g

    a, b = tg.ones((3,), requires_grad=True), tg.ones((3,))
    with pytest.raises(ValueError, match=r"Careless.backward.*\(2,\).*\(3,\)"):
        Careless()(a, b).sum().backward()


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_gradients(count):
    class Careless(tg.Function):
        def forward(self, a, b):
            return a + b

        def backward(self, g):
            return (g,) * count

    x = leaf(1.0)
    with pytest.raises(ValueError, match=f"Careless.backward returned {count} gradients for 2"):
        Careless()(x, x).backward()


def test_a_function_without_a_rule_is_not_differentiable():
    class Sign(tg.Function):
        def forward(self, x):
            return np.sign(x)

    x = leaf(-2.0)
    y = Sign()(x)
    assert y.item() == -1
    assert not y.requires_grad
    (x * y).backward()
    assert x.grad.item() == -1


def test_a_function_without_forward_says_so():
    class Nothing(tg.Function):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing\.forward"):
        Nothing()(leaf(1.0))


def test_none_is_a_gradient_of_zero():
    class Second(tg.Function):
        def forward(self, a, b):
            return b.copy()

        def backward(self, g):
            return None, g

    x, y = leaf(1.0), leaf(2.0)
    (Second()(x, y) + x).backward()
    assert (x.grad.item(), y.grad.item()) == (1, 1)


def test_a_function_of_plain_arrays_just_runs():
    array = np.array([1.0, -1.0])
    y = relu_(array)
    assert type(y) is np.ndarray
    assert y.tolist() == [1, 0]
    assert isinstance(relu_.apply(array), tg.Tensor)


def test_attributes_and_repr():
    class Shift(tg.Function):
        def __init__(self, by, twice=False):
            self.by, self.twice = by, twice

        def forward(self, x):
            return x + self.by

        def backward(self, g):
            return g

    assert Shift(3).attributes == {"by": 3, "twice": False}
    assert repr(Shift(3)) == "Shift(by=3, twice=False)"


def test_a_numpy_scalar_from_forward_becomes_an_array():
    class Total(tg.Function):
        def forward(self, x):
            return x.sum()

        def backward(self, g, x, y):
            assert type(g) is type(y) is np.ndarray
            return g + 0 * x

    x = leaf(1.0, 2.0)
    y = Total()(x)
    assert type(y.numpy()) is np.ndarray
    y.backward()
    assert x.grad.tolist() == [1, 1]


def test_an_error_in_a_rule_reaches_the_user():
    class Broken(tg.Function):
        def forward(self, x):
            return x.copy()

        def backward(self, g):
            raise LookupError("no such luck")

    x, w = leaf(1.0), leaf(1.0)
    with pytest.raises(LookupError, match="no such luck"):
        (Broken()(x) + w).backward()
    assert tg.is_grad_enabled()
    assert w.grad is None

"""Hooks on Tensors and Functions, kept gradients, anomaly and debug modes."""

from __future__ import annotations

import gc
import re
import threading
import weakref

import numpy as np
import pytest

import tinygraph as tg


def leaf(values=(1.0, 2.0)):
    return tg.tensor(list(values), requires_grad=True, dtype=np.float64)


# -- hooks on Tensors ----------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once():
    x, seen = leaf(), []
    y = x * 3
    y.register_hook(lambda g: seen.append(g.tolist()))
    (y * y + y).sum().backward()
    assert seen == [[7, 13]]
    assert x.grad.tolist() == [21, 39]


def test_a_hook_may_replace_the_gradient():
    x = leaf()
    y = x * 3
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.sum().backward()
    assert x.grad.tolist() == [33, 33]


def test_a_hook_of_a_leaf():
    x = leaf()
    x.register_hook(lambda g: -g)
    (x * x).sum().backward()
    assert x.grad.tolist() == [-2, -4]
    assert tg.grad((x * x).sum(), x).tolist() == [-2, -4]


def test_a_hook_of_a_target_in_between():
    x = leaf()
    y = x * 3
    y.register_hook(lambda g: g * 10)
    loss = (y * y).sum()
    assert tg.grad(loss, [y, x], retain_graph=True)[0].tolist() == [60, 120]
    assert tg.grad(loss, y).tolist() == [60, 120]


def test_hooks_of_targets_as_pytorchs(torch):
    """They act on what `grad` returns, and are called once, however often it is asked for."""

    def run(framework, grad):
        results = []
        for targets in ("x", "y", "yy", "xx"):
            x = framework.tensor([1.0, 2.0], requires_grad=True)
            y = x * 3
            for hooked, factor in ((x, 10), (y, 100)):
                hooked.register_hook(
                    lambda g, factor=factor: results.append(g.tolist()) or g * factor
                )
            found = grad((y * y).sum(), [{"x": x, "y": y}[name] for name in targets])
            results.append([g.tolist() for g in found])
        return results

    assert run(tg, tg.grad) == run(torch, torch.autograd.grad)


def test_a_hook_of_a_target_in_front_of_another_one():
    """Where PyTorch returns what the hook of y saw, and not what it made."""
    x = leaf()
    y = x * 3
    y.register_hook(lambda g: g * 10)
    found = tg.grad((y * y).sum(), [y, x])
    assert [g.tolist() for g in found] == [[60, 120], [180, 360]]


def test_a_hook_is_differentiated_through():
    x = leaf([3.0])
    y = x * x
    with y.register_hook(lambda g: g * y):
        (first,) = tg.grad(y.sum(), [x], create_graph=True)  # 2x * x² = 2x³
    assert first.tolist() == [54]
    assert tg.grad(first.sum(), x).tolist() == [54]  # 6x²


def test_a_removed_hook_is_not_called():
    x, seen = leaf(), []
    handle = x.register_hook(lambda g: seen.append(1))
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: seen.append(2)):
        x.sum().backward()
    x.sum().backward()
    assert seen == [2]


def test_what_a_hook_keeps_is_not_changed_later():
    x, kept = leaf(), []
    x.register_hook(kept.append)
    (x * x).sum().backward()
    (x * x).sum().backward()
    x.grad.data[:] = 0
    assert [g.tolist() for g in kept] == [[2, 4], [2, 4]]


def test_wrong_hooks():
    x = leaf()
    with pytest.raises(ValueError, match="requires no gradient"):
        tg.ones(2).register_hook(print)
    with pytest.raises(TypeError, match="callable, not int"):
        x.register_hook(3)
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ValueError, match=r"shape \(\) in place of one of \(2,\)"):
        x.sum().backward()
    assert x.grad is None


def test_dtype_of_what_a_hook_returns():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: g.astype(np.float64))
    x.sum().backward()
    assert x.grad.dtype == np.float32


# -- kept gradients ------------------------------------------------------------------------------


def test_retain_grad_accumulates():
    x = leaf()
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward(retain_graph=True)
    assert y.grad.tolist() == [4, 8]
    (y * 3).sum().backward()
    assert y.grad.tolist() == [7, 11]
    assert not np.shares_memory(y.grad.numpy(), x.grad.numpy())


def test_retain_grad_sees_what_all_hooks_left_as_pytorchs(torch):
    def run(framework):
        x = framework.tensor([1.0, 2.0], requires_grad=True)
        y = x * 3
        y.retain_grad()
        y.register_hook(lambda g: g * 10)
        y.retain_grad()  # again, which changes nothing
        (y * y).sum().backward()
        return y.grad.tolist(), x.grad.tolist()

    assert run(tg) == run(torch) == ([60, 120], [180, 360])


def test_retain_grad_of_two_tensors_from_one_place():
    x = leaf()
    first, second = tg.grad((x**3).sum(), [x, x], create_graph=True)
    for g in (first, second):
        g.retain_grad()
    (first * 2 + second).sum().backward()
    assert first.grad.tolist() == second.grad.tolist() == [3, 3]


def test_retain_grad_of_a_leaf_changes_nothing():
    x = leaf()
    x.retain_grad()
    x.sum().backward()
    assert x.grad.tolist() == [1, 1]
    with pytest.raises(ValueError, match="requires no gradient"):
        tg.ones(2).retain_grad()


def test_retain_grad_keeps_nothing_alive():
    gc.disable()
    try:
        x = leaf()
        y = x * 2
        y.retain_grad()
        z = y.sum()
        alive = weakref.ref(y)
        del y
        assert alive() is None
        z.backward()
        assert x.grad.tolist() == [2, 2]
    finally:
        gc.enable()


# -- hooks on Functions --------------------------------------------------------------------------


class Log(tg.FunctionHook):
    def __init__(self):
        self.events = []

    def after_forward(self, function, inputs, output, node):
        self.events.append(("forward", str(function), output.tolist(), node is not None))

    def before_backward(self, node, g):
        self.events.append(("arrived", str(node), g.tolist()))

    def after_backward(self, node, g, gradients):
        self.events.append(("returned", str(node), len(gradients)))


def test_a_function_hook_sees_both_directions():
    x, log = leaf(), Log()
    with log:
        (x * 3).sum().backward()
        with tg.no_grad():
            x.exp()
    x.exp()
    kinds = [event[:2] for event in log.events]
    assert kinds == [
        ("forward", "Multiply()"),
        ("forward", "Sum(axis=(0,), keepdims=False)"),
        ("arrived", "Sum"),
        ("returned", "Sum"),
        ("arrived", "Multiply"),
        ("returned", "Multiply"),
        ("forward", "Exp()"),
    ]
    assert log.events[0][2:] == ([3, 6], True)
    assert log.events[-1][3] is False


def test_function_hooks_nest_and_end_with_an_error():
    outer, inner = Log(), Log()
    with outer:
        with pytest.raises(ValueError, match="broadcast"), inner:
            leaf() + leaf([1.0, 2.0, 3.0])
        with inner:
            leaf().exp()
        leaf().exp()
    assert len(outer.events) == 2
    assert len(inner.events) == 1


def test_function_hooks_belong_to_their_thread():
    log = Log()
    with log:
        thread = threading.Thread(target=lambda: leaf().exp())
        thread.start()
        thread.join()
    assert log.events == []


# -- anomalies -----------------------------------------------------------------------------------

WATCH = tg.detect_anomaly()


def test_the_first_nan_is_named_with_ranges_and_line():
    x = tg.tensor([[-1.0, 4.0]], requires_grad=True, name="x")
    with np.errstate(invalid="ignore"), pytest.raises(tg.AnomalyError) as caught, WATCH:
        ((x * 2).sqrt() + 1).sum()  # here
    message = str(caught.value)
    assert message.startswith("Sqrt made NaN: x (1, 2) from -2 to 8; at ")
    line = int(re.search(r"test_hooks\.py:(\d+), in test_the_first_nan", message)[1])
    with open(__file__) as source:
        assert source.readlines()[line - 1].rstrip().endswith("# here")
    assert [v.function for v in caught.value.graph] == [None, None, "Multiply", "Sqrt"]


def test_nan_in_a_gradient_is_named():
    x = tg.tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"), pytest.raises(tg.AnomalyError) as caught, WATCH:
        x.sqrt().sum().backward()
    message = str(caught.value)
    assert "the rule of Sqrt made infinity: gradient (2,) from 1 to 1; y (2,)" in message
    assert "recorded at" in message
    assert "test_nan_in_a_gradient_is_named" in message
    assert x.grad is None


def test_what_was_not_finite_before_is_no_anomaly():
    x = tg.tensor([-np.inf, np.nan, 1.0], requires_grad=True)
    y = tg.tensor([-np.inf, 0.0], requires_grad=True)
    with tg.detect_anomaly():
        (x * 2).sum().backward()
        y.softmax().sum().backward()


def test_infinity_out_of_infinity_is_none_but_nan_is():
    x = tg.tensor([np.inf], requires_grad=True)
    with np.errstate(invalid="ignore"), tg.detect_anomaly():
        (x + 1).sum()
        with pytest.raises(tg.AnomalyError, match=r"Subtract made NaN: a \(1,\), 1 infinite"):
            x - x


def test_anomaly_in_several_inputs_and_without_recording():
    small, big = tg.zeros(2), tg.tensor([3e38])
    with np.errstate(all="ignore"):
        with pytest.raises(tg.AnomalyError, match="Divide made infinity") as caught, WATCH:
            tg.ones(2) / small
        with pytest.raises(tg.AnomalyError, match=r"xs\[1\] \(1,\) from"), WATCH:
            Sums()(big, big)
    assert caught.value.graph is None


class Sums(tg.Function):
    def forward(self, *xs):
        return sum(xs[1:], xs[0])


def test_detect_anomaly_as_a_decorator():
    @tg.detect_anomaly()
    def f(x):
        return x.log()

    with np.errstate(divide="ignore"), pytest.raises(tg.AnomalyError, match="Log made infinity"):
        f(tg.zeros(1))


# -- debug ---------------------------------------------------------------------------------------


def test_debug_catches_a_write_through_numpy():
    array, x = np.ones(2), leaf()
    with tg.debug():
        y = (x * array).sum()
        array[0] = 7
        with pytest.raises(tg.AnomalyError, match="'b', which Multiply keeps, was written"):
            y.backward()
    assert x.grad is None


def test_debug_lets_right_programs_be():
    x, y = leaf(), tg.rand(2, 1, 4, 4, requires_grad=True)
    with tg.debug():
        (tg.concatenate([x, x[[0, 0]]]) ** 2).sum().backward()
        tg.max_pool2d(y, 2).sum().backward()
    assert x.grad.tolist() == [6, 4]

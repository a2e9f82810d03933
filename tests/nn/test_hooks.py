"""Hooks on Modules: called around ``forward``, as PyTorch calls its own."""

import copy

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn


class Pair(nn.Module):
    """Two in, two out, and a factor by keyword."""

    def forward(self, a, b=0, *, by=1):
        return a * by, b * by


def test_a_hook_sees_the_call():
    layer, seen = nn.Linear(3, 2), []
    assert layer.register_forward_pre_hook(lambda *call: seen.append(call))
    assert layer.register_forward_hook(lambda *call: seen.append(call))
    x = tg.ones((4, 3))
    y = layer(x)
    (first, before), (second, after, output) = seen
    assert first is second is layer
    assert before[0] is after[0] is x
    assert output is y


def test_only_its_own_module_calls_it():
    net, seen = nn.Sequential(nn.ReLU(), nn.ReLU()), []
    net[1].register_forward_hook(lambda module, args, y: seen.append(module))
    nn.ReLU()(net(tg.ones(2)))
    assert seen == [net[1]]


def test_pre_hooks_may_replace_the_arguments():
    pair = Pair()
    pair.register_forward_pre_hook(lambda module, args: (args[0] + 1, 10))
    assert pair(1, by=2) == (4, 20)
    pair.register_forward_pre_hook(lambda module, args: args[0] * 5)  # not a tuple: the only one
    assert pair(1, 7, by=2) == (20, 0)


def test_hooks_may_replace_the_output():
    pair, seen = Pair(), []
    pair.register_forward_hook(lambda module, args, y: [y[0] + args[0]])
    pair.register_forward_hook(lambda module, args, y: seen.append(y))
    pair.register_forward_hook(lambda module, args, y: y[0] * 10)
    assert pair(1, by=2) == 30
    assert seen == [[3]]


def test_hooks_see_the_arguments_that_pre_hooks_made():
    pair = Pair()
    pair.register_forward_pre_hook(lambda module, args: (5, 6))
    pair.register_forward_hook(lambda module, args, y: args)
    assert pair(1) == (5, 6)


def test_handles():
    layer, seen = nn.Identity(), []
    first = layer.register_forward_hook(lambda *call: seen.append("first"))
    with layer.register_forward_pre_hook(lambda *call: seen.append("before")):
        layer.register_forward_hook(lambda *call: seen.append("second"))
        layer(1)
    assert seen == ["before", "first", "second"]
    first.remove()
    first.remove()
    layer(1)
    assert seen[3:] == ["second"]


def test_a_hook_for_one_call_only():
    layer, seen = nn.Identity(), []

    def once(module, args, y):
        seen.append(y)
        handle.remove()

    handle = layer.register_forward_hook(once)
    layer.register_forward_hook(lambda module, args, y: seen.append(-y))
    layer(1)
    layer(2)
    assert seen == [1, -1, -2]


def test_gradients_flow_through_hooks():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda module, args: args[0] * 3)
    layer.register_forward_hook(lambda module, args, y: y * y)
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [18, 36]


def test_what_hooks_compute_belongs_to_the_module():
    net = nn.Sequential(nn.ReLU())
    net[0].register_forward_pre_hook(lambda module, args: args[0] * 2)
    net[0].register_forward_hook(lambda module, args, y: y + 1)
    y = net(tg.ones(2, requires_grad=True))
    operations = [v for v in tg.graph(y) if v.function is not None]
    assert [v.function for v in operations] == ["Multiply", "ReLU", "Add"]
    assert len({tuple(v.scope) for v in operations}) == 1


def test_an_error_in_a_hook_leaves_the_scope():
    layer = nn.Identity()

    def fail(module, args):
        raise RuntimeError("told so")

    layer.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="told so"):
        layer(1)
    y = tg.ones(2, requires_grad=True) * 2
    assert [tuple(v.scope) for v in tg.graph(y)] == [()] * 3


def test_a_copy_has_hooks_of_its_own():
    layer, seen = nn.Identity(), []
    handle = layer.register_forward_hook(lambda module, args, y: seen.append(module))
    twin = copy.deepcopy(layer)
    handle.remove()
    layer(1)
    twin(1)
    assert seen == [twin]


def test_hooks_are_no_part_of_the_state():
    layer = nn.Linear(2, 2)
    shown, state = repr(layer), layer.state_dict()
    layer.register_forward_hook(lambda *call: None)
    assert repr(layer) == shown
    assert list(layer.state_dict()) == list(state)


@pytest.mark.parametrize("name", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_hook_must_be_callable(name):
    with pytest.raises(TypeError, match=f"{name}: a hook must be callable, not int"):
        getattr(nn.ReLU(), name)(3)


def test_calls_as_pytorchs(torch):
    """The same hooks on the same layers of both see and make the same numbers."""

    def run(framework, weight, x):
        net = framework.nn.Sequential(framework.nn.Linear(3, 3), framework.nn.Tanh())
        net[0].load_state_dict({"weight": weight, "bias": weight[0]})
        seen = []

        def note(label):
            return lambda module, args, *y: seen.append(
                (label, type(module).__name__, len(args), *(np.asarray(v.tolist()) for v in y))
            )

        net.register_forward_pre_hook(note("outer"))
        net[0].register_forward_pre_hook(lambda module, args: args[0] * 2)
        net[0].register_forward_hook(lambda module, args, y: y + args[0])
        net[0].register_forward_hook(note("linear"))
        net[1].register_forward_hook(lambda module, args, y: y * 3)
        net.register_forward_hook(note("outer"))
        return net(x), seen

    values = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32)
    ours, seen = run(tg, tg.tensor(values[0]), tg.tensor(values[1]))
    theirs, expected = run(torch, torch.tensor(values[0]), torch.tensor(values[1]))
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-5)
    assert [call[:3] for call in seen] == [call[:3] for call in expected]
    for call, other in zip(seen, expected, strict=True):
        np.testing.assert_allclose(call[3:], other[3:], rtol=1e-5)

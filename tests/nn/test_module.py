import copy
import gc
import weakref

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(2)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.width = 8
        self.blocks = nn.ModuleList()
        self.blocks.append(Block())
        self.scale = nn.Parameter([1.0, 2.0])
        self.out = nn.Linear(2 * 4, 3)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x.reshape(len(x), -1) * self.scale[0])


NAMES = [
    "scale",
    "blocks.0.conv.weight",
    "blocks.0.conv.bias",
    "blocks.0.norm.weight",
    "blocks.0.norm.bias",
    "out.weight",
    "out.bias",
]
BUFFERS = [
    f"blocks.0.norm.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")
]


# -- Parameter -----------------------------------------------------------------------------------


def test_parameter_requires_a_gradient_and_owns_its_memory():
    array = np.ones(3)
    p = nn.Parameter(array)
    assert p.requires_grad
    assert p.is_leaf
    assert p.dtype == np.float64
    assert not np.shares_memory(p.data, array)
    assert not nn.Parameter(array, requires_grad=False).requires_grad
    assert nn.Parameter([1.0], dtype=np.float16).dtype == np.float16


def test_integer_parameter():
    with pytest.raises(TypeError, match="only floating Tensors can require a gradient"):
        nn.Parameter([1, 2])


# -- what a module finds -------------------------------------------------------------------------


def test_parts_are_found_in_order_of_assignment():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == BUFFERS
    assert sorted(net.state_dict()) == sorted(NAMES + BUFFERS)
    modules = ["", "blocks", "blocks.0", "blocks.0.conv", "blocks.0.norm", "out"]
    assert [name for name, _ in net.named_modules()] == modules
    assert [name for name, _ in net.named_children()] == ["blocks", "out"]
    assert list(net.parameters()) == [p for _, p in net.named_parameters()]
    assert next(iter(net.modules())) is net
    assert list(net.children()) == [net.blocks, net.out]
    assert len(list(net.buffers())) == len(BUFFERS)
    assert net.num_parameters() == 2 + 18 + 2 + 4 + 24 + 3


def test_shared_parts_are_listed_once_and_used_twice():
    net = nn.Module()
    net.encoder = nn.Linear(3, 3, bias=False)
    net.decoder = nn.Linear(3, 3, bias=False)
    net.decoder.weight = net.encoder.weight
    net.again = net.encoder
    assert [name for name, _ in net.named_parameters()] == ["encoder.weight"]
    assert [name for name, _ in net.named_children()] == ["encoder", "decoder"]
    assert list(net.state_dict()) == ["encoder.weight"]
    assert net.num_parameters() == 9
    assert net.encoder.weight.name == "encoder.weight"

    relu = nn.ReLU()
    twice = nn.Sequential(relu, nn.Linear(1, 1), relu)
    assert len(twice) == 3
    assert list(twice)[2] is relu


def test_replaced_and_deleted_parts():
    net = Net()
    net.out = nn.Linear(8, 2)
    assert net.out.weight.name == "out.weight"
    net.scale = None
    del net.blocks
    assert [name for name, _ in net.named_parameters()] == ["out.weight", "out.bias"]
    net.out.register_buffer("mask", [1.0])
    del net.out.mask
    assert list(net.named_buffers()) == []


def test_a_parameter_is_not_replaced_unseen():
    net = Net()
    with pytest.raises(TypeError, match=r"Linear.weight is a Parameter, which Tensor would"):
        net.out.weight = tg.ones((3, 8))
    with pytest.raises(TypeError, match=r"assign a Parameter, or values to weight.data"):
        net.out.weight = np.ones((3, 8))


def test_assigning_before_init():
    class Early(nn.Module):
        def __init__(self):
            self.width = 3  # a plain attribute does no harm
            self.layer = nn.Linear(3, 3)

    with pytest.raises(
        AttributeError, match=r"Early: call super\(\).__init__\(\) before .*'layer'"
    ):
        Early()

    class EarlyBuffer(nn.Module):
        def __init__(self):
            self.register_buffer("mean", 0.0)

    with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\) before .*'mean'"):
        EarlyBuffer()


def test_init_is_forgotten():
    class Forgetful(nn.Module):
        def __init__(self):
            self.width = 3

    module = Forgetful()
    assert module.width == 3
    for use in (module.state_dict, module.train, lambda: list(module.parameters())):
        with pytest.raises(AttributeError, match=r"Forgetful: call super\(\).__init__\(\) before"):
            use()


def test_forward_is_missing():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        Empty()(1)


def test_buffers_are_copies_and_may_be_absent():
    array = np.zeros(2)
    module = nn.Module()
    module.register_buffer("mean", array)
    module.register_buffer("var", None)
    assert isinstance(module.mean, tg.Tensor)
    assert not np.shares_memory(module.mean.data, array)
    assert not module.mean.requires_grad
    assert [name for name, _ in module.named_buffers()] == ["mean"]
    module.mean = tg.ones(2)  # a Tensor in its place is the buffer from then on
    assert dict(module.named_buffers())["mean"].tolist() == [1, 1]
    assert list(module.parameters()) == []


def test_a_parameter_in_the_place_of_a_buffer_is_none():
    module = nn.Module()
    module.register_buffer("scale", [1.0])
    module.scale = nn.Parameter([2.0])
    assert [name for name, _ in module.named_parameters()] == ["scale"]
    assert list(module.buffers()) == []


@pytest.mark.parametrize("key", ["training", "_buffers", "_path", "keys", "a.b", "", 3])
def test_keys_that_mean_something_else(key):
    with pytest.raises(ValueError, match="ModuleDict: a key must be a str without dots"):
        nn.ModuleDict({key: nn.ReLU()})
    for pairs in ([("a", nn.ReLU())], "abc", 3):
        with pytest.raises(TypeError, match="ModuleDict: expected a mapping from str to Modules"):
            nn.ModuleDict(pairs)
    heads = nn.ModuleDict({"a": nn.ReLU()})
    heads["a"] = nn.Tanh()
    assert isinstance(heads["a"], nn.Tanh)


# -- names ---------------------------------------------------------------------------------------


def test_names_are_those_in_the_whole_model():
    net = Net()
    assert [p.name for p in net.parameters()] == NAMES
    assert [b.name for b in net.buffers()] == BUFFERS
    outer = nn.Sequential(nn.ReLU(), net)
    assert [p.name for p in net.parameters()] == [f"1.{name}" for name in NAMES]
    net.blocks.append(Block())  # added when the model stands already
    assert net.blocks[1].conv.weight.name == "1.blocks.1.conv.weight"
    net.extra = nn.Parameter([0.0])
    assert net.extra.name == "1.extra"
    assert dict(outer.named_parameters())["1.extra"] is net.extra


def test_names_survive_slicing_and_a_second_place():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    part = net[1:]
    assert part[0].weight.name == "1.weight"
    other = nn.Module()
    other.head = part
    assert net[1].weight.name == "1.weight"
    net[1].extra = nn.Parameter([0.0])
    assert net[1].extra.name == "1.extra"

    model = nn.Module()
    model.body = nn.Sequential(nn.Linear(2, 2))
    model.again = model.body
    assert len(model.body[:1]) == 1
    model.body[0].extra = nn.Parameter([0.0])
    assert model.body[0].extra.name == "body.0.extra"


def test_a_copy_of_a_part_has_no_place_in_the_model():
    net = Net()
    block, norm = copy.deepcopy((net.blocks[0], net.blocks[0].norm))
    assert [p.name for p in block.parameters()] == [
        *("conv.weight", "conv.bias", "norm.weight", "norm.bias")
    ]
    assert norm is block.norm
    alone = copy.deepcopy(net.blocks[0].norm)
    assert [b.name for b in alone.buffers()] == [name for name, _ in alone.named_buffers()]
    (scope,) = {v.scope for v in tg.graph(alone(tg.ones((2, 2, 1, 1)))) if v.function}
    assert scope == ("BatchNorm2d",)
    net.blocks.append(block)
    assert net.blocks[1].conv.weight.name == "blocks.1.conv.weight"
    assert [p.name for p in net.blocks[0].parameters()] == [n for n in NAMES if "blocks" in n]


def test_a_copy_of_a_whole_model_has_its_names():
    net = nn.Sequential(Net())
    net.again = net[0]
    twin = copy.deepcopy(net)
    assert twin.again is twin[0]
    assert [p.name for p in twin.parameters()] == [f"0.{name}" for name in NAMES]
    assert [m._path for m in twin.modules()] == [m._path for m in net.modules()]
    given = nn.Parameter([1.0], name="W")
    net[0].extra = given
    assert copy.deepcopy(net[0]).extra.name == "W"
    assert given.name == "W"


def test_a_name_that_was_given_is_kept():
    net = nn.Module()
    net.w = nn.Parameter([1.0], name="W")
    assert net.w.name == "W"
    outer = nn.Module()
    outer.net = net
    assert net.w.name == "W"
    assert [name for name, _ in outer.named_parameters()] == ["net.w"]


def test_frozen_parameters_are_named_too():
    net = nn.Linear(2, 2).requires_grad_(False)
    net(tg.ones((1, 2)))  # makes them constants of a graph
    outer = nn.Module()
    outer.part = net
    assert net.weight.name == "part.weight"


# -- state ---------------------------------------------------------------------------------------


def test_state_round_trip():
    net, other = Net(), Net()
    x = tg.randn(5, 1, 2, 2)
    net(x)  # moves the running statistics
    state = net.state_dict()
    assert all(type(value) is tg.Tensor for value in state.values())
    assert other.load_state_dict(state) == ([], [])
    for name, value in other.state_dict().items():
        np.testing.assert_array_equal(value.data, state[name].data)
    np.testing.assert_array_equal(net.eval()(x).data, other.eval()(x).data)


def test_state_is_a_copy_both_ways():
    net = Net()
    state = net.state_dict()
    net.scale.data = [5.0, 5.0]
    assert state["scale"].tolist() == [1.0, 2.0]
    net.load_state_dict(state)
    state["scale"].data = [7.0, 7.0]
    assert net.scale.tolist() == [1.0, 2.0]


def test_state_may_hold_arrays_and_be_in_any_order():
    net = Net()
    state = {name: value.data + 1 for name, value in reversed(net.state_dict().items())}
    net.load_state_dict(state)
    assert net.scale.tolist() == [2.0, 3.0]


def broken_states():
    def drop(state):
        del state["out.bias"]

    def add(state):
        state["out.extra"] = np.zeros(2, np.float32)

    def reshape(state):
        state["out.bias"] = np.zeros(4, np.float32)

    def retype(state):
        state["out.bias"] = np.zeros(3, np.float64)

    shape = r"out.bias: expected shape \(3,\) and dtype float32, not \(4,\) and float32"
    dtype = r"out.bias: expected shape \(3,\) and dtype float32, not \(3,\) and float64"
    return [
        (drop, r"does not fit this Net, nothing was loaded\n  missing: out.bias"),
        (add, r"unexpected: out.extra"),
        (reshape, shape),
        (retype, dtype),
    ]


@pytest.mark.parametrize(("damage", "message"), broken_states())
def test_a_failing_load_changes_nothing(damage, message):
    net = Net()
    before = net.state_dict()
    state = {name: value.data + 1 for name, value in before.items()}
    damage(state)
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value.data, before[name].data)


def test_every_problem_is_told():
    net = Net()
    state = net.state_dict()
    state["new"] = state.pop("scale")
    state["out.bias"] = tg.zeros(4)
    with pytest.raises(ValueError, match=r"(?s)out.bias.*missing: scale.*unexpected: new"):
        net.load_state_dict(state)


def test_loading_what_fits():
    net = Net()
    state = {"scale": tg.tensor([3.0, 3.0]), "new": tg.ones(1)}
    keys = net.load_state_dict(state, strict=False)
    assert net.scale.tolist() == [3.0, 3.0]
    assert keys.unexpected_keys == ["new"]
    assert set(keys.missing_keys) == {*NAMES, *BUFFERS} - {"scale"}
    with pytest.raises(ValueError, match=r"scale: expected shape \(2,\)"):
        net.load_state_dict({"scale": tg.ones(3)}, strict=False)


def test_state_of_the_wrong_kind():
    with pytest.raises(TypeError, match="state must map names to Tensors or arrays, not be a str"):
        Net().load_state_dict("model.npz")


def test_loading_between_forward_and_backward_is_noticed():
    net = nn.Linear(2, 1)
    x = tg.ones((1, 2), requires_grad=True)
    y = net(x).sum()
    net.load_state_dict(net.state_dict())
    with pytest.raises(ValueError, match="'w' was written after Linear used it"):
        y.backward()


# -- what is done to all of it -------------------------------------------------------------------


def test_train_and_eval_reach_everything():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net
    assert all(module.training for module in net.modules())


def test_zero_grad_and_freezing():
    net = Net()
    net(tg.randn(3, 1, 2, 2)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net
    assert not net(tg.randn(3, 1, 2, 2)).requires_grad
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_apply_goes_from_the_leaves_up():
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    seen = []
    assert net.apply(seen.append) is net
    assert seen == [net[0], net[1][0], net[1], net]


def test_repr_is_a_tree_with_counts():
    assert repr(Net()) == (
        "Net(width=8): 53 parameters\n"
        "  blocks: ModuleList(): 24 parameters\n"
        "    0: Block(): 24 parameters\n"
        "      conv: Conv2d(in_channels=1, out_channels=2, kernel_size=(3, 3), stride=(1, 1), "
        "padding=(1, 1), dilation=(1, 1), groups=1, padding_mode='zeros'): 20 parameters\n"
        "      norm: BatchNorm2d(num_features=2, eps=1e-05, momentum=0.1): 4 parameters\n"
        "  out: Linear(in_features=8, out_features=3): 27 parameters"
    )
    assert repr(nn.Linear(100, 100, bias=False)) == (
        "Linear(in_features=100, out_features=100, bias=None): 10,000 parameters"
    )
    assert repr(nn.Linear(1, 1, bias=False)).endswith(": 1 parameter")
    assert repr(nn.Dropout(0.1)) == "Dropout(p=0.1)"


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    twin.scale.data = [9.0, 9.0]
    assert net.scale.tolist() == [1.0, 2.0]
    assert [name for name, _ in twin.named_parameters()] == NAMES
    assert [p.name for p in twin.parameters()] == NAMES


def test_a_model_is_freed_without_the_collector():
    net = Net()
    net(tg.randn(3, 1, 2, 2)).sum().backward()
    alive = weakref.ref(net.out.weight)
    gc.disable()
    try:
        del net
        assert alive() is None
    finally:
        gc.enable()


# -- containers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_a_module_in_a_list_can_be_replaced(make):
    net = make(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4))
    last = nn.Linear(3, 5)
    net[-1] = last
    assert (len(net), net[2]) == (3, last)
    assert [name for name, _ in net.named_parameters()] == [
        *("0.weight", "0.bias", "2.weight", "2.bias")
    ]
    assert last.weight.name == "2.weight"
    with pytest.raises(TypeError, match="expected a Module, not int"):
        net[0] = 3
    with pytest.raises(IndexError):
        net[3] = last
    with pytest.raises(TypeError, match="slice"):
        net[0:1] = last


@pytest.mark.parametrize("make", [nn.Sequential, lambda *modules: nn.ModuleList(modules)])
def test_containers(make):
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)]
    held = make(*layers)
    assert len(held) == 3
    assert list(held) == layers
    assert held[0] is layers[0]
    assert held[-1] is layers[2]
    assert type(held[1:]) is type(held)
    assert list(held[::2]) == layers[::2]
    extra = nn.Tanh()
    assert held.append(extra) is held
    assert held[3] is extra
    with pytest.raises(IndexError):
        held[4]
    with pytest.raises(TypeError, match="expected a Module, not function"):
        held.append(lambda x: x)


def test_sequential_applies_in_order():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Tanh())
    x = tg.randn(3, 2, 2)
    expected = np.tanh(x.data.reshape(3, 4) @ net[1].weight.data.T + net[1].bias.data)
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-6)
    assert nn.Sequential()(x) is x


def test_module_list_is_not_callable():
    with pytest.raises(NotImplementedError, match="ModuleList does not define forward"):
        nn.ModuleList()(1)

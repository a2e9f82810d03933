"""Published networks, whole: outputs as ONNX Runtime's, gradients as PyTorch's.

`Wiring` says once more how the blocks are put together; its subclasses write that as an ONNX graph
or compute it in PyTorch, with the parameters of the tinygraph network.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

from .topologies import DenseNet, ResNet, SqueezeNet

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NETWORKS = {  # and torchvision's numbers of parameters
    "SqueezeNet 1.1": (SqueezeNet, 1_235_496),
    "ResNet-50": (ResNet, 25_557_032),
    "DenseNet-121": (DenseNet, 7_978_856),
}


class Wiring:
    """Networks put together from the steps that a subclass has for their layers."""

    def apply(self, module: Any, x: Any) -> Any:
        step = getattr(self, type(module).__name__)
        return step(module, x)

    def Sequential(self, module, x):
        for part in module:
            x = self.apply(part, x)
        return x

    def Identity(self, module, x):
        return x

    Dropout = Identity  # it is switched off

    def SqueezeNet(self, module, x):
        return self.apply(module.classifier, self.apply(module.features, x))

    def ResNet(self, module, x):
        return self.apply(module.head, self.apply(module.stages, self.apply(module.stem, x)))

    def DenseNet(self, module, x):
        return self.apply(module.head, self.apply(module.features, x))

    def Fire(self, module, x):
        x = self.ReLU(None, self.apply(module.squeeze, x))
        return self.concatenate(
            self.ReLU(None, self.apply(module.expand1x1, x)),
            self.ReLU(None, self.apply(module.expand3x3, x)),
        )

    def Bottleneck(self, module, x):
        total = self.add(self.apply(module.body, x), self.apply(module.shortcut, x))
        return self.ReLU(None, total)

    def DenseLayer(self, module, x):
        return self.concatenate(x, self.apply(module.body, x))


class OnnxWiring(Wiring):
    """A network as an ONNX graph; values are names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def model(self, module: Any, x: np.ndarray) -> bytes:
        y = self.apply(module, "x")
        tensor = onnx.helper.make_tensor_value_info
        graph = onnx.helper.make_graph(
            self.nodes,
            "network",
            [tensor("x", onnx.TensorProto.FLOAT, x.shape)],
            [tensor(y, onnx.TensorProto.FLOAT, ["N", "classes"])],
            self.initializers,
        )
        opset = onnx.helper.make_opsetid("", 17)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()

    def node(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        names = [self.constant(x) if isinstance(x, tg.Tensor) else x for x in inputs]
        output = f"v{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, x: tg.Tensor) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(onnx.numpy_helper.from_array(x.numpy(), name))
        return name

    def Conv2d(self, module, x):
        bias = [] if module.bias is None else [module.bias]
        return self.node("Conv", x, module.weight, *bias, **windows(module))

    def BatchNorm2d(self, module, x):
        if not module.training:
            moments = module.running_mean, module.running_var
            args = x, module.weight, module.bias, *moments
            return self.node("BatchNormalization", *args, epsilon=module.eps)
        mean = self.node("ReduceMean", x, axes=[0, 2, 3])
        centred = self.node("Sub", x, mean)
        variance = self.node("ReduceMean", self.node("Mul", centred, centred), axes=[0, 2, 3])
        deviation = self.node("Sqrt", self.node("Add", variance, tg.tensor(module.eps)))
        scale, shift = (p.detach().reshape(-1, 1, 1) for p in (module.weight, module.bias))
        normalized = self.node("Div", centred, deviation)
        return self.node("Add", self.node("Mul", normalized, scale), shift)

    def ReLU(self, module, x):
        return self.node("Relu", x)

    def MaxPool2d(self, module, x):
        return self.node("MaxPool", x, ceil_mode=int(module.ceil_mode), **windows(module))

    def AvgPool2d(self, module, x):
        return self.node("AveragePool", x, **windows(module))

    def AdaptiveAvgPool2d(self, module, x):
        return self.node("GlobalAveragePool", x)

    def Flatten(self, module, x):
        return self.node("Flatten", x)

    def Linear(self, module, x):
        return self.node("Gemm", x, module.weight, module.bias, transB=1)

    def concatenate(self, *xs):
        return self.node("Concat", *xs, axis=1)

    def add(self, a, b):
        return self.node("Add", a, b)


def windows(module: Any) -> dict[str, list[int]]:
    """Return a layer's windows as ONNX says them."""
    kernel = module.weight.shape[2:] if isinstance(module, nn.Conv2d) else module.kernel_size
    pair = {
        name: list(np.broadcast_to(value, 2).tolist())
        for name, value in (("k", kernel), ("s", module.stride), ("p", module.padding))
    }
    return dict(kernel_shape=pair["k"], strides=pair["s"], pads=2 * pair["p"])


class TorchWiring(Wiring):
    """A network in PyTorch, with leaves for the parameters, found by `parameters`."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.F = torch, torch.nn.functional
        self.parameters: dict[int, Any] = {}

    def leaf(self, p: Any) -> Any:
        if p is None:
            return None
        self.parameters[id(p)] = self.torch.tensor(p.numpy().copy(), requires_grad=True)
        return self.parameters[id(p)]

    def Conv2d(self, module, x):
        weight, bias = self.leaf(module.weight), self.leaf(module.bias)
        return self.F.conv2d(x, weight, bias, module.stride, module.padding)

    def BatchNorm2d(self, module, x):
        affine = self.leaf(module.weight), self.leaf(module.bias)
        return self.F.batch_norm(x, None, None, *affine, training=True, eps=module.eps)

    def ReLU(self, module, x):
        return self.F.relu(x)

    def MaxPool2d(self, module, x):
        args = module.kernel_size, module.stride, module.padding
        return self.F.max_pool2d(x, *args, ceil_mode=module.ceil_mode)

    def AvgPool2d(self, module, x):
        return self.F.avg_pool2d(x, module.kernel_size, module.stride, module.padding)

    def AdaptiveAvgPool2d(self, module, x):
        return x.mean((2, 3), keepdim=True)

    def Flatten(self, module, x):
        return x.flatten(1)

    def Linear(self, module, x):
        return self.F.linear(x, self.leaf(module.weight), self.leaf(module.bias))

    def concatenate(self, *xs):
        return self.torch.cat(xs, 1)

    def add(self, a, b):
        return a + b


def network(name: str) -> Any:
    """Make one from a seed, through which images survive, and that has seen some of them."""
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    net = NETWORKS[name][0]()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=rng)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, rng)
            nn.init.uniform_(module.bias, -0.5, 0.5, rng)
            module.momentum = 0.9
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    net(images(np.random.default_rng(1), np.float64).astype(tg.get_default_dtype()))
    return net


def images(rng: np.random.Generator, dtype: Any) -> tg.Tensor:
    return tg.tensor(rng.standard_normal((4, 3, 96, 96)).astype(dtype))


@pytest.fixture
def float64() -> Iterator[None]:
    """Make float64 the default dtype."""
    before = tg.get_default_dtype()
    tg.set_default_dtype(np.float64)
    yield
    tg.set_default_dtype(before)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_published_number_of_parameters(name):
    make, count = NETWORKS[name]
    assert sum(p.size for p in make().parameters()) == count


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_those_of_onnx_runtime(name, training):
    """Both come within 3e-5, of the largest, of what float64 gives, ResNet-50 in training worst."""
    net = network(name).train(training)
    x = images(np.random.default_rng(2), np.float32)
    model = OnnxWiring().model(net, x)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x.numpy()})
    y = net(x)
    assert expected.std(axis=0).mean() > 1e-3 * np.abs(expected).max()  # it tells images apart
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_pytorch(torch, name):
    net = network(name).train()
    x = images(np.random.default_rng(2), np.float64)
    target = np.arange(len(x))
    theirs = TorchWiring(torch)
    y = theirs.apply(net, torch.tensor(x.numpy()))
    loss = torch.nn.functional.cross_entropy(y, torch.tensor(target))
    loss.backward()
    ours = nn.functional.cross_entropy(net(x), target)
    ours.backward()
    np.testing.assert_allclose(ours.item(), loss.item(), rtol=1e-10)
    for path, p in net.named_parameters():
        expected = theirs.parameters[id(p)].grad.numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(p.grad, expected, 1e-8, 1e-8 * scale, err_msg=path)

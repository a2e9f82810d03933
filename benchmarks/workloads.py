"""What is measured: the rows, their sizes, their data.  Standard library and NumPy alone.

A row says nothing about any framework; peers/ says how each one runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class Conv:
    """A convolution, stride 1, with a bias."""

    inputs: int
    outputs: int
    kernel: int
    padding: int = 0


@dataclass(frozen=True)
class Linear:
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Pool:
    """The maximum over windows that do not overlap."""

    kernel: int


@dataclass(frozen=True)
class Relu:
    pass


@dataclass(frozen=True)
class Flatten:
    pass


Layer: TypeAlias = Conv | Linear | Pool | Relu | Flatten

NOTEBOOK = (
    Conv(1, 10, 3, 1),
    Relu(),
    Pool(2),
    Flatten(),
    Linear(160, 100),
    Relu(),
    Linear(100, 10),
)
LENET = (
    *(Conv(1, 6, 5, 2), Relu(), Pool(2), Conv(6, 16, 5), Relu(), Pool(2), Flatten()),
    *(Linear(400, 120), Relu(), Linear(120, 84), Relu(), Linear(84, 10)),
)
MLP = (Linear(784, 256), Relu(), Linear(256, 128), Relu(), Linear(128, 10))


def vgg_small(size: int) -> tuple[Layer, ...]:
    return (
        *(Conv(3, 64, 3, 1), Relu(), Conv(64, 64, 3, 1), Relu(), Pool(2)),
        *(Conv(64, 128, 3, 1), Relu(), Conv(128, 128, 3, 1), Relu(), Pool(2), Flatten()),
        *(Linear(128 * (size // 4) ** 2, 256), Relu(), Linear(256, 10)),
    )


@dataclass(frozen=True)
class Train:
    """A training step: forward, cross-entropy, backward, SGD."""

    layers: tuple[Layer, ...]
    x: Shape

    def arrays(self) -> dict[str, Any]:
        rng = _generator()
        return {
            "x": _normal(rng, self.x),
            "target": rng.integers(0, 10, self.x[0]),
            "parameters": [
                _normal(rng, shape, scale) for shape, scale in _parameter_shapes(self.layers)
            ],
        }


@dataclass(frozen=True)
class Operation:
    """One operation, forward and backward from a given gradient, to all its inputs."""

    operation: str  # its name in every peer
    inputs: tuple[Shape, ...]
    output: Shape
    attributes: dict[str, int] = field(default_factory=dict)
    classes: int = 0  # where there are labels: how many

    def arrays(self) -> dict[str, Any]:
        rng = _generator()
        inputs = [_normal(rng, shape) for shape in self.inputs]
        if self.classes:
            inputs.append(rng.integers(0, self.classes, self.inputs[0][0]))
        return {"inputs": inputs, "g": _normal(rng, self.output)}


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer along sequences, forward and backward from a given gradient, to all."""

    layer: str  # its name in the frameworks that have it
    gates: int
    x: Shape  # steps, batch, features
    hidden: int

    def arrays(self) -> dict[str, Any]:
        rng, rows = _generator(), self.gates * self.hidden
        shapes = ((rows, self.x[2]), (rows, self.hidden), (rows,), (rows,))
        return {
            "x": _normal(rng, self.x),
            "parameters": [_normal(rng, shape, self.hidden**-0.5) for shape in shapes],
            "g": _normal(rng, (*self.x[:2], self.hidden)),
        }


@dataclass(frozen=True)
class AdamStep:
    """One step of Adam, its gradient given."""

    size: int

    def arrays(self) -> dict[str, Any]:
        rng = _generator()
        return {"parameter": _normal(rng, (self.size,)), "gradient": _normal(rng, (self.size,))}


@dataclass(frozen=True)
class Chain:
    """y = x + 1 + 1 + ...: as many nodes, recorded, walked backward, freed.  Times are per node."""

    nodes: int
    backward_only: bool = False

    def arrays(self) -> dict[str, Any]:
        return {"x": _normal(_generator(), (1,))}


Work: TypeAlias = Train | Operation | Recurrent | AdamStep | Chain


@dataclass(frozen=True)
class Row:
    name: str
    title: str
    work: Work
    quick: Work  # small, to prove that it works
    goal: float | None = None  # at most so many times PyTorch
    measures: str = "time"  # or "memory": the peak of a step, in bytes
    group: str = ""  # rows that also count together

    @property
    def calls(self) -> int:
        """How many things one step does, to divide its time by."""
        return self.work.nodes if isinstance(self.work, Chain) else 1


CHAINS = (3, 4, 5, 6)  # nodes, as powers of ten
CONVOLUTIONS = (  # N, C, H = W, O, K, stride, padding
    (8, 1, 8, 10, 3, 1, 1),
    (64, 1, 28, 16, 3, 1, 1),
    (64, 16, 14, 32, 3, 1, 1),
    (32, 3, 32, 64, 3, 1, 1),
    (32, 64, 32, 64, 3, 1, 1),
    (32, 64, 16, 128, 3, 1, 1),
    (32, 128, 16, 128, 3, 1, 1),
    (64, 6, 14, 16, 5, 1, 0),
    (8, 3, 112, 64, 7, 2, 3),
)


def rows() -> tuple[Row, ...]:
    return (
        Row(
            "small",
            "one small operation (10 floats)",
            Operation("multiply", ((10,), (10,)), (10,)),
            Operation("multiply", ((10,), (10,)), (10,)),
            goal=0.60,
        ),
        _train("notebook", "notebook CNN, batch 8", NOTEBOOK, (8, 1, 8, 8), 0.50),
        _train("lenet", "LeNet-5, batch 64", LENET, (64, 1, 28, 28), 1.0),
        _train("mlp", "MLP, batch 128", MLP, (128, 784), 1.0),
        _vgg("vgg", "VGG-small, batch 32", 1.1),
        *(
            Row(
                f"conv{number}",
                f"conv2d {number}: ({', '.join(map(str, shape))})",
                _conv(*shape),
                _conv(2, *shape[1:2], min(shape[2], 10), *shape[3:]),
                goal=1.6,
                group="conv2d",
            )
            for number, shape in enumerate(CONVOLUTIONS, 1)
        ),
        _pool("pool2", "max_pool2d 2×2, 32×64×32×32", 2, 2),
        _pool("pool3", "max_pool2d 3×3/2, 32×64×32×32", 3, 2),
        _cross_entropy("ce-small", 128, 10),
        _cross_entropy("ce-large", 4096, 1000),
        Row(
            "batchnorm",
            "batch_norm 32×64×32×32",
            _batch_norm(32, 64, 32, 32),
            _batch_norm(4, 3, 5, 5),
            goal=1.5,
        ),
        _recurrent("lstm", "LSTM", 4),
        _recurrent("gru", "GRU", 3),
        Row("adam", "Adam step, 1 M parameters", AdamStep(10**6), AdamStep(1000), goal=1.5),
        _vgg("memory", "VGG-small step, peak memory", 1.2, measures="memory"),
        *(
            Row(
                f"chain-1e{power}",
                f"chain of 10^{power} nodes, per node",
                Chain(10**power),
                Chain(min(10**power, 2000)),
                group="chain",
            )
            for power in CHAINS
        ),
        Row(
            "chain-backward",
            "backward of a 10^6-node chain, per node",
            Chain(10**6, backward_only=True),
            Chain(2000, backward_only=True),
        ),
    )


def _train(name: str, title: str, layers: tuple[Layer, ...], x: Shape, goal: float) -> Row:
    return Row(name, title, Train(layers, x), Train(layers, (2, *x[1:])), goal)


def _vgg(name: str, title: str, goal: float, measures: str = "time") -> Row:
    full, quick = Train(vgg_small(32), (32, 3, 32, 32)), Train(vgg_small(8), (2, 3, 8, 8))
    return Row(name, title, full, quick, goal, measures)


def _conv(n: int, c: int, size: int, o: int, k: int, stride: int, padding: int) -> Operation:
    out = (size + 2 * padding - k) // stride + 1
    inputs = ((n, c, size, size), (o, c, k, k), (o,))
    return Operation("conv2d", inputs, (n, o, out, out), dict(stride=stride, padding=padding))


def _pool(name: str, title: str, kernel: int, stride: int) -> Row:
    def work(n: int, c: int, size: int) -> Operation:
        out = (size - kernel) // stride + 1
        attributes = dict(kernel=kernel, stride=stride)
        return Operation("max_pool2d", ((n, c, size, size),), (n, c, out, out), attributes)

    # MyGrad pools only where the windows fit exactly, as 3×3/2 does in 33×33.
    size = 32 + kernel % stride
    title = title.replace("32×32", f"{size}×{size}")
    return Row(name, title, work(32, 64, size), work(2, 3, 8 + kernel % stride), goal=1.5)


def _cross_entropy(name: str, n: int, classes: int) -> Row:
    def work(n: int) -> Operation:
        return Operation("cross_entropy", ((n, classes),), (), classes=classes)

    return Row(name, f"softmax cross-entropy {n}×{classes}", work(n), work(8), goal=1.5)


def _recurrent(name: str, layer: str, gates: int) -> Row:
    work = Recurrent(layer, gates, (28, 64, 28), 128)
    title = f"{layer}, 28 steps of 64×28, 128 hidden"
    return Row(name, title, work, Recurrent(layer, gates, (3, 2, 4), 5))


def _batch_norm(n: int, c: int, h: int, w: int) -> Operation:
    return Operation("batch_norm", ((n, c, h, w), (c,), (c,)), (n, c, h, w))


def _parameter_shapes(layers: tuple[Layer, ...]) -> Iterator[tuple[Shape, float]]:
    """The weight and the bias of each layer that has them, and how wide they are spread."""
    for layer in layers:
        if isinstance(layer, Conv):
            weight: Shape = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        elif isinstance(layer, Linear):
            weight = (layer.outputs, layer.inputs)
        else:
            continue
        yield weight, (2 / prod(weight[1:])) ** 0.5
        yield (layer.outputs,), 0.01


def _generator() -> Any:
    import numpy as np  # the driver reads the rows, and may have no NumPy

    # With some seeds a rounding moves a ReLU or a window of VGG-small over its kink, which changes
    # the first gradients by 2e-3; not with this one, in the versions that are compared.
    return np.random.default_rng(1)


def _normal(rng: Any, shape: Shape, scale: float = 1.0) -> Any:
    return rng.normal(0, scale, shape).astype("float32")

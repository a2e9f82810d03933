"""What tinygraph and PyTorch share: the same names, so the same code."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import (
    AdamStep,
    Chain,
    Conv,
    Flatten,
    Linear,
    Operation,
    Pool,
    Recurrent,
    Relu,
    Train,
)

from peers import Task, named

OPERATIONS = {
    "multiply": lambda f, a, b: a * b,
    "conv2d": lambda f, x, w, b, **attributes: f.conv2d(x, w, b, **attributes),
    "max_pool2d": lambda f, x, kernel, stride: f.max_pool2d(x, kernel, stride),
    "cross_entropy": lambda f, x, target: f.cross_entropy(x, target),
    "batch_norm": lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True),
}


class TorchLike:
    """A peer with PyTorch's modules, functions and optimisers."""

    def __init__(self, nn: Any, functional: Any, optim: Any) -> None:
        self.nn, self.functional, self.optim = nn, functional, optim

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        """The framework's tensor, of a copy of the array."""
        raise NotImplementedError

    def array(self, tensor: Any) -> Any:
        raise NotImplementedError

    def leaf(self, array: Any) -> Any:
        return self.tensor(array, requires_grad=array.dtype.kind == "f")

    def layer(self, layer: Any) -> Any:
        nn = self.nn
        match layer:
            case Conv(inputs, outputs, kernel, padding):
                return nn.Conv2d(inputs, outputs, kernel, padding=padding)
            case Linear(inputs, outputs):
                return nn.Linear(inputs, outputs)
            case Pool(kernel):
                return nn.MaxPool2d(kernel)
            case Relu():
                return nn.ReLU()
            case Flatten():
                return nn.Flatten()

    def load(self, net: Any, parameters: list[Any]) -> None:
        names = list(net.state_dict())
        net.load_state_dict(
            {name: self.tensor(array) for name, array in zip(names, parameters, strict=True)}
        )

    def train(self, work: Train, x: Any, target: Any, parameters: list[Any]) -> Task:
        net = self.nn.Sequential(*map(self.layer, work.layers))
        self.load(net, parameters)
        x, target = self.tensor(x), self.tensor(target)
        optimizer = self.optim.SGD(net.parameters(), lr=1e-3)
        cross_entropy = self.functional.cross_entropy

        def step() -> Any:
            optimizer.zero_grad()
            loss = cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            return loss

        def results() -> dict[str, Any]:
            loss = step()  # the gradients stay after the parameters have moved
            return named(self.array(loss), [self.array(p.grad) for p in net.parameters()])

        return Task(step, results)

    def recurrent(self, work: Recurrent, x: Any, parameters: list[Any], g: Any) -> Task:
        layer = getattr(self.nn, work.layer)(work.x[2], work.hidden)
        self.load(layer, parameters)
        x, g = self.leaf(x), self.tensor(g)
        leaves = [x, *layer.parameters()]

        def step() -> Any:
            for leaf in leaves:
                leaf.grad = None
            y, _ = layer(x)
            y.backward(g)
            return y

        return Task(
            step, lambda: named(self.array(step()), [self.array(leaf.grad) for leaf in leaves])
        )

    def operation(self, work: Operation, inputs: list[Any], g: Any) -> Task:
        function, functional = OPERATIONS[work.operation], self.functional
        attributes = work.attributes
        inputs, g = [self.leaf(array) for array in inputs], self.tensor(g)
        leaves = [leaf for leaf in inputs if leaf.requires_grad]

        def step() -> Any:
            for leaf in leaves:
                leaf.grad = None
            y = function(functional, *inputs, **attributes)
            y.backward(g)
            return y

        return Task(
            step, lambda: named(self.array(step()), [self.array(leaf.grad) for leaf in leaves])
        )

    def adam(self, work: AdamStep, parameter: Any, gradient: Any) -> Task:
        parameter = self.leaf(parameter)
        parameter.grad = self.tensor(gradient)
        optimizer = self.optim.Adam([parameter])

        def results() -> dict[str, Any]:
            for _ in range(3):
                optimizer.step()
            return {"parameter": np.array(self.array(parameter))}

        return Task(optimizer.step, results)

    def chain(self, work: Chain, x: Any) -> Task:
        leaf = self.leaf(x)
        end: list[Any] = []

        def forward() -> None:
            leaf.grad = None
            y = leaf
            for _ in range(work.nodes):
                y = y + 1.0
            end[:] = [y]

        def backward() -> Any:
            y = end.pop()
            y.backward(g)
            return self.array(y)  # an array: the graph is freed here

        def both() -> Any:
            forward()
            return backward()

        g = self.tensor(np.ones(1, np.float32))
        results = lambda: named(both(), [self.array(leaf.grad)])  # noqa: E731
        if work.backward_only:
            return Task(backward, results, before=forward)
        return Task(both, results)

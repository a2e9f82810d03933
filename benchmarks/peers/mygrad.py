"""MyGrad: NumPy, with its own neural layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mygrad
import numpy as np
from mygrad.nnet.activations import relu
from mygrad.nnet.layers import batchnorm, conv_nd, max_pool
from mygrad.nnet.losses import softmax_crossentropy
from workloads import AdamStep, Chain, Operation, Train

from peers import LeftOut, Task, _functional, named


def conv2d(x: Any, w: Any, b: Any, stride: int, padding: int) -> Any:
    return conv_nd(x, w, stride=stride, padding=padding) + b.reshape(1, -1, 1, 1)


OPERATIONS = SimpleNamespace(
    multiply=lambda a, b: a * b,
    conv2d=conv2d,
    max_pool2d=lambda x, kernel, stride: max_pool(x, (kernel, kernel), stride),
    cross_entropy=softmax_crossentropy,
    batch_norm=lambda x, w, b: batchnorm(x, gamma=w, beta=b, eps=1e-5),
    relu=relu,
)


class Peer:
    def train(self, work: Train, x: Any, target: Any, parameters: list[Any]) -> Task:
        parameters = [mygrad.tensor(array) for array in parameters]

        def step() -> Any:
            loss = _functional.loss(OPERATIONS, work.layers, parameters, x, target)
            loss.backward()
            for p in parameters:
                p.data -= np.float32(1e-3) * p.grad
            return loss

        return Task(step, lambda: named(step().data, [p.grad for p in parameters]))

    def operation(self, work: Operation, inputs: list[Any], g: Any) -> Task:
        if work.attributes.get("stride", 1) > 1 and work.operation == "conv2d":
            raise LeftOut("a last window that does not fit is an error")
        function = getattr(OPERATIONS, work.operation)
        inputs = [mygrad.tensor(a) if a.dtype.kind == "f" else a for a in inputs]
        leaves = [leaf for leaf in inputs if isinstance(leaf, mygrad.Tensor)]

        def step() -> Any:
            y = function(*inputs, **work.attributes)
            y.backward(g)
            return y

        return Task(step, lambda: named(step().data, [leaf.grad for leaf in leaves]))

    def adam(self, work: AdamStep, parameter: Any, gradient: Any) -> Task:
        raise LeftOut("has no optimisers")

    def chain(self, work: Chain, x: Any) -> Task:
        if work.nodes > 10**4:
            raise LeftOut("50 µs a node: minutes")
        leaf = mygrad.tensor(x)

        def step() -> Any:
            y = leaf
            for _ in range(work.nodes):
                y = y + 1.0
            y.backward()
            return y.data

        return Task(step, lambda: named(step(), [leaf.grad]))

"""autograd (HIPS): NumPy's functions, traced."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
from autograd.core import make_vjp
from autograd.scipy.signal import convolve
from workloads import AdamStep, Chain, Operation, Train

from peers import LeftOut, Task, _functional, named


def conv2d(x: Any, w: Any, b: Any, stride: int, padding: int) -> Any:
    if padding:
        x = anp.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
    # convolve turns its filters round: a cross-correlation turns them back.
    y = convolve(x, w[:, :, ::-1, ::-1], axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
    return y + b.reshape(1, -1, 1, 1)


def max_pool2d(x: Any, kernel: int, stride: int) -> Any:
    n, c, h, w = x.shape
    windows = x.reshape(n, c, h // kernel, kernel, w // kernel, kernel)
    return anp.max(anp.max(windows, axis=5), axis=3)


def cross_entropy(x: Any, target: Any) -> Any:
    shifted = x - anp.max(x, axis=1, keepdims=True)
    log_sum = anp.log(anp.sum(anp.exp(shifted), axis=1))
    return anp.mean(log_sum - shifted[np.arange(len(target)), target])


def batch_norm(x: Any, w: Any, b: Any) -> Any:
    mean = anp.mean(x, axis=(0, 2, 3), keepdims=True)
    var = anp.var(x, axis=(0, 2, 3), keepdims=True)
    scale = w.reshape(1, -1, 1, 1) / anp.sqrt(var + np.float32(1e-5))
    return (x - mean) * scale + b.reshape(1, -1, 1, 1)


OPERATIONS = SimpleNamespace(
    multiply=lambda a, b: a * b,
    conv2d=conv2d,
    max_pool2d=max_pool2d,
    cross_entropy=cross_entropy,
    batch_norm=batch_norm,
    relu=lambda x: anp.maximum(x, np.float32(0)),
)


class Peer:
    def train(self, work: Train, x: Any, target: Any, parameters: list[Any]) -> Task:
        if work.x[0] * len(work.layers) > 300 and work.x[1] == 3:
            raise LeftOut("half a minute a step")

        def loss(parameters: Any) -> Any:
            return _functional.loss(OPERATIONS, work.layers, parameters, x, target)

        loss_and_gradients = autograd.value_and_grad(loss)

        def step() -> Any:
            value, gradients = loss_and_gradients(parameters)
            for p, gradient in zip(parameters, gradients, strict=True):
                p -= np.float32(1e-3) * gradient
            return value, gradients

        return Task(step, lambda: named(*step()))

    def operation(self, work: Operation, inputs: list[Any], g: Any) -> Task:
        if work.operation == "conv2d" and work.inputs[0][0] > 8:
            raise LeftOut("seconds to half a minute")
        stride = work.attributes.get("stride", 1)
        if work.operation == "conv2d" and stride > 1:
            raise LeftOut("its convolution has no stride")
        if work.operation == "max_pool2d" and stride != work.attributes["kernel"]:
            raise LeftOut("has no pooling, and windows that overlap are no reshape")
        function = getattr(OPERATIONS, work.operation)
        leaves = tuple(a for a in inputs if a.dtype.kind == "f")
        others = inputs[len(leaves) :]

        def step() -> Any:
            pull_back, y = make_vjp(
                lambda leaves: function(*leaves, *others, **work.attributes), leaves
            )
            return y, pull_back(g)

        return Task(step, lambda: named(*step()))

    def adam(self, work: AdamStep, parameter: Any, gradient: Any) -> Task:
        raise LeftOut("its Adam is a loop of its own, with no step")

    def chain(self, work: Chain, x: Any) -> Task:
        if work.nodes > 10**4:
            raise LeftOut("minutes")

        def long(y: Any) -> Any:
            for _ in range(work.nodes):
                y = y + np.float32(1)
            return y

        def step() -> Any:
            pull_back, y = make_vjp(long, x)
            return y, [pull_back(np.ones(1, np.float32))]

        return Task(step, lambda: named(*step()))

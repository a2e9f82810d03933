"""JAX: each step compiled whole, before anything is timed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from workloads import AdamStep, Chain, Operation, Train

from peers import LeftOut, Task, _functional, named


def conv2d(x: Any, w: Any, b: Any, stride: int, padding: int) -> Any:
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), pads) + b.reshape(1, -1, 1, 1)


def max_pool2d(x: Any, kernel: int, stride: int) -> Any:
    window, strides = (1, 1, kernel, kernel), (1, 1, stride, stride)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")


def cross_entropy(x: Any, target: Any) -> Any:
    logs = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(logs, target[:, None], axis=1).mean()


def batch_norm(x: Any, w: Any, b: Any) -> Any:
    mean = x.mean((0, 2, 3), keepdims=True)
    var = x.var((0, 2, 3), keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * w.reshape(1, -1, 1, 1) + b.reshape(1, -1, 1, 1)


OPERATIONS = SimpleNamespace(
    multiply=lambda a, b: a * b,
    conv2d=conv2d,
    max_pool2d=max_pool2d,
    cross_entropy=cross_entropy,
    batch_norm=batch_norm,
    relu=jax.nn.relu,
)


class Peer:
    def train(self, work: Train, x: Any, target: Any, parameters: list[Any]) -> Task:
        parameters, x, target = jax.device_put((parameters, x, target))

        def update(parameters: Any, x: Any, target: Any) -> Any:
            loss, gradients = jax.value_and_grad(
                lambda parameters: _functional.loss(OPERATIONS, work.layers, parameters, x, target)
            )(parameters)
            moved = [p - 1e-3 * g for p, g in zip(parameters, gradients, strict=True)]
            return moved, loss, gradients

        # Gradients that nobody takes out of the compiled step are never written.
        timed = jax.jit(lambda *arrays: update(*arrays)[:2], donate_argnums=0)
        timed = timed.lower(parameters, x, target).compile()
        state = [parameters]

        def step() -> None:
            state[0], loss = timed(state[0], x, target)
            jax.block_until_ready(loss)
            jax.block_until_ready(state[0])

        def results() -> dict[str, Any]:
            return named(*jax.device_get(jax.jit(update)(state[0], x, target)[1:]))

        return Task(step, results)

    def operation(self, work: Operation, inputs: list[Any], g: Any) -> Task:
        function = getattr(OPERATIONS, work.operation)
        leaves, g = jax.device_put((tuple(a for a in inputs if a.dtype.kind == "f"), g))
        others = jax.device_put(inputs[len(leaves) :])

        def both(leaves: Any, others: Any, g: Any) -> Any:
            y, pull_back = jax.vjp(
                lambda *leaves: function(*leaves, *others, **work.attributes), *leaves
            )
            return y, pull_back(g)

        compiled = jax.jit(both).lower(leaves, others, g).compile()

        def step() -> Any:
            return jax.block_until_ready(compiled(leaves, others, g))

        return Task(step, lambda: named(*jax.device_get(step())))

    def adam(self, work: AdamStep, parameter: Any, gradient: Any) -> Task:
        def update(p: Any, m: Any, v: Any, t: Any, g: Any) -> Any:
            t = t + 1
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            root = jnp.sqrt(v / (1 - 0.999**t)) + 1e-8
            return p - 1e-3 * (m / (1 - 0.9**t)) / root, m, v, t

        zeros = np.zeros_like(parameter)
        g = jax.device_put(gradient)
        state = [jax.device_put((parameter, zeros, zeros.copy(), np.float32(0)))]
        compiled = jax.jit(update, donate_argnums=(0, 1, 2)).lower(*state[0], g).compile()

        def step() -> None:
            state[0] = jax.block_until_ready(compiled(*state[0], g))

        def results() -> dict[str, Any]:
            for _ in range(3):
                step()
            return {"parameter": np.array(state[0][0])}

        return Task(step, results)

    def chain(self, work: Chain, x: Any) -> Task:
        raise LeftOut("no graph is left when the step is compiled")

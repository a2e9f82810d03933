"""What the gradient checkers are given: right rules, and rules with one bug each.

Each is written once, in NumPy: forward takes arrays, backward the gradient of the output and these
arrays, and returns a tuple.  checks.py makes an operation of each framework of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray
Rule = Callable[..., tuple[Array, ...]]


@dataclass(frozen=True)
class Subject:
    """An operation.

    Attributes
    ----------
    name : str
    forward, backward : callable
    draw : callable
        Generator -> list of inputs.
    branch : callable, optional
        Inputs -> the choices between smooth pieces, for the checkers that want to know.
    writes : bool
        Its bug is to write into an array that it was handed, which JAX makes impossible.
    """

    name: str
    forward: Callable[..., Array]
    backward: Rule
    draw: Callable[[np.random.Generator], list[Array]]
    branch: Callable[..., tuple[Array, ...]] | None = None
    writes: bool = False

    def off_by(self, error: float) -> Subject:
        """Return the operation with a gradient that is too large by this fraction."""

        def backward(g: Array, *xs: Array) -> tuple[Array, ...]:
            return tuple(gx * (1 + error) for gx in self.backward(g, *xs))

        return replace(self, backward=backward)


def normal(*shapes: tuple[int, ...], scale: float = 1, dtype: Any = np.float64) -> Any:
    return lambda rng: [(rng.standard_normal(s) * scale).astype(dtype) for s in shapes]


def away_from_zero(*shape: int, scale: float = 1, dtype: Any = np.float64) -> Any:
    def draw(rng: np.random.Generator) -> list[Array]:
        x = rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)
        return [(x * scale).astype(dtype)]

    return draw


def positive(*shape: int, scale: float = 1, dtype: Any = np.float64) -> Any:
    return lambda rng: [(rng.uniform(0.5, 2, shape) * scale).astype(dtype)]


# -- right rules ---------------------------------------------------------------------------------


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_rule(g: Array, x: Array) -> tuple[Array]:
    y = softmax(x)
    return (y * (g - (g * y).sum(axis=-1, keepdims=True)),)


def windows(x: Array) -> Array:
    """The overlapping windows of 3 along the last axis, every second one."""
    return np.lib.stride_tricks.sliding_window_view(x, 3, axis=-1)[..., ::2, :]


def max_pool(x: Array) -> Array:
    return windows(x).max(axis=-1)


def winners(x: Array) -> Array:
    first = windows(x).argmax(axis=-1)
    return first + 2 * np.arange(first.shape[-1])


def max_pool_rule(g: Array, x: Array) -> tuple[Array]:
    gx = np.zeros_like(x)
    rows = np.arange(x.shape[0])[:, None]
    np.add.at(gx, (rows, winners(x)), g)
    return (gx,)


INDEX = np.array([0, 2, 2, 1, 2])


def rows_added(g: Array, x: Array) -> tuple[Array]:
    gx = np.zeros_like(x)
    np.add.at(gx, INDEX, g)
    return (gx,)


def relu_rule(g: Array, x: Array) -> tuple[Array]:
    return (g * (x > 0),)


def right() -> list[Subject]:
    """Right rules, at three scales and in float32, and beside kinks and on them."""
    found = []
    for scale in (1e-3, 1.0, 1e3):
        found += [
            Subject(
                f"x³ at {scale:g}",
                lambda x: x**3,
                lambda g, x: (g * 3 * x**2,),
                away_from_zero(3, 4, scale=scale),
            ),
            Subject(
                f"1/x at {scale:g}",
                lambda x: 1 / x,
                lambda g, x: (-g / x**2,),
                away_from_zero(3, 4, scale=scale),
            ),
            Subject(
                f"log x at {scale:g}",
                np.log,
                lambda g, x: (g / x,),
                positive(3, 4, scale=scale),
            ),
            Subject(
                f"x @ w at {scale:g}",
                lambda x, w: x @ w,
                lambda g, x, w: (g @ w.T, x.T @ g),
                normal((3, 4), (4, 2), scale=scale),
            ),
        ]
    found += [
        Subject("tanh at 0.001", np.tanh, tanh_rule, normal((3, 4), scale=1e-3)),
        Subject("tanh at 1", np.tanh, tanh_rule, normal((3, 4))),
        Subject("softmax at 1", softmax, softmax_rule, normal((3, 4))),
        Subject(
            "mean of 2,000",
            lambda x: np.asarray(x.mean()),
            lambda g, x: (np.full_like(x, g / x.size),),
            normal((2000,)),
        ),
        Subject("x[index] with repeats", lambda x: x[INDEX], rows_added, normal((4, 2))),
    ]
    single = [
        ("x³", lambda x: x**3, lambda g, x: (g * 3 * x**2,), away_from_zero),
        ("1/x", lambda x: 1 / x, lambda g, x: (-g / x**2,), away_from_zero),
        ("tanh", np.tanh, tanh_rule, away_from_zero),
    ]
    found += [
        Subject(f"{name} in float32", forward, backward, fill(3, 4, dtype=np.float32))
        for name, forward, backward, fill in single
    ]
    return found + kinks()


def tanh_rule(g: Array, x: Array) -> tuple[Array]:
    return (g * (1 - np.tanh(x) ** 2),)


def kinks() -> list[Subject]:
    return [
        Subject(
            "relu, 1e-7 from its kink",
            lambda x: np.maximum(x, 0),
            relu_rule,
            away_from_zero(3, 4, scale=1e-7),
            lambda x: (x > 0,),
        ),
        Subject(
            "abs x, partly 1e-7 from its kink",
            np.abs,
            lambda g, x: (g * np.sign(x),),
            lambda rng: [away_from_zero(12)(rng)[0] * np.repeat([1e-7, 1], 6)],
            lambda x: (x > 0,),
        ),
        Subject(
            "relu at 0, slope 0",
            lambda x: np.maximum(x, 0),
            relu_rule,
            lambda rng: [rng.integers(-1, 2, 12) * 1.0],
            lambda x: (x > 0,),
        ),
        Subject(
            "max-pool of overlapping windows",
            max_pool,
            max_pool_rule,
            normal((2, 9)),
            lambda x: (winners(x),),
        ),
        Subject(
            "max-pool, near ties of 1e-7",
            max_pool,
            max_pool_rule,
            lambda rng: [rng.permuted(np.arange(18) * 1e-7).reshape(2, 9)],
            lambda x: (winners(x),),
        ),
        Subject(
            "max-pool, ties to the first",
            max_pool,
            max_pool_rule,
            lambda rng: [rng.integers(0, 3, (2, 9)) * 1.0],
            lambda x: (winners(x),),
        ),
    ]


# -- planted bugs --------------------------------------------------------------------------------


def last_of_repeats(g: Array, x: Array) -> tuple[Array]:
    gx = np.zeros_like(x)
    gx[INDEX] = g
    return (gx,)


def max_pool_without_overlap(g: Array, x: Array) -> tuple[Array]:
    gx = np.zeros_like(x)
    gx[np.arange(x.shape[0])[:, None], winners(x)] = g
    return (gx,)


def zeroes_the_cotangent(g: Array, x: Array) -> tuple[Array]:
    gx = g * 2 * x
    g[...] = 0
    return (gx,)


def doubles_the_input(g: Array, x: Array) -> tuple[Array]:
    gx = g * 2 * x
    x *= 2
    return (gx,)


def one_entry_wrong(g: Array, x: Array) -> tuple[Array]:
    gx = g * 2 * x
    gx[137] *= 1.5
    return (gx,)


def gradual(g: Array, x: Array) -> tuple[Array]:
    """All right but for a small matrix with which ones, and what is positive, cancel."""
    wrong = np.outer([1.0, -1, 1, -1], [1.0, -1, -1, 1]) * 1e-2
    return (g * 2 * x + g @ wrong,)


class Drifts:
    """A rule that is right only when it is called first."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, g: Array, x: Array) -> tuple[Array]:
        self.calls += 1
        return (g * 2 * x * (1 + 1e-3 * (self.calls - 1)),)


def half_precision(g: Array, x: Array) -> tuple[Array]:
    return (g * 2 * x.astype(np.float16).astype(x.dtype),)


def square(x: Array) -> Array:
    return x * x


def columns(x: Array, b: Array) -> Array:
    return x * 2 + b


def bugs() -> list[Subject]:
    """One bug each, of the kinds that are made."""
    matrix, pair = normal((4, 4)), normal((3, 4), (4,))
    return [
        Subject("factor 2 missing", square, lambda g, x: (g * x,), matrix),
        Subject("sign", square, lambda g, x: (-g * 2 * x,), matrix),
        Subject("1 % too large", square, lambda g, x: (g * 2.02 * x,), matrix),
        Subject("1e-4 too large", square, lambda g, x: (g * 2.0002 * x,), matrix),
        Subject("1e-6 too large", square, lambda g, x: (g * 2.000002 * x,), matrix),
        Subject("constant added, 1e-6", square, lambda g, x: (g * (2 * x + 1e-6),), matrix),
        Subject(
            "half too large, x³ at 0.001",
            lambda x: x**3,
            lambda g, x: (g * 4.5 * x**2,),
            away_from_zero(4, 4, scale=1e-3),
        ),
        Subject("transposed", square, lambda g, x: ((g * 2 * x).T,), matrix),
        Subject(
            "second input wrong",
            lambda x, w: x @ w,
            lambda g, x, w: (g @ w.T, (x.T @ g)[::-1]),
            normal((3, 4), (4, 2)),
        ),
        Subject(
            "bias: mean over the batch",
            columns,
            lambda g, x, b: (2 * g, g.mean(axis=0)),
            pair,
        ),
        Subject("bias: first of the batch", columns, lambda g, x, b: (2 * g, g[0]), pair),
        Subject(
            "softmax: diagonal only",
            softmax,
            lambda g, x: (g * softmax(x) * (1 - softmax(x)),),
            normal((3, 4)),
        ),
        Subject(
            "mean: averages twice",
            lambda x: x.mean(axis=1),
            lambda g, x: (np.broadcast_to(g[:, None], x.shape) / x.shape[1] ** 2,),
            normal((3, 4)),
        ),
        Subject("repeated indices overwrite", lambda x: x[INDEX], last_of_repeats, normal((4, 2))),
        Subject(
            "max-pool: overlaps overwrite",
            max_pool,
            max_pool_without_overlap,
            normal((4, 15)),
            lambda x: (winners(x),),
        ),
        Subject(
            "leaky relu: slope below 0",
            lambda x: np.where(x > 0, x, 0.01 * x),
            relu_rule,
            normal((3, 4)),
            lambda x: (x > 0,),
        ),
        Subject("one entry of 400, half too large", square, one_entry_wrong, normal((400,))),
        Subject(
            "every entry of 400 half too large, float32",
            square,
            lambda g, x: (g * 3 * x,),
            normal((400,), dtype=np.float32),
        ),
        Subject("wrong off the diagonal, 1e-2", square, gradual, matrix),
        Subject("size of the cotangent", square, lambda g, x: (abs(g) * 2 * x,), matrix),
        Subject("constant for no cotangent", square, lambda g, x: (g * 2 * x + 1e-3,), matrix),
        Subject(
            "maximum: all of g to both at ties",
            np.maximum,
            lambda g, a, b: (g * (a >= b), g * (b >= a)),
            lambda rng: [rng.integers(0, 2, 12) * 1.0, rng.integers(0, 2, 12) * 1.0],
            lambda a, b: (a > b, a < b),
        ),
        Subject("half precision in float32", square, half_precision, normal((9,), dtype="f4")),
        Subject("drifts from call to call", square, Drifts(), matrix),
        Subject("zeroes the cotangent", square, zeroes_the_cotangent, matrix, writes=True),
        Subject("doubles the input", square, doubles_the_input, matrix, writes=True),
        Subject(
            "reads the cotangent in memory order",
            lambda x: (x * x).T,
            lambda g, x: (g.ravel("K").reshape(g.shape).T * 2 * x,),
            normal((3, 4)),
        ),
    ]


SUBJECTS: dict[str, Sequence[Subject]] = {"right": right(), "bugs": bugs()}

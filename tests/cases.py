"""One row for each operation: what to apply, to what, and what should come out.

The battery in test_functions.py runs over this table, and fails where a Function has no row.  To
add an operation, add a row: the Function, how its inputs are drawn, and its definition, written
independently of tinygraph (plain loops or Python's own mathematics).  Several rows where an
attribute changes what happens.
"""

from __future__ import annotations

import itertools
import math
import operator
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygraph import Function
from tinygraph.ops.conv import Conv2d, Conv2dInputGrad, Conv2dWeightGrad, Fold, Unfold
from tinygraph.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Clip,
    Clone,
    Divide,
    Equal,
    Exp,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Log,
    LogicalNot,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    NotEqual,
    Power,
    ReLU,
    ScalarPower,
    Sigmoid,
    Sqrt,
    Subtract,
    Tanh,
    Where,
)
from tinygraph.ops.indexing import PLACE, GetItem, PutItem
from tinygraph.ops.linalg import Linear, MatMul
from tinygraph.ops.loss import CrossEntropy, MeanLoss, NegativeLogLikelihood, OneHot
from tinygraph.ops.normalization import BatchNorm
from tinygraph.ops.pool import AvgPool2d, AvgUnpool2d, MaxPool2d, MaxUnpool2d, TakeWinners
from tinygraph.ops.reduction import (
    AllTrue,
    Amax,
    Amin,
    AnyTrue,
    Argmax,
    Argmin,
    LogSoftmax,
    LogSumExp,
    Max,
    Mean,
    Min,
    PutAlongAxis,
    Softmax,
    Sum,
    TakeAlongAxis,
    Var,
)
from tinygraph.ops.shape import BroadcastTo, Concatenate, Pad, Reshape, Stack, Transpose

from .kernels import reference

Shape = tuple[int, ...]


# -- how inputs are drawn ------------------------------------------------------------------------


@dataclass(frozen=True)
class Input:
    """One input: its shape, and how to fill it from a Generator."""

    shape: Shape
    fill: Callable[[np.random.Generator, Shape], np.ndarray]

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(self.fill(rng, self.shape))


def normal(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.standard_normal(shape))


def positive(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.uniform(0.5, 2, shape))


def apart(*shape: int, shift: float = 0) -> Input:
    """Draw numbers at least 0.8 from each other, 0.4 from 0, and 0.3 from those of shift 0.5.

    So no step of at most 1/8, not even of two numbers towards each other, crosses a kink.
    """

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        n = math.prod(shape)
        spaced = np.arange(n) - n // 2 + 0.5 + shift
        return rng.permutation(spaced + rng.uniform(-0.1, 0.1, n)).reshape(shape)

    return Input(shape, fill)


def ties(*shape: int) -> Input:
    """Draw from -1, 0 and 1, for operations that have no gradient to be spoiled by ties."""
    return Input(shape, lambda rng, shape: rng.integers(-1, 2, shape).astype(np.float64))


def mask(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.random(shape) < 0.5)


def below(n: int, *shape: int) -> Input:
    """Draw integers from 0 to n - 1."""
    return Input(shape, lambda rng, shape: rng.integers(0, n, shape))


def exactly(values: Any) -> Input:
    array = np.asarray(values)
    return Input(array.shape, lambda rng, shape: array.reshape(shape))


def winners(size: Shape, *windows: Any) -> Input:
    """Draw winners of the windows of an image: positions in the window that are not padding."""

    def fill(rng: np.random.Generator, shape: Shape) -> np.ndarray:
        image = rng.standard_normal((*shape[:2], *size[2:]))
        return reference.max_pool2d(image, *windows)[1].astype(np.uint8)

    return Input((*size[:2], *reference.output_sizes(size[2:], *windows)), fill)


# -- a row ---------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Case:
    """An operation, its inputs, and its definition.

    Attributes
    ----------
    function : Function, or a callable over Tensors
    inputs : list of Input, or None for an optional input left out
        Floating ones are differentiable.  Drawn in float64 and away from kinks.
    reference : callable
        The definition: ndarrays in float64 -> ndarray.
    corners : list
        Further shapes of the inputs (0-d, empty, a batch of one), as rows of their own.
    linear : bool
        Linear (or affine) in each floating input, and exact on small integers.
    view : bool
        The output may share memory with the input.
    keeps_dtype : bool
        The output has the dtype of the floating inputs.
    note : str
        Tells rows apart whose Functions and shapes are the same.
    """

    function: Any
    inputs: list[Input | None]
    reference: Callable[..., np.ndarray]
    corners: list[tuple[Shape, ...]] | tuple[()] = ()
    linear: bool = False
    view: bool = False
    keeps_dtype: bool = True
    note: str = ""

    def __str__(self) -> str:
        shapes = ["None" if i is None else "x".join(map(str, i.shape)) or "0d" for i in self.inputs]
        return f"{self.function!r}:{','.join(shapes)}{self.note}".replace(" ", "")

    @property
    def differentiable(self) -> bool:
        return not isinstance(self.function, Function) or self.function.differentiable

    def draw(self, rng: np.random.Generator, dtype: Any = np.float64) -> list[np.ndarray | None]:
        """Draw the inputs, read-only."""
        return [None if i is None else frozen(i.draw(rng), dtype) for i in self.inputs]

    def draw_integers(self, rng: np.random.Generator) -> list[np.ndarray | None]:
        """Draw the inputs with small integers for the floating ones: sums of them are exact."""
        return [
            a if a is None or a.dtype.kind != "f" else frozen(rng.integers(-3, 4, a.shape) * 1.0)
            for a in self.draw(rng)
        ]

    def variants(self) -> list[Case]:
        """Return a case for each of the corners."""
        return [
            replace(
                self,
                corners=(),
                inputs=[
                    None if i is None else replace(i, shape=shape)
                    for i, shape in zip(self.inputs, shapes, strict=True)
                ],
            )
            for shapes in self.corners
        ]


def frozen(array: Any, dtype: Any = np.float64) -> np.ndarray:
    """Return a read-only copy; a floating one in ``dtype``."""
    array = np.asarray(array)
    copy = np.array(array, dtype if array.dtype.kind == "f" else array.dtype)
    copy.flags.writeable = False
    return copy


def pointwise(function: Function, inputs: list[Input | None], *rest: Any, **flags: Any) -> Case:
    """Make the row of an elementwise operation, which also takes 0-d and empty inputs."""
    corners = [((),) * len(inputs), ((0, 3),) * len(inputs)]
    return Case(function, inputs, *rest, corners=corners, **flags)


# -- definitions ---------------------------------------------------------------------------------


def each(f: Callable[..., Any], dtype: Any = float) -> Callable[..., np.ndarray]:
    """Apply a Python function to every element."""
    return np.vectorize(f, otypes=[dtype])


def over(
    axis: Shape, keepdims: bool, f: Callable[[list[float]], float], dtype: Any = float
) -> Callable[[np.ndarray], np.ndarray]:
    """Apply a Python function to the list of the elements over the axes."""

    def reduce(x: np.ndarray) -> np.ndarray:
        left = [n for i, n in enumerate(x.shape) if i not in axis]
        last = np.moveaxis(x, axis, range(x.ndim - len(axis), x.ndim))
        rows = last.reshape(math.prod(left), math.prod(x.shape[i] for i in axis))
        y = np.array([f(list(row)) for row in rows], dtype)
        return y.reshape(
            [1 if i in axis else n for i, n in enumerate(x.shape)] if keepdims else left
        )

    return reduce


def lines(axis: int, f: Callable[[list[float]], list[float]]) -> Callable[[np.ndarray], np.ndarray]:
    """Apply a Python function from list to list to every line along the axis."""

    def apply(x: np.ndarray) -> np.ndarray:
        last = np.moveaxis(x, axis, -1)
        rows = last.reshape(math.prod(last.shape[:-1]), last.shape[-1])
        y = np.array([f(list(row)) for row in rows], float)
        return np.moveaxis(y.reshape(last.shape), -1, axis)

    return apply


def adjoint(linear: Callable[[np.ndarray], np.ndarray], shape: Shape) -> Any:
    """Return the adjoint of a linear map from ``shape``: <linear(unit), y> for each unit vector."""

    def apply(y: np.ndarray) -> np.ndarray:
        gx = np.zeros(shape)
        for at in np.ndindex(*shape):
            unit = np.zeros(shape)
            unit[at] = 1
            gx[at] = (linear(unit) * y).sum()
        return gx

    return apply


def variance(ddof: int) -> Callable[[list[float]], float]:
    def of(values: list[float]) -> float:
        mean = statistics.fmean(values)
        return math.fsum((v - mean) ** 2 for v in values) / (len(values) - ddof)

    return of


def logsumexp(values: list[float]) -> float:
    peak = max(values)  # so that the result is as precise as can be
    return peak + math.log(math.fsum(math.exp(v - peak) for v in values))


def softmax(values: list[float]) -> list[float]:
    return [math.exp(v - logsumexp(values)) for v in values]


def log_softmax(values: list[float]) -> list[float]:
    return [v - logsumexp(values) for v in values]


def power(p: float) -> Callable[[float], float]:
    return lambda v: v**p


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = np.broadcast_to(b, (*lead, *b.shape[-2:]))
    y = np.zeros((*a.shape[:-1], b.shape[-1]))
    for i, k, j in np.ndindex(a.shape[-2], a.shape[-1], b.shape[-1]):
        y[..., i, j] += a[..., i, k] * b[..., k, j]
    return y


def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray | None) -> np.ndarray:
    y = np.zeros((*x.shape[:-1], w.shape[0]))
    for i, o in np.ndindex(x.shape[-1], w.shape[0]):
        y[..., o] += x[..., i] * w[o, i]
    return y if b is None else y + b


def put(index: Any, shape: Shape) -> Callable[..., np.ndarray]:
    """Add each element where x[index] would have read it, one at a time."""

    def apply(x: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
        rest = iter(arrays)
        key = tuple(next(rest) if part is PLACE else part for part in index)
        y = np.zeros(math.prod(shape))
        read = np.arange(y.size).reshape(shape)[key]
        for place, value in zip(np.ravel(read), np.ravel(x), strict=True):
            y[place] += value
        return y.reshape(shape)

    return apply


def along(axis: int) -> Callable[..., np.ndarray]:
    """Take one element of each line, as `numpy.take_along_axis` says it."""

    def take(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros(index.shape)
        for at in np.ndindex(*index.shape):
            y[at] = x[(*at[:axis], index[at], *at[axis + 1 :])]
        return y

    return take


def put_along(axis: int, shape: Shape) -> Callable[..., np.ndarray]:
    def scatter(x: np.ndarray, index: np.ndarray) -> np.ndarray:
        y = np.zeros(shape)
        for at in np.ndindex(*index.shape):
            y[(*at[:axis], index[at], *at[axis + 1 :])] = x[at]
        return y

    return scatter


def conv_terms(size: Shape, weight: Shape, *settings: Any) -> Any:
    """Yield the indices (into y, x and w) of the products that a convolution sums."""
    filters, depth, *kernel = weight
    *sliding, groups = settings
    stride, padding, dilation = sliding
    windows = reference.output_sizes(size, kernel, *sliding)
    taps = list(np.ndindex(*kernel))
    for at, pixels in reference.windows_of(size, kernel, stride, padding, dilation, windows):
        for tap, pixel in zip(taps, pixels, strict=True):
            for o, c in itertools.product(range(filters), range(depth)):
                if pixel is not None:
                    channel = o // (filters // groups) * depth + c
                    yield (o, *at), (channel, *pixel), (o, c, *tap)


def conv_input_grad(size: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, w: np.ndarray) -> np.ndarray:
        gx = np.zeros((y.shape[0], w.shape[1] * settings[-1], *size))
        for in_y, in_x, in_w in conv_terms(size, w.shape, *settings):
            gx[:, *in_x] += y[:, *in_y] * w[in_w]
        return gx

    return apply


def conv_weight_grad(kernel: Shape, *settings: Any) -> Callable[..., np.ndarray]:
    def apply(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        gw = np.zeros((y.shape[1], x.shape[1] // settings[-1], *kernel))
        for in_y, in_x, in_w in conv_terms(x.shape[2:], gw.shape, *settings):
            gw[in_w] += (y[:, *in_y] * x[:, *in_x]).sum()
        return gw

    return apply


def take_winners(*windows: Any) -> Callable[..., np.ndarray]:
    def take(x: np.ndarray, winners: np.ndarray) -> np.ndarray:
        y = np.zeros(winners.shape)
        for at, pixels in reference.windows_of(x.shape[2:], *windows, winners.shape[2:]):
            for n, c in np.ndindex(*x.shape[:2]):
                y[n, c, *at] = x[n, c, *pixels[winners[n, c, *at]]]
        return y

    return take


def one_hot(classes: int, ignore_index: int) -> Callable[..., np.ndarray]:
    def encode(target: np.ndarray) -> np.ndarray:
        y = np.zeros((target.shape[0], classes, *target.shape[1:]))
        for n, *rest in np.ndindex(*target.shape):
            if target[n, *rest] != ignore_index:
                y[n, target[n, *rest], *rest] = 1
        return y

    return encode


def cross_entropy(x: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(t * lines(1, log_softmax)(x)).sum(axis=1)


def batch_norm(eps: float) -> Callable[..., np.ndarray]:
    def apply(x: np.ndarray, w: np.ndarray | None, b: np.ndarray | None) -> np.ndarray:
        y = np.zeros(x.shape)
        for c in range(x.shape[1]):
            values = x[:, c]
            scale = 1 if w is None else w[c]
            y[:, c] = (values - values.mean()) / math.sqrt(variance(0)(list(values.ravel())) + eps)
            y[:, c] = y[:, c] * scale + (0 if b is None else b[c])
        return y

    return apply


# -- the table -----------------------------------------------------------------------------------


def reductions(function: Any, fill: Any, f: Any, *more: Any, **flags: Any) -> list[Case]:
    """Make the rows of a reduction over any axes."""
    forms = [((2, 3, 2), (0, 2), False), ((2, 3, 2), (1,), True), ((2, 3), (0, 1), True)]
    forms += [((0, 3), (1,), False), ((), (), False), ((2, 3), (), False), ((1, 3), (0,), False)]
    return [
        Case(function(axis, keep, *more), [fill(*shape)], over(axis, keep, f), **flags)
        for shape, axis, keep in forms
    ]


def choices(function: Any, fill: Any, f: Any, dtype: Any = float) -> list[Case]:
    """Make the rows of a reduction that chooses an element over one axis."""
    forms = [
        ((2, 3, 2), (1,), False),
        ((4, 3), (0,), True),
        ((0, 3), (1,), False),
        ((1,), (0,), False),
    ]
    return [
        Case(function(axis, keep), [fill(*shape)], over(axis, keep, f, dtype))
        for shape, axis, keep in forms
    ]


def with_corners(shape: Shape, *rest: Shape) -> list[tuple[Shape, ...]]:
    """Return the same shapes with a batch of one, and of none, for the first."""
    return [((n, *shape[1:]), *rest) for n in (1, 0) if n != shape[0]]


def convolutions() -> list[Case]:
    """Asymmetric sizes, strides, paddings and dilations; groups; 1 x 1."""
    rows = []
    for size, weight, settings in (
        ((2, 2, 5, 4), (3, 2, 3, 2), ((1, 1), (0, 0), (1, 1), 1)),
        ((2, 4, 6, 7), (2, 2, 2, 3), ((2, 3), (1, 2), (2, 1), 2)),
        ((2, 2, 7, 4), (4, 1, 3, 1), ((3, 1), (2, 0), (1, 3), 2)),
        ((2, 3, 3, 4), (2, 3, 1, 1), ((1, 1), (0, 0), (1, 1), 1)),
    ):
        kernel: Any = weight[2:]
        sliding = settings[:3]
        out = (size[0], weight[0], *reference.output_sizes(size[2:], kernel, *sliding))
        bias = (weight[0],)
        grad_settings = (size[2:], *settings)

        def conv(x: Any, w: Any, b: Any, settings: Any = settings) -> np.ndarray:
            return reference.conv2d(x, w, b, *settings)

        inputs = [normal(*size), normal(*weight), normal(*bias)]
        corners = with_corners(size, weight, bias)
        rows += [
            Case(Conv2d(*settings), inputs, conv, corners, linear=True),
            Case(Conv2d(*settings), [*inputs[:2], None], conv, linear=True),
            Case(
                Conv2dInputGrad(*grad_settings),
                [normal(*out), normal(*weight)],
                conv_input_grad(*grad_settings),
                with_corners(out, weight),
                linear=True,
            ),
            Case(
                Conv2dWeightGrad(kernel, *settings),
                [normal(*out), normal(*size)],
                conv_weight_grad(kernel, *settings),
                [((n, *out[1:]), (n, *size[1:])) for n in (1, 0)],
                linear=True,
            ),
        ]
    return rows


def unfoldings() -> list[Case]:
    rows = []
    for size, windows in (
        ((2, 2, 5, 4), ((3, 2), (1, 1), (0, 0), (1, 1))),
        ((1, 2, 5, 6), ((2, 3), (2, 1), (1, 2), (2, 1))),
        ((1, 2, 3, 2), ((1, 1), (1, 1), (0, 0), (1, 1))),
    ):

        def columns(x: np.ndarray, windows: Any = windows) -> np.ndarray:
            return reference.unfold(x, *windows)

        out = columns(np.zeros(size)).shape
        rows += [
            Case(Unfold(*windows), [normal(*size)], columns, [((0, *size[1:]),)], linear=True),
            Case(Fold(size[2:], *windows), [normal(*out)], adjoint(columns, size), linear=True),
        ]
    return rows


def max_poolings() -> list[Case]:
    rows = []
    for size, sliding, ceil_mode in (
        ((2, 2, 4, 6), ((2, 3), (2, 3), (0, 0), (1, 1)), False),
        ((2, 1, 5, 6), ((3, 2), (2, 1), (1, 1), (1, 2)), False),
        ((1, 2, 5, 6), ((2, 3), (3, 2), (1, 0), (1, 1)), True),
        ((1, 2, 3, 2), ((1, 1), (1, 1), (0, 0), (1, 1)), False),
    ):
        kernel, *rest = sliding
        windows = (*sliding, ceil_mode)
        chosen = winners(size, *windows)

        def pool(x: np.ndarray, windows: Any = windows) -> np.ndarray:
            return reference.max_pool2d(x, *windows)[0]

        def unpool(g: Any, winners: Any, size: Any = size, sliding: Any = sliding) -> np.ndarray:
            return reference.max_unpool2d(g, winners, size[2:], *sliding)

        rows += [
            Case(MaxPool2d(*windows), [apart(*size)], pool, with_corners(size)),
            Case(
                MaxUnpool2d(size[2:], *sliding),
                [normal(*chosen.shape), chosen],
                unpool,
                [((0, *chosen.shape[1:]),) * 2],
                linear=True,
            ),
            Case(
                TakeWinners(kernel, *rest),
                [normal(*size), chosen],
                take_winners(kernel, *rest),
                [((0, *size[1:]), (0, *chosen.shape[1:]))],
                linear=True,
            ),
        ]
    return rows


def avg_poolings() -> list[Case]:
    """Kernels of 1, 2 and 4 elements, so that means of integers are exact; one of 6."""
    rows = []
    for size, settings in (
        ((1, 2, 4, 6), ((2, 2), (2, 2), (0, 0), False, True)),
        ((1, 1, 5, 4), ((2, 2), (2, 1), (1, 1), True, True)),
        ((1, 2, 5, 4), ((2, 2), (2, 3), (1, 0), True, False)),
        ((1, 1, 4, 5), ((2, 3), (1, 2), (1, 1), False, False)),
        ((1, 2, 2, 3), ((1, 1), (1, 1), (0, 0), False, True)),
    ):

        def pool(x: np.ndarray, settings: Any = settings) -> np.ndarray:
            return reference.avg_pool2d(x, *settings)

        exact = math.prod(settings[0]) <= 4
        out = pool(np.zeros(size)).shape
        rows += [
            Case(AvgPool2d(*settings), [normal(*size)], pool, with_corners(size), linear=exact),
            Case(
                AvgUnpool2d(size[2:], *settings), [normal(*out)], adjoint(pool, size), linear=exact
            ),
        ]
    return rows


def indexings() -> list[Case]:
    rows = []
    for shape, index, arrays in (
        ((3, 4), (slice(None, None, -2), slice(1, 3)), []),
        ((3, 4), (..., 1), []),
        ((3, 4), (1, None, slice(0, 0)), []),
        ((), (None, ...), []),
        ((), (), []),
        ((3, 4), (2, -1), []),
        ((3, 4), (PLACE,), [exactly([0, 2, 0, -1])]),
        ((3, 4), (PLACE, PLACE), [exactly([[0, 2], [2, 0]]), exactly([1, 1])]),
        ((2, 3, 4), (PLACE, slice(None), PLACE), [exactly([0, 1, 0]), exactly([3, 3, 3])]),
        ((2, 3, 2), (slice(1, None), PLACE), [exactly([[2, 2], [0, 1]])]),
        ((3, 4), (PLACE,), [exactly([[True, False, True, True]] * 3)]),
        ((3, 4), (PLACE, PLACE), [exactly([True, False, True]), exactly([1, 1])]),
        ((3,), (PLACE,), [exactly(np.zeros((0,), int))]),
    ):

        def get(x: np.ndarray, *arrays: np.ndarray, index: Any = index) -> np.ndarray:
            rest = iter(arrays)
            return np.array(x[tuple(next(rest) if part is PLACE else part for part in index)])

        out = get(np.zeros(shape), *(a.draw(np.random.default_rng()) for a in arrays)).shape
        basic = not arrays
        rows += [
            Case(GetItem(index), [normal(*shape), *arrays], get, linear=True, view=basic),
            Case(PutItem(index, shape), [normal(*out), *arrays], put(index, shape), linear=True),
        ]
    return rows


ELEMENTWISE = [
    pointwise(Add(), [normal(2, 3), normal(2, 3)], each(operator.add), linear=True),
    Case(Add(), [normal(2, 1), normal(3)], each(operator.add), [((0, 1), (3,))], linear=True),
    pointwise(Subtract(), [normal(2, 3), normal(2, 3)], each(operator.sub), linear=True),
    Case(Subtract(), [normal(3), normal(2, 1, 3)], each(operator.sub), linear=True),
    pointwise(Multiply(), [normal(2, 3), normal(2, 3)], each(operator.mul), linear=True),
    Case(Multiply(), [normal(2, 1), normal(2, 2, 3)], each(operator.mul), linear=True),
    pointwise(Divide(), [normal(2, 3), apart(2, 3)], each(operator.truediv)),
    Case(Divide(), [normal(), apart(2, 3)], each(operator.truediv)),
    Case(Divide(), [normal(2, 3), apart(1, 3)], each(operator.truediv)),
    pointwise(Negative(), [normal(2, 3)], each(operator.neg), linear=True),
    pointwise(Power(), [positive(2, 3), normal(2, 3)], each(operator.pow)),
    Case(Power(), [positive(3), normal(2, 1)], each(operator.pow)),
    *(pointwise(ScalarPower(p), [apart(2, 3)], each(power(p))) for p in (3, 2, 1, 0, -1, -2.0)),
    *(pointwise(ScalarPower(p), [positive(2, 3)], each(power(p))) for p in (0.5, -0.5, 2.5)),
    pointwise(Exp(), [normal(2, 3)], each(math.exp)),
    pointwise(Log(), [positive(2, 3)], each(math.log)),
    pointwise(Sqrt(), [positive(2, 3)], each(math.sqrt)),
    pointwise(Abs(), [apart(2, 3)], each(abs)),
    pointwise(Tanh(), [normal(2, 3)], each(math.tanh)),
    pointwise(Sigmoid(), [normal(2, 3)], each(lambda v: 1 / (1 + math.exp(-v)))),
    pointwise(ReLU(), [apart(2, 3)], each(lambda v: max(v, 0))),
    pointwise(Clip(-1, 2), [apart(2, 4)], each(lambda v: min(max(v, -1), 2))),
    pointwise(Clip(-math.inf, 1.0), [apart(2, 4)], each(lambda v: min(v, 1))),
    pointwise(
        Astype(np.dtype(np.float64)), [normal(2, 3)], each(float), linear=True, keeps_dtype=False
    ),
    pointwise(Clone(), [normal(2, 3)], each(float), linear=True),
    pointwise(Maximum(), [apart(2, 3), apart(2, 3, shift=0.5)], each(max)),
    Case(Maximum(), [apart(2, 1), apart(3, shift=0.5)], each(max)),
    pointwise(Minimum(), [apart(2, 3), apart(2, 3, shift=0.5)], each(min)),
    Case(Minimum(), [apart(2, 1), apart(3, shift=0.5)], each(min)),
    pointwise(
        Where(),
        [mask(2, 3), normal(2, 3), normal(2, 3)],
        each(lambda c, a, b: a if c else b),
        linear=True,
    ),
    Case(
        Where(),
        [mask(2, 1), normal(3), normal(1, 1)],
        each(lambda c, a, b: a if c else b),
        linear=True,
    ),
    *(
        pointwise(function, [ties(2, 1), ties(2, 3)], each(compare, bool))
        for function, compare in (
            (Equal(), operator.eq),
            (NotEqual(), operator.ne),
            (Less(), operator.lt),
            (LessEqual(), operator.le),
            (Greater(), operator.gt),
            (GreaterEqual(), operator.ge),
        )
    ),
    pointwise(LogicalNot(), [mask(2, 3)], each(operator.not_, bool)),
    pointwise(LogicalNot(), [ties(2, 3)], each(operator.not_, bool), note=":numbers"),
]

REDUCTIONS = [
    *reductions(Sum, normal, math.fsum, linear=True),
    Case(Sum((0,), False), [normal(0, 3)], over((0,), False, math.fsum), linear=True),
    *reductions(Mean, normal, statistics.fmean),
    Case(Mean((1,), False), [normal(2, 4)], over((1,), False, statistics.fmean), linear=True),
    *reductions(Var, normal, variance(0), 0),
    Case(Var((1,), False, 1), [normal(2, 4)], over((1,), False, variance(1))),
    *reductions(Amax, apart, max),
    *reductions(Amin, apart, min),
    *choices(Max, apart, max),
    *choices(Min, apart, min),
    *reductions(LogSumExp, normal, logsumexp),
    *choices(Argmax, ties, lambda values: values.index(max(values)), np.intp),
    *choices(Argmin, ties, lambda values: values.index(min(values)), np.intp),
    *(
        Case(function(axis, keep), [fill(*shape)], over(axis, keep, f, bool), note=note)
        for function, f in ((AnyTrue, any), (AllTrue, all))
        for fill, note in ((mask, ""), (ties, ":numbers"))
        for shape, axis, keep in (
            ((2, 3), (1,), False),
            ((2, 2), (0, 1), True),
            ((0, 2), (0,), False),
        )
    ),
    Case(TakeAlongAxis(1), [normal(2, 3, 2), below(3, 2, 1, 2)], along(1), linear=True),
    Case(TakeAlongAxis(0), [normal(3), below(3, 1)], along(0), linear=True),
    Case(
        PutAlongAxis(1, (2, 3, 2)),
        [normal(2, 1, 2), below(3, 2, 1, 2)],
        put_along(1, (2, 3, 2)),
        linear=True,
    ),
    *(
        Case(function(axis), [normal(*shape)], lines(axis, f))
        for function, f in ((Softmax, softmax), (LogSoftmax, log_softmax))
        for shape, axis in (((2, 3), 1), ((3, 2, 2), 0), ((1,), 0), ((0, 3), 1))
    ),
]

SHAPES = [
    *(
        Case(
            Reshape(new),
            [normal(*old)],
            lambda x, new=new: np.array(list(x.flat)).reshape(new),
            linear=True,
            view=True,
        )
        for old, new in (((2, 3), (3, 2)), ((), (1, 1)), ((1, 1), ()), ((0, 3), (0,)), ((6,), (6,)))
    ),
    *(
        Case(
            Transpose(axes),
            [normal(*shape)],
            lambda x, axes=axes: np.moveaxis(x, axes, range(x.ndim)),
            linear=True,
            view=True,
        )
        for shape, axes in (((2, 3, 4), (2, 0, 1)), ((2, 3), (1, 0)), ((), ()), ((0, 2), (1, 0)))
    ),
    *(
        Case(
            BroadcastTo(new),
            [normal(*old)],
            lambda x, new=new: x + np.zeros(new),
            linear=True,
            view=True,
        )
        for old, new in (((2, 1), (3, 2, 4)), ((), (2, 2)), ((1, 3), (0, 3)), ((2, 3), (2, 3)))
    ),
    *(
        Case(
            Concatenate(axis),
            [normal(*shape) for shape in shapes],
            lambda *xs, axis=axis: np.moveaxis(
                np.array([part for x in xs for part in np.moveaxis(x, axis, 0)]), 0, axis
            ),
            linear=True,
        )
        for axis, shapes in (
            (1, [(2, 1), (2, 3), (2, 0)]),
            (0, [(1, 2), (2, 2)]),
            (0, [(3,)]),
        )
    ),
    *(
        Case(
            Stack(axis),
            [normal(*shape)] * 3,
            lambda *xs, axis=axis: np.moveaxis(np.array(xs), 0, axis),
            linear=True,
        )
        for axis, shape in ((0, (2, 3)), (2, (2, 3)), (1, (0, 3)), (0, ()))
    ),
    *(
        Case(
            Pad(width, value),
            [normal(*shape)],
            lambda x, width=width, value=value: np.pad(x, width, constant_values=value),
            linear=True,
        )
        for shape, width, value in (
            ((2, 3), ((1, 0), (0, 2)), 0),
            ((2, 3), ((0, 0), (0, 0)), 0),
            ((0, 2), ((1, 1), (0, 1)), 3.0),
        )
    ),
    Case(Pad((), 1), [normal()], np.array, linear=True),
]

PRODUCTS = [
    Case(MatMul(), [normal(2, 3), normal(3, 4)], matmul, linear=True),
    Case(MatMul(), [normal(2, 1, 2, 3), normal(3, 3, 1)], matmul, linear=True),
    Case(MatMul(), [normal(2, 3), normal(2, 3, 2)], matmul, linear=True),
    Case(
        MatMul(),
        [normal(1, 3), normal(3, 1)],
        matmul,
        [((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0, 2, 3), (3, 2))],
        linear=True,
    ),
    Case(
        Linear(),
        [normal(2, 3), normal(4, 3), normal(4)],
        linear,
        [((3,), (4, 3), (4,)), ((2, 2, 3), (1, 3), (1,)), ((0, 3), (4, 3), (4,))],
        linear=True,
    ),
    Case(Linear(), [normal(2, 3), normal(4, 3), None], linear, linear=True),
]

LOSSES = [
    Case(
        OneHot(3, -100, np.dtype(np.float64)),
        [exactly([0, 2, -100, 2])],
        one_hot(3, -100),
        keeps_dtype=False,
    ),
    Case(OneHot(4, 1, np.dtype(np.float64)), [below(4, 2, 3)], one_hot(4, 1), keeps_dtype=False),
    Case(
        CrossEntropy(),
        [normal(3, 4), positive(3, 4)],
        cross_entropy,
        [((1, 1),) * 2, ((0, 3),) * 2, ((2, 3, 2),) * 2],
    ),
    Case(
        NegativeLogLikelihood(),
        [normal(3, 4), apart(3, 4)],
        lambda x, t: -sum(t[:, c] * x[:, c] for c in range(x.shape[1])),
        [((1, 1),) * 2, ((0, 3),) * 2, ((2, 3, 2),) * 2],
        linear=True,
    ),
    Case(
        MeanLoss(),
        [normal(2, 3), positive()],
        lambda x, n: np.asarray(math.fsum(x.flat) / n),
        [((), ()), ((0,), ())],
    ),
    Case(
        BatchNorm(1e-5),
        [normal(4, 2), normal(2), normal(2)],
        batch_norm(1e-5),
        [((3, 1), (1,), (1,)), ((1, 2, 2, 3), (2,), (2,)), ((2, 2, 3), (2,), (2,))],
    ),
    Case(BatchNorm(0.5), [normal(2, 2, 2, 3), None, None], batch_norm(0.5)),
    Case(BatchNorm(0.1), [normal(3, 2), normal(2), None], batch_norm(0.1)),
    Case(BatchNorm(0.1), [normal(3, 2), None, normal(2)], batch_norm(0.1)),
]

CASES: list[Case] = [
    *ELEMENTWISE,
    *REDUCTIONS,
    *SHAPES,
    *indexings(),
    *PRODUCTS,
    *convolutions(),
    *unfoldings(),
    *max_poolings(),
    *avg_poolings(),
    *LOSSES,
]
CASES += [variant for case in CASES for variant in case.variants()]
DIFFERENTIABLE = [case for case in CASES if case.differentiable]
LINEAR = [case for case in CASES if case.linear]

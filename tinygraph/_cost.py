"""What an operation costs by formula: floating-point operations, and bytes read and written.

A multiplication and an addition are one each, so a product of matrices counts 2 n m k.  So is
whatever an elementwise Function does to one entry, however long it takes.  Moving data counts none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol, TypeAlias

from ._function import Function
from ._tensor import Shape
from .ops import (
    arranging,
    contraction,
    conv,
    cumulative,
    decompositions,
    elementwise,
    embedding,
    im2col,
    indexing,
    linalg,
    loss,
    normalization,
    pool,
    recurrent,
    reduction,
    resample,
    selection,
    shape,
    update,
)


class Spec(Protocol):
    """What is asked of an operand and an output: an array, a Tensor, a place in the graph."""

    @property
    def shape(self) -> Shape:
        """Its shape."""
        ...

    @property
    def dtype(self) -> Any:
        """Its NumPy dtype."""
        ...


class Cost(NamedTuple):
    """``flops`` is None for a Function that no formula is known for: a user's own."""

    flops: int | None
    bytes: int


Operands: TypeAlias = Sequence[Spec | None]
Formula: TypeAlias = Callable[[Any, list[Shape], Shape], int]  # of Function, operands, output

_product = math.prod


def _nothing(function: Function, xs: list[Shape], y: Shape) -> int:
    return 0


def _per_output(count: int) -> Formula:
    return lambda function, xs, y: count * _product(y)


def _per_input(count: int) -> Formula:
    return lambda function, xs, y: count * _product(xs[0])


def _matmul(function: Function, xs: list[Shape], y: Shape) -> int:
    return 2 * _product(y) * xs[0][-1]


def _affine(function: Function, xs: list[Shape], y: Shape) -> int:
    """Count a weight (out, in...) applied for each output, and a bias: linear or convolution."""
    return _product(y) * (2 * _product(xs[1][1:]) + (len(xs) > 2))


def _transposed(function: Function, xs: list[Shape], y: Shape) -> int:
    return 2 * _product(xs[0]) * _product(xs[1][1:]) + (len(xs) > 2) * _product(y)


def _weight_grad(function: Function, xs: list[Shape], y: Shape) -> int:
    return 2 * _product(xs[0]) * _product(y[1:])


def _einsum(function: contraction.Einsum, xs: list[Shape], y: Shape) -> int:
    terms = function.subscripts.split("->")[0].split(",")
    sizes = dict(function.sizes)
    for term, x in zip(terms, xs, strict=True):
        sizes |= {name: max(n, sizes.get(name, 1)) for name, n in zip(term, x, strict=True)}
    return len(terms) * _product(sizes.values())


def _window(function: Any, xs: list[Shape], y: Shape) -> int:
    return _product((*y, *function.kernel_size))


def _spread(function: Any, xs: list[Shape], y: Shape) -> int:
    return _product((*xs[0], *function.kernel_size))


def _resample(function: Function, xs: list[Shape], y: Shape) -> int:
    """Count the entries that go in or come out, whichever are more, for each axis."""
    return 2 * len(y[2:]) * max(_product(xs[0]), _product(y))


def _gru_gates(function: Function, xs: list[Shape], y: Shape) -> int:
    """Count a sum and a sigmoid for two of three gates, a product more for the third."""
    return 7 * _product(y) // 3


def _cubic(count: float) -> Formula:
    """Return the formula of a decomposition of (..., n, m) matrices: count n m min(n, m)."""
    return lambda function, xs, y: int(count * _product(xs[0]) * min(xs[0][-2:], default=1))


def _solve(function: Function, xs: list[Shape], y: Shape) -> int:
    return _cubic(2 / 3)(function, xs, y) + 2 * _product(y) * xs[0][-1]


MOVES = (
    *(arranging.Diagonal, arranging.PutDiagonal, arranging.Roll, arranging.Tril, arranging.Triu),
    *(elementwise.Astype, elementwise.Clone, elementwise.Where, embedding.Embedding),
    *(im2col.Unfold, indexing.GetItem, indexing.PutItem, loss.OneHot),
    *(pool.MaxUnpool, pool.PutPixels, pool.TakePixels, pool.WinnerPixels),
    *(selection.PutAlongAxis, selection.Take, selection.TakeAlongAxis),
    *(shape.BroadcastTo, shape.Concatenate, shape.Pad, shape.Reshape, shape.Stack, shape.Transpose),
    *(update.GetLast, update.PutLast, update.SetItem),
)
VIEWS = (shape.BroadcastTo, shape.Reshape, shape.Transpose, arranging.Diagonal)

FORMULAS: dict[type[Function], Formula] = {
    **dict.fromkeys(MOVES, _nothing),
    contraction.Einsum: _einsum,
    conv._Conv: _affine,
    conv._ConvTranspose: _transposed,
    conv.ConvWeightGrad: _weight_grad,
    cumulative.Running: _per_input(1),
    decompositions.Cholesky: _cubic(1 / 3),
    decompositions.Cofactors: _cubic(20),
    decompositions.Det: _cubic(2 / 3),
    decompositions.Eigenvalues: _cubic(4 / 3),
    decompositions.Eigenvectors: _cubic(9),
    decompositions.Inv: _cubic(2),
    decompositions.LogAbsDet: _cubic(2 / 3),
    decompositions.Orthonormal: _cubic(4 / 3),
    decompositions.Pinv: _cubic(20),
    decompositions.SingularValues: _cubic(8 / 3),
    decompositions.SingularVectors: _cubic(20),
    decompositions.Solve: _solve,
    embedding.AddRows: _per_input(1),
    im2col.Fold: _per_input(1),
    linalg.Linear: _affine,
    linalg.MatMul: _matmul,
    loss.ClassCrossEntropy: _per_input(6),
    loss.ClassCrossEntropyGrad: _per_input(6),
    loss.CrossEntropy: _per_input(6),
    loss.MeanLoss: _per_input(1),
    loss.NegativeLogLikelihood: _per_input(2),
    normalization.BatchNorm: _per_input(7),
    normalization.ChannelCombine: _per_input(5),
    normalization.ChannelDot: _per_input(3),
    normalization.LayerNorm: _per_input(7),
    normalization.RMSNorm: _per_input(4),
    pool.AdaptiveMaxPool: _per_input(1),
    pool.AvgUnpool: _spread,
    pool._AvgPool: _window,
    pool._MaxPool: _window,
    recurrent.GRUGates: _gru_gates,
    recurrent.GRUState: _per_output(3),
    recurrent.LSTMOutput: _per_output(2),
    recurrent.LSTMState: _per_output(3),
    reduction.ChannelSum: _per_input(1),
    reduction.LogSoftmax: _per_input(5),
    reduction.LogSumExp: _per_input(4),
    reduction.Reduction: _per_input(1),
    reduction.Softmax: _per_input(5),
    resample.ResampleAdjoint: _resample,
    resample._Resample: _resample,
    selection.Put: _per_input(1),
}


def cost(function: Function, operands: Operands, output: Spec) -> Cost:
    """Return what one application of ``function`` costs.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygraph.ops.linalg import MatMul
    >>> a, b, y = np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 4))
    >>> cost(MatMul(), [a, b], y)
    Cost(flops=48, bytes=208)
    """
    given = [x for x in operands if x is not None]
    kind: Any = type(function)
    formula = _formula(kind)
    flops = None if formula is None else formula(function, [x.shape for x in given], output.shape)
    if isinstance(function, VIEWS) or (isinstance(function, indexing.GetItem) and len(given) == 1):
        return Cost(flops, 0)  # it shares the memory of its operand
    return Cost(flops, sum(map(size_in_bytes, (*given, output))))


def size_in_bytes(spec: Spec) -> int:
    """Return how much memory an array of such a shape and dtype takes."""
    return _product(spec.shape) * int(spec.dtype.itemsize)


@cache
def _formula(function: Any) -> Formula | None:
    for base in function.__mro__:
        if base in FORMULAS:
            return FORMULAS[base]
    ours = function.__module__.startswith("tinygraph.ops.")
    return _per_output(1) if ours else None

"""How tinygraph is called with the sample inputs of PyTorch's operator database.

A sample is an input, positional and keyword arguments in PyTorch's order and by its names.
`tg.nn.functional` takes them as they are; `tg.*` often has NumPy's names, so that `OPERATIONS`
gives for each operation a function that translates.  `DIFFERENCES` and `ERROR_DIFFERENCES` say
where tinygraph means to differ, and why.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tinygraph as tg
from tinygraph.nn import functional as F

Operation = Callable[..., Any]

# -- operations by the names of PyTorch's database -------------------------------------------------

SAME = """
    abs broadcast_to cat ceil chunk column_stack copysign cos cosh deg2rad dot erf exp exp2 expand
    expm1 fmax fmin fmod flatten floor floor_divide gather hstack hypot index_add index_select inner
    isfinite isinf isnan kron log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
    logical_or logical_xor masked_fill masked_select matmul maximum minimum outer permute
    rad2deg ravel reciprocal remainder reshape rsqrt scatter_add sigmoid sign sin
    sinh sqrt square take tan tanh tile topk trace tril triu trunc unbind unsqueeze vdot vstack
    bitwise_and bitwise_or bitwise_xor diag narrow
"""
BY_ANOTHER_NAME = """
    acos:arccos acosh:arccosh asin:arcsin asinh:arcsinh atan:arctan atan2:arctan2 atanh:arctanh
    bitwise_not:invert bmm:matmul eq:equal ge:greater_equal gt:greater le:less_equal lt:less
    mm:matmul movedim:moveaxis mul:multiply mv:matmul ne:not_equal neg:negative pow:power
    transpose:swapaxes true_divide:divide view:reshape
"""
# dim, keepdim, ... by NumPy's names
RENAMING = """
    all amax amin any argmax argmin count_nonzero cumprod cumsum diagonal flip
    logsumexp mean nanmean nansum prod roll squeeze stack sum tensordot
"""
NUMPY_NAMES = {
    "dim": "axis",
    "dim1": "axis1",
    "dim2": "axis2",
    "dims": "axis",
    "keepdim": "keepdims",
    "shifts": "shift",
    "A": "a",
    "B": "b",
}
# functions of `tg.nn.functional` that are not in the database, or in it by another name
UNKNOWN = "dropout1d fold log_softmax sigmoid softmax tanh"
LINALG = "cholesky det eigh eigvalsh inv matrix_power norm qr slogdet solve svd svdvals vector_norm"


def numpy_names(operation: Operation, **others: str) -> Operation:
    """Return the operation with PyTorch's keywords, of which ``dtype`` is that of the input."""
    names = {**NUMPY_NAMES, **others}

    def call(x, *args, dtype=None, **options):
        x = x if dtype is None else x.astype(dtype)
        return operation(x, *args, **{names.get(name, name): v for name, v in options.items()})

    return call


def swapped(operation: Operation) -> Operation:
    return lambda x, other: operation(other, x)


def scaled(operation: Operation) -> Operation:
    """add and sub, whose second operand may have a factor in PyTorch."""
    return lambda x, other, alpha=1: operation(x, other if alpha == 1 else other * alpha)


def div(x, other, rounding_mode=None):
    if rounding_mode == "floor":
        return tg.floor_divide(x, other)
    y = tg.divide(x, other)
    return y if rounding_mode is None else tg.trunc(y).astype(tg.floor_divide(x, other).dtype)


def clamp(x, min=None, max=None):
    if not any(isinstance(limit, tg.Tensor) for limit in (min, max)):
        return tg.clip(x, min, max)
    x = x if min is None else tg.maximum(x, min)
    return x if max is None else tg.minimum(x, max)


def round_(x, decimals=0):
    return tg.round(x, decimals)


def spread(operation: Operation) -> Operation:
    """var and std: PyTorch's correction is 1 by default, and ``unbiased=False`` makes it 0."""

    def call(x, dim=None, unbiased=True, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = correction if correction is not None else int(unbiased is not False)
        return operation(x, dim or None if not isinstance(dim, int) else dim, ddof, keepdim)

    return call


def extreme(values: Operation, positions: Operation, elementwise: Operation) -> Operation:
    """max and min, each three functions in PyTorch."""

    def call(x, dim=None, keepdim=False):
        if dim is None:
            return values(x)
        if not isinstance(dim, int):
            return elementwise(x, dim)
        return values(x, dim, keepdim), positions(x, dim, keepdim)

    return call


def sort(x, dim=-1, descending=False, stable=False):
    """tg.sort and tg.argsort; NumPy sorts upwards only."""
    sign = -1 if descending else 1
    return sign * tg.sort(sign * x, dim), tg.argsort(sign * x, dim)


def argsort(x, dim=-1, descending=False, stable=False):
    return tg.argsort(-x if descending else x, dim)


def nonzero(x, as_tuple=False):
    """As in NumPy a tuple, with the positions along each axis; PyTorch stacks them."""
    places = tg.nonzero(x)
    return places if as_tuple else tg.stack(places, 1)


def listed(operation: Operation) -> Operation:
    """atleast_1d and the like, which PyTorch also gives a list."""
    return lambda x: tuple(map(operation, x)) if isinstance(x, (list, tuple)) else operation(x)


def split(x, sizes, dim=0):
    """By the length of the parts; NumPy's split is by their number or their borders."""
    if isinstance(sizes, int):
        return tg.split(x, list(range(sizes, x.shape[dim], sizes)), dim)
    return tg.split(x, list(itertools.accumulate(sizes))[:-1], dim)


def tensor_split(x, sections, dim=0):
    sections = sections.tolist() if isinstance(sections, tg.Tensor) else sections
    return tg.array_split(x, list(sections) if isinstance(sections, tuple) else sections, dim)


def take_along_dim(x, indices, dim=None):
    """Without dim PyTorch flattens the indices too."""
    return tg.take_along_axis(x, indices.ravel() if dim is None else indices, dim)


def repeat_interleave(x, repeats, dim=None, output_size=None):
    """PyTorch can be told the length of the result, which it would have to compute."""
    return tg.repeat_interleave(x, repeats, dim)


def index_put(x, indices, values, accumulate=False):
    place = x.at[tuple(indices)]
    return place.add(values) if accumulate else place.set(values)


def matrix_norm(x, ord="fro", dim=(-2, -1), keepdim=False):
    return tg.linalg.norm(x, ord, dim, keepdim)


def matrix_rank(x, tol=None, hermitian=False, *, atol=None, rtol=None):
    return tg.linalg.matrix_rank(
        x, number(tol if atol is None else atol), hermitian, rtol=number(rtol)
    )


def pinv(x, *, atol=None, rtol=None, hermitian=False):
    return tg.linalg.pinv(x, number(rtol), hermitian)


def number(x):
    return x.item() if isinstance(x, tg.Tensor) and x.size == 1 else x


def operations() -> dict[str, Operation]:
    table = {name: getattr(tg, name) for name in SAME.split()}
    for pair in BY_ANOTHER_NAME.split():
        theirs, ours = pair.split(":")
        table[theirs] = getattr(tg, ours)
    table |= {name: numpy_names(getattr(tg, name)) for name in RENAMING.split()}
    table["tensordot"] = numpy_names(tg.tensordot, dims="axes")
    table |= {f"linalg.{name}": numpy_names(getattr(tg.linalg, name)) for name in LINALG.split()}
    known = set(F.__all__) - set(UNKNOWN.split())
    table |= {f"nn.functional.{name}": getattr(F, name) for name in known}
    return table | {
        "T": lambda x: x.T,
        "mT": lambda x: x.mT,
        "__getitem__": lambda x, index: x[index],
        "__radd__": lambda x, other: other + x,
        "__rdiv__": lambda x, other: other / x,
        "__rmatmul__": swapped(tg.matmul),
        "__rmod__": lambda x, other: other % x,
        "__rmul__": lambda x, other: other * x,
        "__rpow__": lambda x, other: other**x,
        "__rsub__": lambda x, other: other - x,
        "__rand__": swapped(tg.bitwise_and),
        "__ror__": swapped(tg.bitwise_or),
        "__rxor__": swapped(tg.bitwise_xor),
        "add": scaled(tg.add),
        "atleast_1d": listed(tg.atleast_1d),
        "atleast_2d": listed(tg.atleast_2d),
        "argsort": argsort,
        "clamp": clamp,
        "clamp_max": tg.minimum,
        "clamp_min": tg.maximum,
        "clone": lambda x, memory_format=None: tg.clone(x),
        "div": div,
        "einsum": lambda operands, equation: tg.einsum(equation, *operands),
        "index_put": index_put,
        "linalg.matrix_norm": matrix_norm,
        "linalg.matrix_rank": matrix_rank,
        "linalg.pinv": pinv,
        "linalg.pinv.singular": lambda a, b: pinv(a @ b.mT),
        "log_softmax": numpy_names(tg.log_softmax),
        "max": extreme(tg.max, tg.argmax, tg.maximum),
        "min": extreme(tg.min, tg.argmin, tg.minimum),
        "nn.functional.embedding": lambda weight, index, **options: F.embedding(
            index, weight, **options
        ),
        "nonzero": nonzero,
        "repeat": lambda x, *counts: tg.tile(x, counts[0] if len(counts) == 1 else counts),
        "repeat_interleave": repeat_interleave,
        "round": round_,
        "softmax": numpy_names(tg.softmax),
        "sort": sort,
        "split": split,
        "split_with_sizes": split,
        "std": spread(tg.std),
        "sub": scaled(tg.subtract),
        "take_along_dim": take_along_dim,
        "tensor_split": tensor_split,
        "var": spread(tg.var),
        "where": lambda x, condition, other: tg.where(condition, x, other),
    }


OPERATIONS = operations()


# -- where tinygraph means to differ ---------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """Samples of some operations that do not agree with PyTorch, and why that is right."""

    operations: str
    why: str
    covers: Callable[..., bool] = lambda *args, **options: True
    order: int = 0  # the first that differs: 0 the value, 1 its gradient, 2 the second derivative


def has_number(*operands, **options) -> bool:
    return any(isinstance(x, (int, float)) for x in operands)


def of_integers(x, *others, **options) -> bool:
    return isinstance(x, int) or not (isinstance(x, float) or x.is_floating_point())


def negative_integer_power(base, exponent) -> bool:
    negative = exponent < 0
    return of_integers(base) and bool(negative if has_number(exponent) else negative.any())


def negative_power_of_zero(base, exponent) -> bool:
    return bool(((base == 0) & (exponent < 0)).any())


DIFFERENCES = [
    Difference(
        "acosh",
        "below its domain, where the value is NaN, PyTorch's rule gives a slope",
        lambda x: bool((x < -1).any()),
        order=1,
    ),
    Difference(
        "cat",
        "PyTorch passes over empty Tensors of one axis; NumPy wants as many axes in each",
        lambda xs, dim=0: len({x.ndim for x in xs}) > 1,
    ),
    Difference(
        "clamp",
        "as in NumPy, int64 and float32 make float64",
        lambda *given: len({x.dtype for x in given if x is not None}) > 1,
    ),
    Difference(
        "clamp_max clamp_min",
        "clip takes numbers only; minimum and maximum share the gradient where both are equal",
        lambda x, limit: bool((x == limit).any()),
        order=1,
    ),
    Difference(
        "gather",
        "an empty index must have as many axes as any other",
        lambda x, dim, index: index.numel() == 0 and index.ndim != x.ndim,
    ),
    Difference(
        "hypot",
        "at the origin, where there is no derivative, ours is 0 and PyTorch's NaN",
        lambda x, other: bool(((x == 0) & (other == 0)).any()),
        order=1,
    ),
    Difference(
        "linalg.matrix_rank",
        "a tolerance is one number, and as in NumPy it is either absolute or relative",
        lambda x, atol=None, rtol=None, **options: (
            None not in (atol, rtol) or any(getattr(t, "ndim", 0) for t in (atol, rtol))
        ),
    ),
    Difference(
        "linalg.norm.subgradients_at_zero",
        "PyTorch's second derivatives of the 2-norm at 0 are NaN, ours finite",
        lambda x, ord=None, **options: ord in (None, 2, "fro"),
        order=2,
    ),
    Difference(
        "linalg.solve",
        "as in NumPy 2, only what has one axis is a vector",
        lambda a, b, **options: b.ndim > 1 and b.ndim == a.ndim - 1,
    ),
    Difference(
        "logsumexp nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d "
        "nn.functional.cosine_embedding_loss nn.functional.hardtanh "
        "nn.functional.local_response_norm nn.functional.margin_ranking_loss "
        "nn.functional.pairwise_distance nn.functional.poisson_nll_loss nn.functional.relu6 "
        "nn.functional.softsign nn.functional.triplet_margin_loss",
        "operations on real numbers refuse integers; PyTorch rounds some of these, converts others",
        of_integers,
    ),
    Difference(
        "nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d "
        "nn.functional.dropout3d",
        "other random numbers",
        lambda x, p=0.5, training=True, inplace=False: training and 0 < p < 1,
    ),
    Difference(
        "nn.functional.batch_norm",
        "there must be an axis of channels, also if there is nothing in it",
        lambda x, *others, **options: x.ndim == 1,
    ),
    Difference(
        "nn.functional.hardsigmoid",
        "PyTorch's rule multiplies by 1 / 6 in single precision",
        lambda x, **options: x.element_size() == 8,
        order=1,
    ),
    Difference(
        "nn.functional.scaled_dot_product_attention",
        "other random numbers",
        lambda *qkv, dropout_p=0, **options: dropout_p > 0,
    ),
    Difference(
        "nonzero",
        "as in NumPy, a number has no axes and so no positions",
        lambda x, **options: x.ndim == 0,
    ),
    Difference(
        "pow",
        "an integer to a negative power is an error, as in NumPy; PyTorch may round towards 0",
        negative_integer_power,
    ),
    Difference(
        "__rpow__",
        "as for pow",
        lambda exponent, base: negative_integer_power(base, exponent),
    ),
    Difference(
        "pow",
        "where 0 has a negative power, the derivative with respect to the exponent is 0",
        negative_power_of_zero,
        order=1,
    ),
    Difference(
        "__rpow__",
        "as for pow",
        lambda exponent, base: negative_power_of_zero(base, exponent),
        order=1,
    ),
    Difference(
        "remainder",
        "PyTorch has no derivative with respect to the divisor of a number",
        lambda x, divisor: has_number(x),
        order=1,
    ),
    Difference(
        "__rmod__",
        "PyTorch has no derivative with respect to the divisor of a number",
        lambda divisor, x: has_number(x),
        order=1,
    ),
    Difference(
        "__rsub__",
        "this is a method of PyTorch's Tensors, and NotImplemented for a number",
        lambda x, other: has_number(x),
    ),
    Difference(
        "sign", "the sign of NaN is NaN, as in NumPy; PyTorch's is 0", lambda x: x.isnan().any()
    ),
    Difference(
        "squeeze",
        "an axis of another length than 1, or of a number, is an error, as in NumPy",
        lambda x, dim=(): (
            x.ndim == 0 or any(x.shape[i] != 1 for i in (dim if type(dim) is tuple else (dim,)))
        ),
    ),
    Difference(
        "tensordot",
        "PyTorch broadcasts axes of length 1 that are summed over; NumPy refuses that",
        lambda a, b, dims: (
            type(dims) is tuple and [a.shape[i] for i in dims[0]] != [b.shape[i] for i in dims[1]]
        ),
    ),
    Difference(
        "topk",
        "of equal elements the first ones; PyTorch does not say which",
        lambda x, *args, **options: x.unique().numel() < x.numel(),
    ),
    Difference(
        "transpose",
        "a number has no axis 0, as in NumPy's swapaxes",
        lambda x, *axes: x.ndim == 0,
    ),
]
ERROR_DIFFERENCES = [
    Difference(
        "__radd__ __rand__ __rdiv__ __rmod__ __rmul__ __ror__ __rpow__ __rsub__ __rxor__ atan2 "
        "bitwise_and bitwise_or bitwise_xor clamp_max clamp_min copysign eq fmax fmin fmod ge gt "
        "hypot le logaddexp logical_and logical_or logical_xor lt maximum minimum ne pow remainder",
        "as in NumPy, numbers are operands on either side",
        has_number,
    ),
    Difference(
        "max.binary min.binary",
        "as there, but a number in the second place is an axis",
        lambda x, other: has_number(x) and not has_number(other),
    ),
    Difference("mean", "integers have a mean in NumPy; PyTorch refuses them"),
    Difference("trace", "as in NumPy, of the first two axes, of however many"),
]

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
    abs broadcast_to ceil chunk clone column_stack copysign cos cosh deg2rad dot erf exp exp2 expand
    expm1 fmax fmin fmod flatten floor floor_divide gather hstack hypot index_add index_select inner
    isfinite isinf isnan kron log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
    logical_or logical_xor masked_fill masked_select matmul maximum minimum nonzero outer permute
    rad2deg ravel reciprocal remainder repeat_interleave reshape rsqrt scatter_add sigmoid sign sin
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
    all amax amin any argmax argmin argsort cat count_nonzero cumprod cumsum diagonal flip
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
LINALG = "cholesky det eigh eigvalsh inv matrix_power norm qr slogdet solve svd svdvals vector_norm"


def numpy_names(operation: Operation, **others: str) -> Operation:
    """Return the operation with PyTorch's keywords."""
    names = {**NUMPY_NAMES, **others}

    def call(*args, **options):
        return operation(*args, **{names.get(name, name): v for name, v in options.items()})

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
    return y if rounding_mode is None else tg.trunc(y)


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


def listed(operation: Operation) -> Operation:
    """atleast_1d and the like, which PyTorch also gives a list."""
    return lambda x: operation(*x) if isinstance(x, (list, tuple)) else operation(x)


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


def index_put(x, indices, values, accumulate=False):
    place = x.at[tuple(indices)]
    return place.add(values) if accumulate else place.set(values)


def matrix_norm(x, ord="fro", dim=(-2, -1), keepdim=False):
    return tg.linalg.norm(x, ord, dim, keepdim)


def matrix_rank(x, tol=None, hermitian=False, *, atol=None, rtol=None):
    atol = tol if atol is None else atol
    item = (v.item() if isinstance(v, tg.Tensor) else v for v in (atol, rtol))
    atol, rtol = item
    return tg.linalg.matrix_rank(x, atol, hermitian, rtol=rtol)


def pinv(x, rcond=None, hermitian=False, *, atol=None, rtol=None):
    rtol = rcond if rtol is None else rtol
    rtol = rtol.item() if isinstance(rtol, tg.Tensor) else rtol
    return tg.linalg.pinv(x, rtol, hermitian)


def operations() -> dict[str, Operation]:
    table = {name: getattr(tg, name) for name in SAME.split()}
    for pair in BY_ANOTHER_NAME.split():
        theirs, ours = pair.split(":")
        table[theirs] = getattr(tg, ours)
    table |= {name: numpy_names(getattr(tg, name)) for name in RENAMING.split()}
    table["tensordot"] = numpy_names(tg.tensordot, dims="axes")
    table |= {f"linalg.{name}": numpy_names(getattr(tg.linalg, name)) for name in LINALG.split()}
    table |= {f"nn.functional.{name}": getattr(F, name) for name in F.__all__}
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
        "clamp": clamp,
        "clamp_max": tg.minimum,
        "clamp_min": tg.maximum,
        "div": div,
        "einsum": lambda operands, equation: tg.einsum(equation, *operands),
        "index_put": index_put,
        "linalg.matrix_norm": matrix_norm,
        "linalg.matrix_rank": matrix_rank,
        "linalg.pinv": pinv,
        "linalg.pinv.singular": lambda a, b: pinv(a @ b.mT),
        "log_softmax": F.log_softmax,
        "max": extreme(tg.max, tg.argmax, tg.maximum),
        "min": extreme(tg.min, tg.argmin, tg.minimum),
        "nn.functional.embedding": lambda weight, index, **options: F.embedding(
            index, weight, **options
        ),
        "repeat": lambda x, *counts: tg.tile(x, counts[0] if len(counts) == 1 else counts),
        "round": round_,
        "softmax": F.softmax,
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


DIFFERENCES: list[Difference] = []
ERROR_DIFFERENCES: list[Difference] = []

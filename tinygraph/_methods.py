"""The one place where a class gets methods from a layer above its own: names, and what they call.

`Tensor` gets its operators, `Graph` its pictures.  Both repeat the names for type checkers, and a
test compares them.
"""

from __future__ import annotations

from typing import Any

from . import _autograd, _numpy, render
from . import _hooks as hooking
from ._graph import Graph
from ._mode import is_grad_enabled
from ._tensor import Tensor, TensorLike
from .ops import (
    arranging,
    contraction,
    cumulative,
    elementwise,
    indexing,
    linalg,
    logic,
    reduction,
    rounding,
    selection,
    shape,
    statistics,
    transcendental,
    update,
)


def _radd(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.add(other, self)


def _rsub(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.subtract(other, self)


def _rmul(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.multiply(other, self)


def _rtruediv(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.divide(other, self)


def _rpow(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.power(other, self)


def _rmod(self: Tensor, other: TensorLike) -> Tensor:
    return rounding.remainder(other, self)


def _rfloordiv(self: Tensor, other: TensorLike) -> Tensor:
    return rounding.floor_divide(other, self)


def _round(self: Tensor, ndigits: int | None = None) -> Tensor:
    return rounding.round(self, 0 if ndigits is None else ndigits)


def _rmatmul(self: Tensor, other: TensorLike) -> Tensor:
    return linalg.matmul(other, self)


def _eq(self: Tensor, other: TensorLike | None) -> Any:  # t == None is plainly False
    return NotImplemented if other is None else elementwise.equal(self, other)


def _ne(self: Tensor, other: TensorLike | None) -> Any:
    return NotImplemented if other is None else elementwise.not_equal(self, other)


def _iadd(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.add(_kept("+", self), other)


def _isub(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.subtract(_kept("-", self), other)


def _imul(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.multiply(_kept("*", self), other)


def _itruediv(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.divide(_kept("/", self), other)


def _ipow(self: Tensor, other: TensorLike) -> Tensor:
    return elementwise.power(_kept("**", self), other)


def _imatmul(self: Tensor, other: TensorLike) -> Tensor:
    return linalg.matmul(_kept("@", self), other)


def _kept(symbol: str, x: Tensor) -> Tensor:
    """Return ``x``, unless ``x += y`` would make a constant of what is meant to be changed."""
    if x.is_leaf and x.requires_grad and not is_grad_enabled():
        raise TypeError(
            f"under no_grad, x {symbol}= y would make a constant and leave the leaf x as it is; "
            f"x.data {symbol}= y, with an array y, changes it, and x = x {symbol} y does not"
        )
    return x


METHODS: dict[str, Any] = {
    "__array_ufunc__": _numpy.array_ufunc,
    "__array_function__": _numpy.array_function,
    "__add__": elementwise.add,
    "__radd__": _radd,
    "__iadd__": _iadd,
    "__sub__": elementwise.subtract,
    "__rsub__": _rsub,
    "__isub__": _isub,
    "__mul__": elementwise.multiply,
    "__rmul__": _rmul,
    "__imul__": _imul,
    "__truediv__": elementwise.divide,
    "__rtruediv__": _rtruediv,
    "__itruediv__": _itruediv,
    "__pow__": elementwise.power,
    "__rpow__": _rpow,
    "__ipow__": _ipow,
    "__matmul__": linalg.matmul,
    "__rmatmul__": _rmatmul,
    "__imatmul__": _imatmul,
    "__mod__": rounding.remainder,
    "__rmod__": _rmod,
    "__floordiv__": rounding.floor_divide,
    "__rfloordiv__": _rfloordiv,
    "__and__": logic.bitwise_and,
    "__rand__": logic.bitwise_and,
    "__or__": logic.bitwise_or,
    "__ror__": logic.bitwise_or,
    "__xor__": logic.bitwise_xor,
    "__rxor__": logic.bitwise_xor,
    "__pos__": elementwise.clone,
    "__round__": _round,
    "__neg__": elementwise.negative,
    "__abs__": elementwise.abs,
    "__invert__": elementwise.invert,
    "__eq__": _eq,
    "__ne__": _ne,
    "__lt__": elementwise.less,
    "__le__": elementwise.less_equal,
    "__gt__": elementwise.greater,
    "__ge__": elementwise.greater_equal,
    "__getitem__": indexing.getitem,
    "exp": elementwise.exp,
    "exp2": transcendental.exp2,
    "expm1": transcendental.expm1,
    "log1p": transcendental.log1p,
    "log2": transcendental.log2,
    "log10": transcendental.log10,
    "square": transcendental.square,
    "reciprocal": transcendental.reciprocal,
    "rsqrt": transcendental.rsqrt,
    "cbrt": transcendental.cbrt,
    "sin": transcendental.sin,
    "cos": transcendental.cos,
    "tan": transcendental.tan,
    "arcsin": transcendental.arcsin,
    "arccos": transcendental.arccos,
    "arctan": transcendental.arctan,
    "sinh": transcendental.sinh,
    "cosh": transcendental.cosh,
    "arcsinh": transcendental.arcsinh,
    "arccosh": transcendental.arccosh,
    "arctanh": transcendental.arctanh,
    "erf": transcendental.erf,
    "sign": rounding.sign,
    "floor": rounding.floor,
    "ceil": rounding.ceil,
    "round": rounding.round,
    "trunc": rounding.trunc,
    "isnan": logic.isnan,
    "isinf": logic.isinf,
    "isfinite": logic.isfinite,
    "log": elementwise.log,
    "sqrt": elementwise.sqrt,
    "abs": elementwise.abs,
    "tanh": elementwise.tanh,
    "sigmoid": elementwise.sigmoid,
    "relu": elementwise.relu,
    "clip": elementwise.clip,
    "astype": elementwise.astype,
    "clone": elementwise.clone,
    "sum": reduction.sum,
    "mean": reduction.mean,
    "max": reduction.max,
    "min": reduction.min,
    "amax": reduction.amax,
    "amin": reduction.amin,
    "argmax": reduction.argmax,
    "argmin": reduction.argmin,
    "any": reduction.any,
    "all": reduction.all,
    "logsumexp": reduction.logsumexp,
    "softmax": reduction.softmax,
    "log_softmax": reduction.log_softmax,
    "reshape": shape.reshape,
    "transpose": shape.transpose,
    "permute": shape.permute,
    "flatten": shape.flatten,
    "squeeze": shape.squeeze,
    "unsqueeze": shape.unsqueeze,
    "broadcast_to": shape.broadcast_to,
    "count_nonzero": statistics.count_nonzero,
    "median": statistics.median,
    "nanmean": statistics.nanmean,
    "nansum": statistics.nansum,
    "std": statistics.std,
    "var": statistics.var,
    "cumprod": cumulative.cumprod,
    "cumsum": cumulative.cumsum,
    "prod": cumulative.prod,
    "argsort": selection.argsort,
    "gather": selection.gather,
    "index_add": selection.index_add,
    "index_select": selection.index_select,
    "masked_fill": selection.masked_fill,
    "masked_select": selection.masked_select,
    "nonzero": selection.nonzero,
    "scatter_add": selection.scatter_add,
    "sort": selection.sort,
    "take": selection.take,
    "topk": selection.topk,
    "__setitem__": update.setitem,
    "chunk": arranging.chunk,
    "diag": arranging.diag,
    "diagonal": arranging.diagonal,
    "flip": arranging.flip,
    "narrow": arranging.narrow,
    "repeat": arranging.repeat,
    "repeat_interleave": arranging.repeat_interleave,
    "roll": arranging.roll,
    "split": arranging.split,
    "tile": arranging.tile,
    "trace": arranging.trace,
    "tril": arranging.tril,
    "triu": arranging.triu,
    "unbind": arranging.unbind,
    "expand": shape.expand,
    "moveaxis": shape.moveaxis,
    "ravel": shape.ravel,
    "swapaxes": shape.swapaxes,
    "view": shape.reshape,
    "matmul": linalg.matmul,
    "dot": contraction.dot,
    "at": property(update.at),
    "T": property(shape.transpose),
    "mT": property(shape.swap_last),
    "backward": _autograd.backward,
    "register_hook": hooking.register_hook,
    "retain_grad": hooking.retain_grad,
}

GRAPH_METHODS: dict[str, Any] = {
    "to_dot": render.to_dot,
    "to_json": render.to_json,
    "render": render.render,
    "_repr_mimebundle_": render.mimebundle,
}

for _class, _methods in ((Tensor, METHODS), (Graph, GRAPH_METHODS)):
    for _name, _method in _methods.items():
        setattr(_class, _name, _method)

"""The one place where a class gets methods from a layer above its own: names, and what they call.

`Tensor` gets its operators, `Graph` its pictures.  Both repeat the names for type checkers, and a
test compares them.
"""

from __future__ import annotations

from typing import Any

from . import _autograd, render
from ._graph import Graph
from ._tensor import Tensor, TensorLike
from .ops import elementwise, indexing, linalg, reduction, shape


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


def _rmatmul(self: Tensor, other: TensorLike) -> Tensor:
    return linalg.matmul(other, self)


METHODS: dict[str, Any] = {
    "__add__": elementwise.add,
    "__radd__": _radd,
    "__sub__": elementwise.subtract,
    "__rsub__": _rsub,
    "__mul__": elementwise.multiply,
    "__rmul__": _rmul,
    "__truediv__": elementwise.divide,
    "__rtruediv__": _rtruediv,
    "__pow__": elementwise.power,
    "__rpow__": _rpow,
    "__matmul__": linalg.matmul,
    "__rmatmul__": _rmatmul,
    "__neg__": elementwise.negative,
    "__abs__": elementwise.abs,
    "__invert__": elementwise.invert,
    "__eq__": elementwise.equal,
    "__ne__": elementwise.not_equal,
    "__lt__": elementwise.less,
    "__le__": elementwise.less_equal,
    "__gt__": elementwise.greater,
    "__ge__": elementwise.greater_equal,
    "__getitem__": indexing.getitem,
    "exp": elementwise.exp,
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
    "var": reduction.var,
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
    "matmul": linalg.matmul,
    "T": property(shape.transpose),
    "mT": property(shape.swap_last),
    "backward": _autograd.backward,
}

GRAPH_METHODS: dict[str, Any] = {
    "to_dot": render.to_dot,
    "render": render.render,
    "_repr_mimebundle_": render.mimebundle,
}

for _class, _methods in ((Tensor, METHODS), (Graph, GRAPH_METHODS)):
    for _name, _method in _methods.items():
        setattr(_class, _name, _method)

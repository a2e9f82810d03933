"""Steps of recurrent networks: a product of matrices, then the gates, then what they let through.

Each of these is one operation, and made of ordinary arithmetic it would be many: a step of an LSTM
takes four where it took fifteen, most of whose time went into recording what is small.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .._function import Function, Value
from .._tensor import Array, Tensor
from .elementwise import tanh_
from .indexing import PutItem
from .linalg import linear_
from .shape import Concatenate


class LSTMGates(Function):
    """z (..., 4 d) -> gates y = (i, f, n, o): tanh(z) for n, sigmoid(z) for the others.

    gz = g (1 - y²) for n, g y (1 - y) for the others.
    """

    def forward(self, z: Array) -> Array:
        y = kernels.sigmoid(z)
        np.tanh(_block(z, 2, 4), out=_block(y, 2, 4))
        return y

    def backward(self, g: Value, y: Value) -> Value:
        i, f, n, o = _blocks(y, 4)
        return g * (1 - y) * _join(i, f, 1 + n, o)


class LSTMState(Function):
    """f c + i n, by gates a = (i, f, n, o): ga = (g n, g c, g i, 0), gc = g f."""

    def forward(self, a: Array, c: Array) -> Array:
        i, f, n, _ = _blocks(a, 4)
        return f * c + i * n

    def backward(self, g: Value, a: Value, c: Value) -> Value:
        i, f, n, _ = _blocks(a, 4)
        return _among(slice(0, 3), 4, _join(g * n, g * c, g * i)), g * f


class LSTMOutput(Function):
    """o tanh(c), by gates a = (i, f, n, o): ga = (0, 0, 0, g tanh(c)), gc = g o (1 - tanh²(c))."""

    def forward(self, a: Array, c: Array) -> Array:
        return _block(a, 3, 4) * np.tanh(c)

    def backward(self, g: Value, a: Value, c: Value) -> Value:
        t = tanh_(c)
        return _among(slice(3, 4), 4, g * t), g * _block(a, 3, 4) * (1 - t * t)


class GRUGates(Function):
    """x, u (..., 3 d) -> gates y = (r, z, n): sigmoid(x + u) for r and z, tanh(x + r u) for n.

    Block by block, with h = g (1 - n²), gx = ((g + h u) r (1 - r), g z (1 - z), h), gu = gx, but
    r h for n.
    """

    def forward(self, x: Array, u: Array) -> Array:
        y = kernels.sigmoid(x + u)
        r, n = _block(y, 0, 3), _block(y, 2, 3)
        np.multiply(r, _block(u, 2, 3), out=n)
        np.add(n, _block(x, 2, 3), out=n)
        np.tanh(n, out=n)
        return y

    def backward(self, g: Value, u: Value, y: Value) -> Value:
        r, z, n = _blocks(y, 3)
        to_r, to_z, h = _blocks(g, 3)
        h = h * (1 - n * n)
        to_r = (to_r + h * _block(u, 2, 3)) * r * (1 - r)
        to_z = to_z * z * (1 - z)
        return _join(to_r, to_z, h), _join(to_r, to_z, r * h)


class GRUState(Function):
    """(1 - z) n + z h, by gates a = (r, z, n): ga = (0, g (h - n), g (1 - z)), gh = g z."""

    def forward(self, a: Array, h: Array) -> Array:
        z, n = _block(a, 1, 3), _block(a, 2, 3)
        return n + z * (h - n)

    def backward(self, g: Value, a: Value, h: Value) -> Value:
        z, n = _block(a, 1, 3), _block(a, 2, 3)
        return _among(slice(1, 3), 3, _join(g * (h - n), g * (1 - z))), g * z


def _block(x: Value, place: int, count: int) -> Value:
    """Return one of ``count`` blocks of the last axis."""
    size = x.shape[-1] // count
    return x[..., place * size : (place + 1) * size]


def _blocks(x: Value, count: int) -> list[Value]:
    return [_block(x, place, count) for place in range(count)]


def _join(*xs: Value) -> Value:
    return Concatenate(xs[0].ndim - 1)(*xs)


def _among(places: slice, count: int, x: Value) -> Value:
    """Return ``count`` blocks, those in some places from ``x``, the others 0."""
    size = x.shape[-1] // (places.stop - places.start)
    taken = slice(places.start * size, places.stop * size)
    return PutItem((..., taken), (*x.shape[:-1], count * size))(x)


# -- steps: x is the input times its weights -----------------------------------------------------

_lstm_gates, _lstm_state, _lstm_output = LSTMGates(), LSTMState(), LSTMOutput()
_gru_gates, _gru_state = GRUGates(), GRUState()


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next h and c of an LSTM."""
    gates = _lstm_gates.apply(linear_.apply(h, weight, x))
    c = _lstm_state.apply(gates, c)
    return _lstm_output.apply(gates, c), c


def gru_step(x: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the next h of gated recurrent units."""
    gates = _gru_gates.apply(x, linear_.apply(h, weight, bias))
    return _gru_state.apply(gates, h)

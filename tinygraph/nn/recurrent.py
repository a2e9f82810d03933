"""Recurrent layers: a state that goes along a sequence, and is changed by each of its vectors.

A step is made of ordinary operations, so gradients flow back through time as through all else.
What does not wait for the state, the product of the inputs and their weights, is computed for all
steps at once.
"""

from __future__ import annotations

import math
import warnings
from contextlib import nullcontext
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from .._mode import scope
from .._tensor import Constant, Shape, Tensor, TensorLike, get_default_dtype, wrap
from ..ops._arguments import floating, number
from ..ops.arranging import unbind
from ..ops.dropout import dropout as dropout_
from ..ops.elementwise import relu, tanh
from ..ops.linalg import linear, linear_
from ..ops.recurrent import gru_step, lstm_step
from ..ops.shape import concatenate, stack
from . import init
from .layers import _check_positive
from .module import Module, Parameter

State: TypeAlias = tuple[Tensor, ...]  # h and, of an LSTM, c: each (N, hidden_size)

NONLINEARITIES = {"tanh": tanh, "relu": relu}


# -- what a step does ----------------------------------------------------------------------------


class _Recurrence(Module):
    """A step, and the parameters that it needs: what layers and cells of a kind share.

    ``gates`` is how many blocks of ``hidden_size`` rows the weights have, ``states`` what the
    Tensors of a state are called.  ``adds_biases`` says that both biases are only ever added up.
    """

    gates: ClassVar[int]
    states: ClassVar[tuple[str, ...]] = ("h_0",)
    adds_biases: ClassVar[bool] = True
    input_size: int
    hidden_size: int

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        """Return the next state; ``x`` is (..., gates * hidden_size), the input times weight_ih.

        There is no ``bias`` where both are added up, and so are in ``x``.
        """
        raise NotImplementedError

    def _start(
        self,
        inputs: int,
        bias: bool,
        suffix: str,
        dtype: DTypeLike | None,
        generator: np.random.Generator | None,
    ) -> None:
        """Make the parameters for one layer and direction, uniform up to ±1 / sqrt(hidden_size)."""
        rows = self.gates * self.hidden_size
        dtype = get_default_dtype() if dtype is None else dtype
        bound = 1 / math.sqrt(self.hidden_size)
        shapes: dict[str, Shape] = {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, self.hidden_size),
            **({"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}),
        }
        for name, shape in shapes.items():
            parameter = Parameter(np.zeros(shape, dtype))
            init.uniform_(parameter, -bound, bound, generator)
            setattr(self, name + suffix, parameter)

    def _parameters(self, suffix: str) -> tuple[Any, ...]:
        """Return weight_ih, weight_hh, and what is added to the products of each, or None."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        *weights, bias_ih, bias_hh = (getattr(self, name + suffix, None) for name in names)
        if self.adds_biases and bias_ih is not None:
            bias_ih, bias_hh = bias_ih + bias_hh, None
        return *weights, bias_ih, bias_hh

    def _zeros(self, x: Tensor, batch: Shape) -> State:
        """Return the states to start with, of which a graph knows that they are 0."""
        shape = (*batch, self.hidden_size)
        return tuple(
            wrap(np.zeros(shape, x.dtype), Constant(shape, x.dtype, name, 0.0))
            for name in self.states
        )

    def _given(self, hx: Any, shape: Shape) -> State:
        """Return the states that a user gives, which must have this shape."""
        caller = type(self).__name__
        several = len(self.states) > 1
        given = hx if several else (hx,)
        if several and (not isinstance(hx, (tuple, list)) or len(hx) != len(self.states)):
            raise TypeError(f"{caller}: hx must be a pair (h_0, c_0), not a {type(hx).__name__}")
        state = []
        for name, s in zip(self.states, given, strict=True):
            if s is None:
                raise TypeError(f"{caller}: {name} is None; without hx, all states are zeros")
            state.append(floating(caller, s))
            if state[-1].shape != shape:
                raise ValueError(f"{caller}: {name} must have shape {shape}, not {state[-1].shape}")
        return tuple(state)


class _Elman(_Recurrence):
    gates = 1
    nonlinearity: str

    def _activate(self, nonlinearity: str) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(
                f"{type(self).__name__}: nonlinearity must be 'tanh' or 'relu', "
                f"not {nonlinearity!r}"
            )
        self.nonlinearity = nonlinearity

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        (h,) = state
        return (NONLINEARITIES[self.nonlinearity](linear_.apply(h, weight, x)),)


class _LongShortTerm(_Recurrence):
    gates = 4
    states = ("h_0", "c_0")

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        h, c = state
        return lstm_step(x, h, c, weight)


class _Gated(_Recurrence):
    gates = 3
    adds_biases = False  # the reset gate scales one of them

    def _step(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None) -> State:
        (h,) = state
        return (gru_step(x, h, weight, bias),)


# -- layers: along whole sequences ---------------------------------------------------------------


class _Layers(_Recurrence):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        _check_positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not 0 <= number(name, "dropout", dropout) <= 1:
            raise ValueError(f"{name}: dropout must be from 0 to 1, not {dropout}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, and num_layers is 1",
                stacklevel=3 if isinstance(self, _Elman) else 2,  # RNN has an __init__ of its own
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self._generator = generator
        ways = ("", "_reverse")[: 1 + bidirectional]
        self._suffixes = [[f"_l{layer}{way}" for way in ways] for layer in range(num_layers)]
        for layer, suffixes in enumerate(self._suffixes):
            inputs = len(ways) * hidden_size if layer else input_size
            for suffix in suffixes:
                self._start(inputs, bias, suffix, dtype, generator)

    def forward(self, input: TensorLike, hx: Any = None) -> tuple[Tensor, Any]:
        """Return h of the last layer at every step, and the last state of every layer."""
        x, time = self._sequence(input)
        states = self._states(x, time, hx)
        last: list[State] = []
        for layer, suffixes in enumerate(self._suffixes):
            if layer and self.dropout:
                x = dropout_(x, self.dropout, self.training, self._generator)
            outputs = []
            for suffix in suffixes:
                with scope(suffix[1:]) if len(states) > 1 else nullcontext():
                    y, state = self._along(x, time, states[len(last)], suffix)
                outputs.append(y)
                last.append(state)
            x = concatenate(outputs, -1) if self.bidirectional else outputs[0]
        ends = tuple(map(stack, zip(*last, strict=True)))
        return x, ends if len(ends) > 1 else ends[0]

    def _sequence(self, input: TensorLike) -> tuple[Tensor, int]:
        """Return the input, and which of its axes is the time."""
        caller, size = type(self).__name__, self.input_size
        x = floating(caller, input)
        if x.ndim not in (2, 3) or x.shape[-1] != size:
            batched = f"(N, L, {size})" if self.batch_first else f"(L, N, {size})"
            raise ValueError(
                f"{caller}: input must have shape {batched} or (L, {size}), not {x.shape}"
            )
        time = 1 if self.batch_first and x.ndim == 3 else 0
        if not x.shape[time]:
            raise ValueError(f"{caller}: an input of shape {x.shape} is a sequence of no steps")
        return x, time

    def _states(self, x: Tensor, time: int, hx: Any) -> list[State]:
        """Return the states that all layers and directions start with."""
        batch = (*x.shape[:time], *x.shape[time + 1 : -1])
        count = sum(map(len, self._suffixes))
        if hx is None:
            return [self._zeros(x, batch) for _ in range(count)]
        given = self._given(hx, (count, *batch, self.hidden_size))
        return list(zip(*map(unbind, given), strict=True))

    def _along(self, x: Tensor, time: int, state: State, suffix: str) -> tuple[Tensor, State]:
        """Return h at every step along the axis ``time``, and the last state."""
        weight_ih, weight_hh, bias_ih, bias_hh = self._parameters(suffix)
        order = slice(None, None, -1 if suffix.endswith("_reverse") else 1)
        outputs = []
        for projected in unbind(linear(x, weight_ih, bias_ih), time)[order]:
            with scope("step"):
                state = self._step(projected, state, weight_hh, bias_hh)
            outputs.append(state[0])
        return stack(outputs[order], time), state


class RNN(_Elman, _Layers):
    """Elman's recurrent network: h' = tanh(weight_ih x + bias_ih + weight_hh h + bias_hh).

    ``layer(input, hx=None)`` returns ``output, h_n``, with D = 2 if bidirectional, else 1:

    ======  =====================================  =========================================
    input   (L, N, input_size)                     (N, L, ...) with ``batch_first``
    hx      (D * num_layers, N, hidden_size)       how h starts; zeros unless given
    output  (L, N, D * hidden_size)                h of the last layer at every step
    h_n     (D * num_layers, N, hidden_size)       the last h of every layer and direction
    ======  =====================================  =========================================

    All of them may lack the batch N.

    Parameters
    ----------
    input_size : int
        The features of the input at every step.
    hidden_size : int
        The features of a state.
    num_layers : int
        How many layers there are, each of which has the outputs of the one before as its input.
    nonlinearity : {"tanh", "relu"}
    bias : bool
    batch_first : bool
        Whether input and output are (N, L, features), not (L, N, features); states are the same.
    dropout : float
        The probability with which, in training, an output of a layer is not seen by the next one.
    bidirectional : bool
        Whether each layer also goes from the end to the start, with parameters of its own; its
        output is both, forward first.
    dtype : dtype, optional
        Of the parameters; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the initial values, uniform up to ±1 / sqrt(hidden_size), and what is dropped;
        default: the one that `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    weight_ih_l0, weight_ih_l1, ... : Parameter, shape (hidden_size, features of the input)
    weight_hh_l0, ... : Parameter, shape (hidden_size, hidden_size)
    bias_ih_l0, bias_hh_l0, ... : Parameter, shape (hidden_size,)
        Of the layers 0, 1, ...; those of the other direction are called ``weight_ih_l0_reverse``
        and so on.

    Raises
    ------
    ValueError
        If a size is not positive, the nonlinearity is another, or ``dropout`` is no
        probability; when called, if a shape does not fit.
    TypeError
        When called, if a dtype is not floating.

    Warns
    -----
    UserWarning
        If ``dropout`` has no two layers to act between.

    Notes
    -----
    Elman, *Finding Structure in Time*, 1990.

    In a graph each step is a place, ``step``; so are layers and directions where there are
    several, ``l0``, ``l0_reverse``, ``l1`` and so on.

    Examples
    --------
    >>> import tinygraph as tg
    >>> layer = tg.nn.RNN(3, 4, num_layers=2)
    >>> layer
    RNN(input_size=3, hidden_size=4, num_layers=2, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, nonlinearity='tanh'): 76 parameters
    >>> output, h_n = layer(tg.ones((5, 2, 3)))
    >>> output.shape, h_n.shape, (output[-1] == h_n[-1]).all().item()
    ((5, 2, 4), (2, 2, 4), True)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        layers = (num_layers, bias, batch_first, dropout, bidirectional)
        super().__init__(input_size, hidden_size, *layers, dtype=dtype, generator=generator)
        self._activate(nonlinearity)


class LSTM(_LongShortTerm, _Layers):
    """Long short-term memory: beside h a state c that gates change, and else leave as it is.

    With i, f, g, o the four blocks of weight_ih x + bias_ih + weight_hh h + bias_hh::

        c' = sigmoid(f) c + sigmoid(i) tanh(g)
        h' = sigmoid(o) tanh(c')

    ``layer(input, hx=None)`` takes ``hx = (h_0, c_0)`` and returns ``output, (h_n, c_n)``; c has
    the shape of h.  All else, the parameters too, is as for `RNN`, but the weights and biases have
    4 * hidden_size rows, and there is no ``nonlinearity`` to choose.

    Notes
    -----
    Hochreiter and Schmidhuber, *Long Short-Term Memory*, 1997; with the forget gate of Gers,
    Schmidhuber and Cummins, *Learning to Forget*, 2000.

    Examples
    --------
    >>> import tinygraph as tg
    >>> layer = tg.nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    >>> output, (h_n, c_n) = layer(tg.ones((2, 5, 3)))
    >>> output.shape, h_n.shape, c_n.shape
    ((2, 5, 8), (2, 2, 4), (2, 2, 4))
    """


class GRU(_Gated, _Layers):
    """Gated recurrent units: a gate z that keeps h, and a gate r that forgets it.

    With x_r, x_z, x_n the blocks of weight_ih x + bias_ih, and h_r, h_z, h_n of
    weight_hh h + bias_hh::

        r = sigmoid(x_r + h_r)
        z = sigmoid(x_z + h_z)
        n = tanh(x_n + r h_n)
        h' = (1 - z) n + z h

    All else, the parameters too, is as for `RNN`, but the weights and biases have
    3 * hidden_size rows, and there is no ``nonlinearity`` to choose.

    Notes
    -----
    Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation*, 2014; the gate r acts on the product, as in PyTorch.

    Examples
    --------
    >>> import tinygraph as tg
    >>> layer = tg.nn.GRU(3, 4)
    >>> output, h = layer(tg.ones((5, 3)))  # one sequence
    >>> output, h = layer(tg.ones((7, 3)), h)  # which goes on
    >>> output.shape, h.shape
    ((7, 4), (1, 4))
    """


# -- cells: one step -----------------------------------------------------------------------------


class _Cell(_Recurrence):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self._start(input_size, bias, "", dtype, generator)

    def forward(self, input: TensorLike, hx: Any = None) -> Any:
        """Return the next state."""
        caller, size = type(self).__name__, self.input_size
        x = floating(caller, input)
        if x.ndim not in (1, 2) or x.shape[-1] != size:
            raise ValueError(
                f"{caller}: input must have shape (N, {size}) or ({size},), not {x.shape}"
            )
        batch = x.shape[:-1]
        if hx is None:
            state = self._zeros(x, batch)
        else:
            state = self._given(hx, (*batch, self.hidden_size))
        weight_ih, weight_hh, bias_ih, bias_hh = self._parameters("")
        state = self._step(linear(x, weight_ih, bias_ih), state, weight_hh, bias_hh)
        return state if len(state) > 1 else state[0]


class RNNCell(_Elman, _Cell):
    """One step of an `RNN`: h' = tanh(weight_ih x + bias_ih + weight_hh h + bias_hh).

    ``cell(input, hx=None)`` takes (N, input_size) and h, (N, hidden_size), zeros unless given, and
    returns the next h.  Both may lack the batch N.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : {"tanh", "relu"}
    dtype, generator
        As for `RNN`.

    Attributes
    ----------
    weight_ih : Parameter, shape (hidden_size, input_size)
    weight_hh : Parameter, shape (hidden_size, hidden_size)
    bias_ih, bias_hh : Parameter, shape (hidden_size,)

    Raises
    ------
    ValueError
        If a size is not positive, or the nonlinearity is another; when called, if a shape does
        not fit.
    TypeError
        When called, if a dtype is not floating.

    Examples
    --------
    >>> import tinygraph as tg
    >>> cell = tg.nn.RNNCell(3, 4, nonlinearity="relu")
    >>> h = None
    >>> for x in tg.ones((5, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype=dtype, generator=generator)
        self._activate(nonlinearity)


class LSTMCell(_LongShortTerm, _Cell):
    """One step of an `LSTM`: takes (N, input_size) and ``hx = (h, c)``, returns the next (h, c).

    All else is as for `RNNCell`, but the weights and biases have 4 * hidden_size rows, and there
    is no ``nonlinearity`` to choose.

    Examples
    --------
    >>> import tinygraph as tg
    >>> h, c = tg.nn.LSTMCell(3, 4)(tg.ones((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """


class GRUCell(_Gated, _Cell):
    """One step of a `GRU`: takes (N, input_size) and h, (N, hidden_size), returns the next h.

    All else is as for `RNNCell`, but the weights and biases have 3 * hidden_size rows, and there
    is no ``nonlinearity`` to choose.

    Examples
    --------
    >>> import tinygraph as tg
    >>> tg.nn.GRUCell(3, 4)(tg.ones((2, 3)), tg.zeros((2, 4))).shape
    (2, 4)
    """

"""Function: one operation, with its forward kernel and its local backward rule.

Calling a Function on Tensors records a Node where a gradient is wanted; calling it on plain arrays
only runs its kernel.  What a Node keeps is what the signature of the rule names.
"""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from . import _writes
from ._tensor import Array, Constant, Shape, Tensor, as_tensors, wrap

Value: TypeAlias = Any  # an ndarray or a Tensor: a rule is written once for both


# -- recording modes -----------------------------------------------------------------------------


class Mode(NamedTuple):
    """What is recorded; ``outer`` is the mode that comes back when a ``with`` block ends."""

    grad: bool = True
    outer: Mode | None = None


_mode: ContextVar[Mode] = ContextVar("tinygraph_mode", default=Mode())  # noqa: B039 (immutable)


class _Change(ContextDecorator):
    """A change of mode for a ``with`` block or a function; it holds no state of its own."""

    def __init__(self, **changes: bool) -> None:
        self._changes = changes

    def __call__(self, function: Any) -> Any:
        """Decorate a function."""
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(
                f"{function.__name__} is a coroutine or generator function, whose body runs after "
                "the call that is decorated; use a with block inside it"
            )
        return super().__call__(function)

    def __enter__(self) -> None:
        mode = _mode.get()
        _mode.set(mode._replace(**self._changes, outer=mode))

    def __exit__(self, *exc_info: object) -> None:
        outer = _mode.get().outer
        assert outer is not None, "left a mode that was never entered"
        _mode.set(outer)


def no_grad() -> _Change:
    """Record nothing in a ``with`` block, or in a decorated function.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2).requires_grad
    False
    """
    return _Change(grad=False)


def enable_grad() -> _Change:
    """Record again, inside `no_grad`."""
    return _Change(grad=True)


def is_grad_enabled() -> bool:
    """Return whether operations on Tensors that require a gradient are recorded."""
    return _mode.get().grad


# -- what a rule asks for ------------------------------------------------------------------------


def _picker(names: tuple[str, ...], bag: tuple[str, ...]) -> Callable[[tuple[Any, ...]], Any]:
    """Return a function that picks ``names`` from a tuple laid out as ``bag``, as a tuple."""
    places = [bag.index(name) for name in names]
    if not places:
        return lambda values: ()
    if len(places) == 1:
        (place,) = places
        return lambda values: (values[place],)
    return itemgetter(*places)


def _parameters(method: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())[1:]  # without self


@dataclass(frozen=True, slots=True)
class Signature:
    """What `Function.forward` takes, and what `Function.backward` wants kept, by their names."""

    inputs: tuple[str, ...]
    variadic: bool  # forward(self, x, *xs): the last name stands for all the remaining inputs
    kept: tuple[str, ...]  # "y", aux and inputs that stay alive for the rule
    keep: Callable[[tuple[Any, ...]], tuple[Any, ...]]  # picks them from (y, *aux, *inputs)
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None  # picks the arguments of the rule
    formulas: dict[str, tuple[str, ...]]  # smooth aux -> the kept values its formula takes
    needs: Callable[..., Any]  # makes the `needs` that a rule may ask for
    optional: tuple[str, ...]  # the inputs that may be None: those with a default

    @classmethod
    def of(cls, function: type[Function]) -> Signature:
        """Read the signature of a Function class.

        Raises
        ------
        TypeError
            If the rule names what ``forward`` neither takes nor hands on, or a name is not unique.
        """
        forward = _parameters(function.forward)
        variadic = any(p.kind is p.VAR_POSITIONAL for p in forward)
        inputs = tuple(p.name for p in forward)
        values = ("y", *function.aux, *inputs)
        specs = tuple(f"{name}_spec" for name in inputs)

        wanted: tuple[str, ...] = ()
        if function.differentiable:
            wanted = tuple(p.name for p in _parameters(function.backward)[1:])
        formulas = {
            name: tuple(p.name for p in _parameters(getattr(function, name)))
            for name in function.aux
            if name in wanted and hasattr(function, name)
        }
        known = (*values, *specs, "needs")
        for name in known:
            if known.count(name) > 1 or name == "g":
                raise TypeError(
                    f"{function.__name__}: {name!r} would have two meanings; rename the input "
                    "or aux (y is the output, g its gradient)"
                )
        for name in (*wanted, *(n for names in formulas.values() for n in names)):
            if name not in known:
                raise TypeError(
                    f"{function.__name__}.backward asks for {name!r}, which is none of "
                    f"{', '.join(known)}"
                )
        named = {*wanted, *(name for names in formulas.values() for name in names)}
        kept = tuple(name for name in values if name in named)
        pick = None if wanted == kept else _picker(wanted, (*kept, *specs, "needs"))
        needs = namedtuple("needs", inputs)  # type: ignore[misc]
        optional = tuple(p.name for p in forward if p.default is None)
        return cls(inputs, variadic, kept, _picker(kept, values), pick, formulas, needs, optional)

    def by_name(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Lay out what there is one of for each input passed as one for each name in ``inputs``."""
        named = len(self.inputs)
        if self.variadic:
            return (*values[: named - 1], tuple(values[named - 1 :]))
        if len(values) < named:  # optional inputs were left out
            return (*values, *(None,) * (named - len(values)))
        return tuple(values)


# -- the graph -----------------------------------------------------------------------------------


class Node:
    """One recorded operation: the Function, where its inputs came from, and what its rule keeps.

    ``inputs`` holds, in operand order, the Node that made each input, the leaf Tensor itself where
    it requires a gradient, a `Constant`, or None for an optional input that was left out.  All
    of them have a ``shape`` and a ``dtype``.  ``kept`` is None once backward has freed it.
    """

    __slots__ = ("__weakref__", "dtype", "function", "inputs", "kept", "name", "shape", "time")

    def __init__(
        self,
        function: Function,
        inputs: tuple[Source | None, ...],
        kept: tuple[Any, ...],
        shape: Shape,
        dtype: np.dtype[Any],
    ) -> None:
        self.function = function
        self.inputs = inputs
        self.kept: tuple[Any, ...] | None = kept
        self.shape = shape
        self.dtype = dtype
        self.name: str | None = None
        self.time = _writes.clock

    def __str__(self) -> str:
        return type(self.function).__name__


Source: TypeAlias = Node | Tensor | Constant


def source_of(tensor: Tensor) -> Source:
    """Return the place of a Tensor in the graph."""
    source = tensor._source
    if source is None:
        if tensor._requires_grad:
            return tensor
        source = tensor._source = Constant(tensor.shape, tensor.dtype, tensor._name)
    return source


class Function:
    """An operation: subclass it, and give it ``forward`` and ``backward``.

    ``forward`` takes ndarrays (and None for an input whose default is None) and returns a new
    ndarray, or that and the values named in ``aux``.  It never writes into an input, and never
    returns one.  ``backward`` takes the gradient ``g`` of the output and then, by name, what it
    wants of: an input, ``y`` (the output), a name in ``aux``, ``NAME_spec`` (``shape`` and
    ``dtype`` of an input, without its data), ``needs`` (``needs.NAME``: whether the gradient of
    that input is wanted).  Exactly that is kept alive.  It returns the gradient of each input, a
    tuple where there are several; None stands for zero.

    A rule is written once, for arrays and for Tensors: it uses operators, NumPy-named methods and
    other Functions, and no ``np.*``.  A Function without ``backward`` is not differentiable.

    Attributes
    ----------
    aux : tuple of str
        What ``forward`` returns besides the output.  It must be piecewise constant (winners,
        masks), or come with its formula: a method of the same name over inputs and ``y``, from
        which the engine recomputes it when derivatives of the rule itself are wanted.
    broadcasts : bool
        Inputs broadcast against each other; the engine sums each gradient to its input's shape.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> class Cube(tg.Function):
    ...     def forward(self, x):
    ...         return x**3
    ...     def backward(self, g, x):
    ...         return g * 3 * x**2
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> Cube()(x).backward()
    >>> x.grad.item()
    12.0
    """

    aux: ClassVar[tuple[str, ...]] = ()
    broadcasts: ClassVar[bool] = False
    differentiable: ClassVar[bool] = False
    signature: ClassVar[Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.forward is not Function.forward:
            cls.differentiable = cls.backward is not Function.backward
            cls.signature = Signature.of(cls)

    def forward(self, *inputs: Any) -> Any:
        """Compute the output (and aux) from ndarrays."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def backward(self, g: Value, *values: Any) -> Any:
        """Return the gradients of the inputs, given that of the output."""
        raise NotImplementedError(f"{type(self).__name__}.backward")

    @property
    def attributes(self) -> dict[str, Any]:
        """The static attributes, such as stride or axis, by name."""
        return vars(self)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.attributes.items())
        return f"{type(self).__name__}({shown})"

    def __call__(self, *inputs: Any) -> Any:
        """Apply it: to Tensors and what can become one, or, where no input is one, to arrays."""
        for x in inputs:
            if isinstance(x, Tensor):
                return self.apply(*inputs)
        return self._run(inputs)[0]

    def apply(self, *inputs: Any) -> Tensor:
        """Apply it to Tensors and what can become one."""
        return self._record(inputs)[0]

    def apply_with_aux(self, *inputs: Any) -> tuple[Tensor, ...]:
        """Apply it, and also return its aux values, as Tensors without a gradient."""
        y, aux = self._record(inputs)
        return (y, *(wrap(np.asarray(a)) for a in aux))

    def _record(self, inputs: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
        tensors: Sequence[Tensor | None] = inputs
        for x in inputs:
            if not isinstance(x, Tensor):
                tensors = self._coerce(inputs)
                break
        wanted = False
        arrays: list[Array | None] = []
        for t in tensors:
            if t is None:
                arrays.append(None)
            else:
                arrays.append(t._array)
                wanted = wanted or t._requires_grad
        y, aux = self._run(arrays)
        if type(y) is not np.ndarray:
            y = np.asarray(y)
        if not (wanted and self.differentiable and y.dtype.kind == "f" and _mode.get().grad):
            return wrap(y), aux
        signature = self.signature
        kept = signature.keep((y, *aux, *signature.by_name(arrays))) if signature.kept else ()
        sources = tuple([None if t is None else t._source or source_of(t) for t in tensors])
        return wrap(y, Node(self, sources, kept, y.shape, y.dtype), True), aux

    def _coerce(self, inputs: tuple[Any, ...]) -> list[Tensor | None]:
        for name, x in zip(self.signature.inputs, inputs, strict=False):
            if x is None and name not in self.signature.optional:
                raise TypeError(f"{type(self).__name__}: the operand {name!r} is None")
        return as_tensors(inputs)

    def _run(self, arrays: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        try:
            result = self.forward(*arrays)
        except ValueError as error:
            if self.broadcasts:
                shapes = [np.shape(a) for a in arrays]
                try:
                    np.broadcast_shapes(*shapes)
                except ValueError:
                    raise ValueError(
                        f"{type(self).__name__}: shapes {' and '.join(map(str, shapes))} "
                        "do not broadcast"
                    ) from error
            raise
        return (result[0], result[1:]) if self.aux else (result, ())

"""Function: one operation, with its forward kernel and its local backward rule.

Calling a Function on Tensors records a Node where a gradient is wanted; calling it on plain arrays
only runs its kernel.  What a Node keeps is what the signature of the rule names.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from . import _writes
from ._mode import Scope, current_mode, current_scope
from ._signature import Signature
from ._tensor import Array, Constant, Hooks, Shape, Tensor, as_tensors, wrap

Value: TypeAlias = Any  # an ndarray or a Tensor: a rule is written once for both


# -- the graph -----------------------------------------------------------------------------------


class Node:
    """One recorded operation: the Function, where its inputs came from, and what its rule keeps.

    ``inputs`` holds, in operand order, the Node that made each input, the leaf Tensor itself where
    it requires a gradient, a `Constant`, or None for an optional input that was left out.  All
    of them have a ``shape`` and a ``dtype``.  ``kept`` is None once backward has freed it.
    ``layout`` holds the shapes of several outputs, which are packed into one flat array.
    ``scope`` is the place in a model where the operation was applied.
    """

    __slots__ = (
        *("__weakref__", "dtype", "function", "hooks", "inputs", "kept", "layout", "name"),
        *("scope", "shape", "time"),
    )

    def __init__(
        self,
        function: Function,
        inputs: tuple[Source | None, ...],
        kept: tuple[Any, ...],
        shape: Shape,
        dtype: np.dtype[Any],
        layout: Layout | None,
        scope: Scope | None,
    ) -> None:
        self.function = function
        self.inputs = inputs
        self.kept: tuple[Any, ...] | None = kept
        self.shape = shape
        self.dtype = dtype
        self.layout = layout
        self.scope = scope
        self.name: str | None = None
        self.hooks: Hooks | None = None
        self.time = _writes.clock

    def __str__(self) -> str:
        return type(self.function).__name__


class InertNode(Node):
    """An operation recorded only to be seen, under `record`: no gradient flows through it.

    To the engine it is what a `Constant` is.
    """

    __slots__ = ()


Source: TypeAlias = Node | Tensor | Constant
Layout: TypeAlias = tuple[Shape, ...]


def unpack(flat: Value, layout: Layout) -> tuple[Value, ...]:
    """Take a flat array or Tensor apart into views of the shapes that ``layout`` names."""
    parts, start = [], 0
    for shape in layout:
        stop = start + math.prod(shape)
        parts.append(flat[start:stop].reshape(shape))
        start = stop
    return tuple(parts)


def source_of(tensor: Tensor) -> Source:
    """Return the place of a Tensor in the graph."""
    source = tensor._source
    if source is None:
        if tensor._requires_grad:
            return tensor
        source = tensor._source = Constant(tensor.shape, tensor.dtype, tensor._name)
    return source


def hooks_of(source: Source) -> Hooks | None:
    """Return the hooks on the gradient of a leaf or of a computed Tensor."""
    if isinstance(source, Constant):
        return None
    return source._hooks if isinstance(source, Tensor) else source.hooks


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

    An operation made of smooth pieces tells them apart with ``branch``, which takes what
    ``forward`` takes and returns a tuple of arrays: the sign mask of a ReLU, say.  There is no need
    for it where the choice is an input that is not floating, or an aux, or where all is smooth.

    Attributes
    ----------
    aux : tuple of str
        What ``forward`` returns besides the output.  It must be piecewise constant (winners,
        masks), or come with its formula: a method of the same name over inputs and ``y``, from
        which the engine recomputes it when derivatives of the rule itself are wanted.
    broadcasts : bool
        Inputs broadcast against each other; the engine sums each gradient to its input's shape.
    scatters : bool
        The gradient of the only input is 0 but in a part of it.  Where nobody differentiates it,
        and no hook reads gradients, the engine calls ``add_to(total, g)``, which adds it in place,
        and not the rule: a loop over rows then makes no array of zeros for each row.
    outputs : tuple of str
        The names of several differentiable outputs, of one dtype.  ``forward`` returns them before
        the aux, a call returns a tuple of Tensors, and ``g`` and ``y`` are tuples in the rule.

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
    scatters: ClassVar[bool] = False
    outputs: ClassVar[tuple[str, ...]] = ()
    differentiable: ClassVar[bool] = False
    signature: ClassVar[Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.forward is not Function.forward:
            cls.differentiable = cls.backward is not Function.backward
            cls.signature = Signature.of(cls, cls.branch is not Function.branch)
        if cls.scatters and cls.add_to is Function.add_to:
            raise TypeError(f"{cls.__name__} scatters, so it must have add_to(self, total, g)")

    def forward(self, *inputs: Any) -> Any:
        """Compute the output (and aux) from ndarrays."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def backward(self, g: Value, *values: Any) -> Any:
        """Return the gradients of the inputs, given that of the output."""
        raise NotImplementedError(f"{type(self).__name__}.backward")

    def add_to(self, total: Array, g: Value) -> None:
        """Add to ``total``, in place, what the rule returns, given the gradient of the output."""
        raise NotImplementedError(f"{type(self).__name__}.add_to")

    def branch(self, *inputs: Any) -> tuple[Array, ...]:
        """Return the discrete choices made for these ndarrays, computed anew; () if there are none.

        Where the branches of two evaluations nearby are equal, both lie in one piece, in which the
        value, the rule and its derivatives are smooth.  Not overridden, these are the inputs that
        are not floating (masks, indices, labels) and the aux that are piecewise constant (winners).
        """
        choices = [x for x in inputs if x is not None and x.dtype.kind != "f"]
        constant = [not hasattr(self, name) for name in self.aux]  # the others have a formula
        if any(constant):
            aux = self.forward(*inputs)[len(self.outputs) or 1 :]
            choices += itertools.compress(aux, constant)
        return tuple(choices)

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
        y, _, layout = self._run(inputs)
        return unpack(y, layout) if layout else y

    def apply(self, *inputs: Any) -> Any:
        """Apply it to Tensors and what can become one."""
        try:
            y, _, layout = self._record(inputs)
        except AttributeError:
            if isinstance(self, Function):
                raise
            raise TypeError(  # this way it costs a right call nothing
                "Function.apply was called on a class: make an operation first, with its "
                "attributes if it has any, and then apply it, as in MyFunction()(x)"
            ) from None
        return unpack(y, layout) if layout else y

    def apply_with_aux(self, *inputs: Any) -> tuple[Tensor, ...]:
        """Apply it, and also return its aux values, as Tensors without a gradient."""
        y, aux, layout = self._record(inputs)
        return (*(unpack(y, layout) if layout else (y,)), *(wrap(np.asarray(a)) for a in aux))

    def _record(self, inputs: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...], Layout | None]:
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
        mode = current_mode.get()
        for watcher in mode.watchers:
            watcher.before_forward(self)
        y, aux, layout = self._run(arrays)
        if type(y) is not np.ndarray:
            if isinstance(y, tuple):
                raise TypeError(
                    f"{type(self).__name__}.forward returned a tuple; what it returns besides y "
                    "must have a name, in outputs or aux"
                )
            y = np.asarray(y)
        kind = y.dtype.kind
        if kind not in "fiub":
            raise TypeError(
                f"{type(self).__name__}.forward returned {y.dtype}; a Tensor holds booleans, "
                "integers or real floats"
            )
        wanted = wanted and kind == "f" and self.differentiable and mode.grad
        node = None
        if wanted:
            signature = self.signature
            kept = signature.keep((y, *aux, *signature.by_name(arrays))) if signature.kept else ()
            sources = tuple([None if t is None else t._source or source_of(t) for t in tensors])
            node = Node(self, sources, kept, y.shape, y.dtype, layout, current_scope.get())
        elif mode.everything:
            sources = tuple([None if t is None else source_of(t) for t in tensors])
            node = InertNode(self, sources, (), y.shape, y.dtype, layout, current_scope.get())
        for watcher in mode.watchers:
            watcher.after_forward(self, arrays, y, node)
        return wrap(y, node, wanted), aux, layout

    def _coerce(self, inputs: tuple[Any, ...]) -> list[Tensor | None]:
        for name, x in zip(self.signature.inputs, inputs, strict=False):
            if x is None and name not in self.signature.optional:
                raise TypeError(f"{type(self).__name__}: the operand {name!r} is None")
        # 16777217 > 16777216.5, though not in float32
        return as_tensors(inputs, exact=not self.differentiable)

    def _run(self, arrays: Sequence[Any]) -> tuple[Any, tuple[Any, ...], Layout | None]:
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
        if not (self.outputs or self.aux):
            return result, (), None
        expected = (self.outputs or ("y",)) + self.aux
        if not isinstance(result, tuple) or len(result) != len(expected):
            raise ValueError(f"{type(self).__name__}.forward must return {', '.join(expected)}")
        return self._pack(result) if self.outputs else (result[0], result[1:], None)

    def _pack(self, result: tuple[Any, ...]) -> tuple[Array, tuple[Any, ...], Layout]:
        count = len(self.outputs)
        parts = [np.asarray(part) for part in result[:count]]
        if len({part.dtype for part in parts}) > 1:
            raise ValueError(f"the outputs of {type(self).__name__} must have one dtype")
        flat = np.concatenate([part.reshape(-1) for part in parts])
        return flat, result[count:], tuple(part.shape for part in parts)


def function(
    rule: Callable[..., Any],
    *,
    broadcasts: bool = False,
    aux: tuple[str, ...] = (),
    branch: Callable[..., tuple[Array, ...]] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an operation of two plain functions: the forward one, and its rule.

    What holds for the methods of a `Function` holds for them, without ``self``; an operation with
    attributes needs a class.

    Examples
    --------
    >>> import tinygraph as tg
    >>> @tg.function(lambda g, x: 3 * g * x**2)
    ... def cube(x):
    ...     return x**3
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> tg.grad(cube(x), x).item()
    12.0
    """

    def decorate(forward: Callable[..., Any]) -> Callable[..., Any]:
        members = {
            "__doc__": forward.__doc__,
            "__module__": forward.__module__,
            "forward": staticmethod(forward),
            "backward": staticmethod(rule),
            "broadcasts": broadcasts,
            "aux": aux,
        }
        if branch is not None:
            members["branch"] = staticmethod(branch)
        operation = type(forward.__name__, (Function,), members)()
        return functools.wraps(forward)(lambda *inputs: operation.apply(*inputs))

    return decorate

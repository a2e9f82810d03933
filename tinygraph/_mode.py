"""What is recorded, who watches, and where in a model the operations are applied."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self
from weakref import ref

if TYPE_CHECKING:
    from ._function import Function, Node, Value
    from ._tensor import Array


class Mode(NamedTuple):
    """What is recorded, and who watches; ``outer`` is the mode that comes back after a block."""

    grad: bool = True
    watchers: tuple[FunctionHook, ...] = ()
    everything: bool = False  # record also where no gradient is wanted
    outer: Mode | None = None


current_mode: ContextVar[Mode] = ContextVar("tinygraph_mode", default=Mode())  # noqa: B039 (immutable)


class Block(ContextDecorator):
    """What holds in a ``with`` block or a function; it has no state of its own."""

    def __call__(self, function: Any) -> Any:
        """Decorate a function."""
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(
                f"{function.__name__} is a coroutine or generator function, whose body runs after "
                "the call that is decorated; use a with block inside it"
            )
        return super().__call__(function)


class ModeChange(Block):
    """A change of mode."""

    def _changed(self, mode: Mode) -> Mode:
        raise NotImplementedError

    def __enter__(self) -> Self:
        mode = current_mode.get()
        current_mode.set(self._changed(mode)._replace(outer=mode))
        return self

    def __exit__(self, *exc_info: object) -> None:
        outer = current_mode.get().outer
        assert outer is not None, "left a mode that was never entered"
        current_mode.set(outer)


class _SetGrad(ModeChange):
    def __init__(self, grad: bool) -> None:
        self._grad = grad

    def _changed(self, mode: Mode) -> Mode:
        return mode._replace(grad=self._grad)


def no_grad() -> ModeChange:
    """Record nothing in a ``with`` block, or in a decorated function.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.ones(2, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2).requires_grad
    False
    """
    return _SetGrad(False)


def enable_grad() -> ModeChange:
    """Record again, inside `no_grad`."""
    return _SetGrad(True)


def is_grad_enabled() -> bool:
    """Return whether operations on Tensors that require a gradient are recorded."""
    return current_mode.get().grad


class FunctionHook(ModeChange):
    """Watches the Functions that run in a ``with`` block: subclass it, and override what you need.

    Attributes
    ----------
    reads_gradients : bool
        Whether ``after_backward`` wants what every rule returns.  Where no hook does, it sees None
        for a gradient that `Function.add_to` added to others in place.

    Examples
    --------
    >>> import tinygraph as tg
    >>> class Names(tg.FunctionHook):
    ...     def after_forward(self, function, inputs, output, node):
    ...         print(function, [x.shape for x in inputs], "->", output.shape)
    >>> with Names():
    ...     y = tg.ones((2, 3)).exp().sum()
    Exp() [(2, 3)] -> (2, 3)
    Sum(axis=(0, 1), keepdims=False) [(2, 3)] -> ()
    """

    reads_gradients: ClassVar[bool] = True

    def _changed(self, mode: Mode) -> Mode:
        return mode._replace(watchers=(*mode.watchers, self))

    def before_forward(self, function: Function) -> None:
        """See an operation that is about to run."""

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """See an operation that ran; ``node`` is None where it was not recorded."""

    def before_backward(self, node: Node, g: Value) -> None:
        """See the gradient that arrives at an operation: an array, or a Tensor."""

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """See the gradients, or None, that the rule of an operation returned for its inputs."""


# -- places in a model -----------------------------------------------------------------------------

_serial = itertools.count()


class Scope:
    """A place where operations are applied: one call of a module, or one ``with scope(...)`` block.

    A Scope knows the one around it, and its module only weakly: a graph keeps no model alive.
    """

    __slots__ = ("module", "name", "outer", "path", "serial")

    def __init__(
        self,
        outer: Scope | None,
        name: str,
        path: str | None = None,
        module: ref[Any] | None = None,
    ) -> None:
        self.outer = outer
        self.name = name  # of the block, or of the class of the module
        self.path = path  # of the module in the model it was first made part of; else None
        self.module = module
        self.serial = next(_serial)  # tells in which order scopes were entered


current_scope: ContextVar[Scope | None] = ContextVar("tinygraph_scope", default=None)


class scope(Block):
    """Give the operations in a ``with`` block, or in a decorated function, a place in the graph.

    Every call of a `tinygraph.nn.Module` does so by itself.  Pictures draw a place as a frame that
    can be closed; the ``scope`` of each vertex names the places it is in, outermost first.

    Parameters
    ----------
    name : str

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If it is empty.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.scope("norm"):
    ...     y = (x * x).sum().sqrt()
    >>> [vertex.scope for vertex in tg.graph(y) if vertex.function]
    [('norm',), ('norm',), ('norm',)]
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"scope: the name must be a string, not {type(name).__name__}")
        if not name:
            raise ValueError("scope: the name is empty")
        self._name = name

    def __enter__(self) -> Self:
        current_scope.set(Scope(current_scope.get(), self._name))
        return self

    def __exit__(self, *exc_info: object) -> None:
        left = current_scope.get()
        assert left is not None, "left a scope that was never entered"
        current_scope.set(left.outer)

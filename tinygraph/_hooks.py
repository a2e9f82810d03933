"""Hooks: on the gradients of single Tensors, and the handle that takes any hook away."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ._function import Node, Source, hooks_of
from ._tensor import Array, Hooks, Tensor, as_tensor


class HookHandle:
    """Takes a hook away again: by `remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: dict[Any, Any]) -> None:
        self._hooks = hooks

    def remove(self) -> None:
        """Take the hook away; doing so twice is no error."""
        self._hooks.pop(self, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
    """Call ``hook`` with the gradient of this Tensor whenever a backward pass has computed it.

    Parameters
    ----------
    hook : callable
        Takes the gradient, a Tensor; may return another one of the same shape to go on with.

    Returns
    -------
    HookHandle
        Its ``remove()`` takes the hook away.

    Raises
    ------
    ValueError
        If no gradient flows to this Tensor.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * 3
    >>> handle = y.register_hook(lambda g: g.clip(-1, 1))
    >>> (y * y).sum().backward()
    >>> x.grad.tolist()
    [3.0, 3.0]
    """
    if not callable(hook):
        raise TypeError(f"register_hook: a hook must be callable, not {type(hook).__name__}")
    hooks = _hooks_on("register_hook", tensor)
    handle = HookHandle(hooks)
    hooks[handle] = hook
    for key in [key for key in hooks if not isinstance(key, HookHandle)]:
        hooks[key] = hooks.pop(key)  # what retains gradients comes last
    return handle


def _hooks_on(caller: str, tensor: Tensor) -> Hooks:
    """Return the dict of hooks on the gradient of a Tensor, to which more can be added."""
    if not tensor.requires_grad:
        raise ValueError(f"{caller}: the Tensor requires no gradient")
    if isinstance(tensor._source, Node):
        hooks = tensor._source.hooks = tensor._source.hooks or {}
    else:
        hooks = tensor._hooks = tensor._hooks or {}
    return hooks


def retain_grad(tensor: Tensor) -> None:
    """Let backward accumulate into the ``grad`` of this Tensor, though it was computed.

    It takes the gradient as all hooks have left it.  Leaves have one anyway.

    Raises
    ------
    ValueError
        If no gradient flows to this Tensor.

    Examples
    --------
    >>> import tinygraph as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> y.retain_grad()
    >>> (y * 3).backward()
    >>> y.grad.item(), x.grad.item()
    (3.0, 12.0)
    """
    if tensor.is_leaf and tensor.requires_grad:
        return
    owner = weakref.ref(tensor)  # the graph must not keep the Tensor alive

    def retain(g: Tensor) -> None:
        t = owner()
        if t is not None:
            t._grad = g.clone() if t._grad is None else t._grad + g

    _hooks_on("retain_grad", tensor)[id(tensor)] = retain  # once, however often it is asked for


class Change(NamedTuple):
    """What a hook made of a gradient; ``hook`` is its name, and where it was written."""

    hook: str
    before: Array
    after: Array


class Watched:
    """The users' hooks on some gradients, to be called in their place: it notes what they change.

    Attributes
    ----------
    hooks : dict from Source to Hooks
    changes : dict from Source to list of Change
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.hooks: dict[Source, Hooks] = {}
        self.changes: dict[Source, list[Change]] = {}
        self._names: dict[Source, str] = {}
        for source in sources:
            theirs = {
                handle: hook
                for handle, hook in (hooks_of(source) or {}).items()
                if isinstance(handle, HookHandle)  # and not that of retain_grad
            }
            if theirs:
                self.hooks[source] = {h: self._noting(source, f) for h, f in theirs.items()}
                self._names[source] = " or ".join(map(_described, theirs.values()))

    def compare(self, before: Mapping[Source, Array], after: Mapping[Source, Array]) -> None:
        """Note what the hooks at each place have changed in an earlier backward pass."""
        for source, name in self._names.items():
            if source in before and source in after:
                self.changes[source] = [Change(name, before[source], after[source])]

    def _noting(
        self, source: Source, hook: Callable[[Tensor], Tensor | None]
    ) -> Callable[[Tensor], Tensor | None]:
        def call(g: Tensor) -> Tensor | None:
            before = g.data.copy()
            changed = hook(g)
            after = g.data if changed is None else as_tensor(changed).data
            self.changes.setdefault(source, []).append(Change(_described(hook), before, after))
            return changed

        return call


def _described(hook: Callable[[Tensor], Tensor | None]) -> str:
    """Return the name of a hook, and the line where it was written, as far as there are any."""
    name = getattr(hook, "__qualname__", type(hook).__name__).rpartition("<locals>.")[2]
    code = getattr(hook, "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name

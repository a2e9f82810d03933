"""Hooks on the gradients of single Tensors."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from ._function import Node
from ._tensor import Hooks, Tensor


class HookHandle:
    """Takes a hook away again: by `remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: Hooks) -> None:
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
    if not tensor.requires_grad:
        raise ValueError("register_hook: the Tensor requires no gradient")
    if not callable(hook):
        raise TypeError(f"register_hook: a hook must be callable, not {type(hook).__name__}")
    hooks: Hooks
    if isinstance(tensor._source, Node):
        hooks = tensor._source.hooks = tensor._source.hooks or {}
    else:
        hooks = tensor._hooks = tensor._hooks or {}
    handle = HookHandle(hooks)
    hooks[handle] = hook
    return handle


def retain_grad(tensor: Tensor) -> None:
    """Let backward accumulate into the ``grad`` of this Tensor, though it was computed.

    Leaves have one anyway.

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

    register_hook(tensor, retain)

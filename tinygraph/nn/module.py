"""Module: parameters, buffers and submodules found by the attributes that hold them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self
from weakref import ref

from numpy.typing import DTypeLike

from .._hooks import HookHandle
from .._mode import Scope, current_scope
from .._tensor import Tensor, TensorLike, to_array


class Parameter(Tensor):
    """A Tensor to be learned: it requires a gradient, and a `Module` that holds it lists it.

    Parameters
    ----------
    data : array_like
        Copied, because optimisers write into a parameter.
    requires_grad : bool
    dtype : dtype, optional
        Convert to this dtype.  Default: an array's own; Python floats get the default dtype.
    name : str, optional
        Default: where the first Module that held it stands in the model, such as
        ``conv1.weight``.
    """

    __slots__ = ()

    def __init__(
        self,
        data: TensorLike,
        requires_grad: bool = True,
        *,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(to_array(data, dtype).copy(), requires_grad, name=name)


class IncompatibleKeys(NamedTuple):
    """The names that `Module.load_state_dict` did not find, and those that it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class _Hooks(NamedTuple):
    """What is called around the ``forward`` of one Module, in the order of registration."""

    before: dict[HookHandle, Callable[[Any, tuple[Any, ...]], Any]]
    after: dict[HookHandle, Callable[[Any, tuple[Any, ...], Any], Any]]


class Module:
    """A part of a model: subclass it, assign its parts as attributes, write ``forward``.

    Attributes that are `Parameter`s, Modules, or buffers (`register_buffer`) are found by their
    names, in the order of assignment.  What is held in several places is listed once, by its first
    name.

    Attributes
    ----------
    training : bool
        Whether Dropout drops and BatchNorm follows the batch; set by `train` and `eval`.

    Examples
    --------
    >>> import tinygraph as tg
    >>> class Net(tg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.hidden = tg.nn.Linear(4, 8)
    ...         self.out = tg.nn.Linear(8, 3)
    ...     def forward(self, x):
    ...         return self.out(self.hidden(x).relu())
    >>> net = Net()
    >>> net
    Net(): 67 parameters
      hidden: Linear(in_features=4, out_features=8): 40 parameters
      out: Linear(in_features=8, out_features=3): 27 parameters
    >>> net(tg.ones((2, 4))).shape
    (2, 3)
    >>> [p.name for p in net.parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool
    _buffers: set[str]  # the names of those attributes that are buffers
    _path: str = ""  # where it stands in the model it was first made part of
    _hooks: _Hooks | None = None

    def __init__(self) -> None:
        vars(self).update(training=True, _buffers=set(), _path="", _hooks=None)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)):
            self._require_init(f"assigning {name!r}")
        if isinstance(value, Parameter):
            if value.name is None:
                value.name = _join(self._path, name)
        elif isinstance(value, Module):
            value._place(_join(self._path, name))
        elif value is not None and isinstance(vars(self).get(name), Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter, which {type(value).__name__} would "
                f"replace unseen; assign a Parameter, or values to {name}.data"
            )
        super().__setattr__(name, value)

    def _require_init(self, doing: str) -> None:
        if "_buffers" not in vars(self):
            raise AttributeError(f"{type(self).__name__}: call super().__init__() before {doing}")

    def _place(self, path: str, before: str = "") -> None:
        """Make ``path`` the start of the names below that started with ``before``.

        Others come from elsewhere.
        """
        for name, tensor in self._state().items():
            if tensor.name == _join(before, name):
                tensor.name = _join(path, name)
        for name, module in self.named_modules():
            if module._path == _join(before, name):
                module._path = _join(path, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy it with all below; the copy is part of no model yet, and its names begin anew."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(vars(self), memo))
        for name, module in twin._submodules().items():
            module._place(name)
        twin._place("", before=self._path)
        return twin

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; a subclass defines it, a user calls the module itself."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply it: ``forward``, whose operations then have this module as their scope."""
        outer = current_scope.get()
        current_scope.set(Scope(outer, type(self).__name__, self._path, ref(self)))
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._call_hooked(self._hooks, args, kwargs)
        finally:
            current_scope.set(outer)

    # -- its hooks -------------------------------------------------------------------------------

    def register_forward_pre_hook(self, hook: Callable[[Self, tuple[Any, ...]], Any]) -> HookHandle:
        """Call ``hook(module, args)`` before each ``forward``.

        Parameters
        ----------
        hook : callable
            Takes the module, and the tuple of the positional arguments of the call; may return
            another tuple to go on with, or a single value instead of a tuple of one.

        Returns
        -------
        HookHandle
            Its ``remove()`` takes the hook away.

        Examples
        --------
        >>> import tinygraph as tg
        >>> layer = tg.nn.ReLU()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: -args[0])
        >>> layer(tg.tensor([-1.0, 2.0])).tolist()
        [1.0, 0.0]
        """
        hooks = self._hooks_for("register_forward_pre_hook", hook).before
        handle = HookHandle(hooks)
        hooks[handle] = hook
        return handle

    def register_forward_hook(
        self, hook: Callable[[Self, tuple[Any, ...], Any], Any]
    ) -> HookHandle:
        """Call ``hook(module, args, output)`` after each ``forward``.

        Parameters
        ----------
        hook : callable
            Takes the module, the tuple of the positional arguments of the call, and what
            ``forward`` returned; may return another output to go on with.

        Returns
        -------
        HookHandle
            Its ``remove()`` takes the hook away.

        Examples
        --------
        >>> import tinygraph as tg
        >>> net = tg.nn.Sequential(tg.nn.Linear(3, 5), tg.nn.ReLU(), tg.nn.Linear(5, 2))
        >>> seen = []
        >>> with net[1].register_forward_hook(lambda module, args, y: seen.append(y.shape)):
        ...     y = net(tg.ones((4, 3)))
        >>> seen
        [(4, 5)]
        """
        hooks = self._hooks_for("register_forward_hook", hook).after
        handle = HookHandle(hooks)
        hooks[handle] = hook
        return handle

    def _hooks_for(self, caller: str, hook: object) -> _Hooks:
        if not callable(hook):
            raise TypeError(f"{caller}: a hook must be callable, not {type(hook).__name__}")
        self._hooks = self._hooks or _Hooks({}, {})
        return self._hooks

    def _call_hooked(self, hooks: _Hooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for before in tuple(hooks.before.values()):  # a hook may take itself away
            changed = before(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for after in tuple(hooks.after.values()):
            changed = after(self, args, output)
            if changed is not None:
                output = changed
        return output

    # -- its parts -------------------------------------------------------------------------------

    def register_buffer(self, name: str, value: TensorLike | None) -> None:
        """Hold a copy of ``value`` that is saved with the parameters, but not learned.

        Running statistics are buffers.  None stands for one that is not there.
        """
        self._require_init(f"assigning {name!r}")
        self._buffers.add(name)
        buffer = None
        if value is not None:
            buffer = Tensor(to_array(value).copy(), name=_join(self._path, name))
        setattr(self, name, buffer)

    def _submodules(self) -> dict[str, Module]:
        """Return its own submodules by their names, also the same one twice."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def _walk(self, path: str, seen: set[Module]) -> Iterator[tuple[str, Module]]:
        if self not in seen:
            self._require_init("asking for parts")
            seen.add(self)
            yield path, self
            for name, module in self._submodules().items():
                yield from module._walk(_join(path, name), seen)

    def _tensors(self, wanted: Callable[[Module, str, Any], bool]) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if wanted(module, name, value) and value not in seen:
                    seen.add(value)
                    yield _join(path, name), value

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Iterate over itself, named "", and all modules below, with their dotted names."""
        return self._walk("", set())

    def modules(self) -> Iterator[Module]:
        """Iterate over itself and all modules below."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over its own submodules, with their names."""
        seen = set()
        for name, module in self._submodules().items():
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Iterate over its own submodules."""
        return (module for _, module in self.named_children())

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Iterate over all parameters, with their dotted names."""
        return self._tensors(_is_parameter)

    def parameters(self) -> Iterator[Parameter]:
        """Iterate over all parameters, as an optimiser wants them."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Iterate over all buffers, with their dotted names."""
        return self._tensors(_is_buffer)

    def buffers(self) -> Iterator[Tensor]:
        """Iterate over all buffers."""
        return (buffer for _, buffer in self.named_buffers())

    def num_parameters(self) -> int:
        """Return how many numbers its parameters hold."""
        return sum(parameter.size for parameter in self.parameters())

    # -- its state -------------------------------------------------------------------------------

    def _state(self) -> dict[str, Tensor]:
        return dict(self._tensors(lambda *part: _is_parameter(*part) or _is_buffer(*part)))

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all parameters and buffers, by their dotted names.

        Training goes on without changing them; `tinygraph.save` writes them to a file.
        """
        return {name: Tensor(value.data.copy()) for name, value in self._state().items()}

    def load_state_dict(
        self, state: Mapping[str, TensorLike], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy parameters and buffers from ``state``: all of them, or none where one does not fit.

        Parameters
        ----------
        state : mapping from names to Tensors or arrays
            As `state_dict` returns it.
        strict : bool
            Whether names that are missing or not expected are an error.

        Returns
        -------
        IncompatibleKeys
            The lists ``missing_keys`` and ``unexpected_keys``.

        Raises
        ------
        ValueError
            If a shape or dtype differs or, when strict, a name is missing or not expected.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                "load_state_dict: state must map names to Tensors or arrays, "
                f"not be a {type(state).__name__}"
            )
        own = self._state()
        new = {name: to_array(state[name]) for name in own if name in state}
        missing = [name for name in own if name not in state]
        unexpected = [name for name in state if name not in own]
        problems = [
            f"{name}: expected shape {own[name].shape} and dtype {own[name].dtype}, "
            f"not {array.shape} and {array.dtype}"
            for name, array in new.items()
            if array.shape != own[name].shape or array.dtype != own[name].dtype
        ]
        if strict:
            problems += [f"missing: {name}" for name in missing]
            problems += [f"unexpected: {name}" for name in unexpected]
        if problems:
            raise ValueError(
                f"load_state_dict: the state does not fit this {type(self).__name__}, "
                "nothing was loaded\n  " + "\n  ".join(problems)
            )
        for name, array in new.items():
            own[name].data = array
        return IncompatibleKeys(missing, unexpected)

    # -- what is done to all of it ---------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set it and all modules below to training, or with False to evaluation; return itself."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be True or False, not {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set it and all modules below to evaluation; return itself."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters require a gradient, or with False freeze them; return itself."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call ``fn`` with each module below, then with itself; return itself.

        Examples
        --------
        >>> import tinygraph as tg
        >>> def start_at_zero(module):
        ...     if isinstance(module, tg.nn.Linear):
        ...         tg.nn.init.zeros_(module.bias)
        >>> net = tg.nn.Sequential(tg.nn.Linear(3, 2), tg.nn.ReLU()).apply(start_at_zero)
        >>> net[0].bias.tolist()
        [0.0, 0.0]
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- how it looks ----------------------------------------------------------------------------

    def __repr__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, label: str) -> Iterator[str]:
        shown = ", ".join(
            f"{name}={value!r}"
            for name, value in vars(self).items()
            if not name.startswith("_") and name != "training" and isinstance(value, _PLAIN)
        )
        count = self.num_parameters()
        total = f": {count:,} parameter{'s' * (count != 1)}" if count else ""
        yield f"{label}{type(self).__name__}({shown}){total}"
        for name, module in self._submodules().items():
            yield from (f"  {line}" for line in module._lines(f"{name}: "))


_PLAIN = (bool, int, float, str, tuple, type(None))  # attributes that a repr shows


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _is_parameter(module: Module, name: str, value: Any) -> bool:
    return isinstance(value, Parameter)


def _is_buffer(module: Module, name: str, value: Any) -> bool:
    named = name in module._buffers and isinstance(value, Tensor)
    return named and not isinstance(value, Parameter)

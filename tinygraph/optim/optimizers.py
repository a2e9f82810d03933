"""Optimisers: they move parameters against their gradients.

Each rule is written as its formula, over pieces of the arrays that fit the cache: memory is read
and written once for a step, not once for an operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from .. import _writes
from .._tensor import Array, Tensor, TensorLike, to_array
from ..kernels.threads import PIECE, sweep

Group: TypeAlias = dict[str, Any]  # "params": a list of Tensors, and the options for them
Params: TypeAlias = Iterable[Tensor] | Iterable[Mapping[str, Any]]


class Optimizer:
    """What all optimisers share: parameters in groups, their state, and the walk over them.

    A subclass gives its options to ``__init__``, checks them in ``_check``, says with ``_slots``
    what arrays it keeps for a parameter, and writes its rule in ``_update``.

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        Leaves, such as ``net.parameters()``; those that require no gradient are frozen, and stay
        as they are.  A dict is a group with options of its own: ``{"params": [...], "lr": 0.01}``.
    **options : numbers
        What holds for groups that do not say otherwise.

    Attributes
    ----------
    defaults : dict
        The options of groups that do not say otherwise.
    param_groups : list of dict
        The groups, with all their options; change ``param_groups[0]["lr"]`` to follow a schedule.
    state : dict
        For each parameter that has been stepped, its arrays and its number of steps.

    Raises
    ------
    TypeError, ValueError
        If a parameter is no leaf Tensor, or comes twice; none requires a gradient; or an option is
        unknown or out of its range.
    """

    defaults: Group
    param_groups: list[Group]
    state: dict[Tensor, dict[str, Any]]
    initial_lrs: list[float] | None  # of the groups, when the first scheduler was made

    def __init__(self, params: Params, **options: Any) -> None:
        caller = type(self).__name__
        if isinstance(params, (Tensor, Mapping)) or not isinstance(params, Iterable):
            raise TypeError(
                f"{caller}: params must be an iterable of Tensors or of dicts, such as "
                f"net.parameters(), not a {type(params).__name__}"
            )
        given = list(params)
        groups = given if given and isinstance(given[0], Mapping) else [{"params": given}]
        self.defaults = options
        self.param_groups = []
        self.state = {}
        self.initial_lrs = None
        for group in groups:
            self.param_groups.append(self._group(caller, group))
        _check_params(caller, self._params())

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters, ``{"params": [...]}``, with options of their own or those of the rest.

        Raises
        ------
        TypeError, ValueError
            As when the optimiser is made; and after a scheduler was made, which knows the groups.
        """
        if self.initial_lrs is not None:
            raise ValueError("add_param_group: make schedulers when all groups are there")
        added = self._group("add_param_group", group)
        _check_params("add_param_group", [*self._params(), *added["params"]])
        self.param_groups.append(added)

    def _group(self, caller: str, given: Any) -> Group:
        if not isinstance(given, Mapping) or "params" not in given:
            raise TypeError(f"{caller}: a group must be a dict with 'params', not {given!r}")
        unknown = given.keys() - self.defaults.keys() - {"params"}
        if unknown:
            raise ValueError(
                f"{caller}: unknown option {sorted(unknown)[0]!r} in a group; "
                f"there are {', '.join(self.defaults)}"
            )
        if isinstance(given["params"], Tensor):
            raise TypeError(f"{caller}: 'params' of a group must be a list of Tensors")
        group = {**self.defaults, **given, "params": list(given["params"])}
        for name, value in group.items():
            if isinstance(value, np.generic):  # as a Python number it leaves dtypes alone
                group[name] = value.item()
        if not group["params"]:
            raise ValueError(
                f"{caller}: params is empty; a Module finds parts in its attributes, in ModuleList "
                "and ModuleDict, not in plain lists or dicts"
            )
        self._check(caller, group)
        return group

    def _params(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def _check(self, caller: str, group: Group) -> None:
        """Raise a ValueError if an option is out of its range."""
        raise NotImplementedError

    def _slots(self, group: Group) -> tuple[str, ...]:
        """Return the names of the arrays that are kept for each parameter; they start at zero."""
        raise NotImplementedError

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        """Move a piece of a parameter, in place, by the gradient; ``step`` counts from 1."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in self._params():
            p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            names = self._slots(group)
            for p in group["params"]:
                g = p.grad
                if g is None:
                    continue
                state = self.state.setdefault(p, {"step": 0})
                for name in names:
                    if name not in state:
                        state[name] = np.zeros(p.shape, p.dtype)
                state["step"] += 1
                arrays = p.data, g.data, *[state[name] for name in names]
                _in_pieces(partial(self._update, group, state["step"]), *arrays)
                _writes.log(p.data)

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Tensor]:
        """Return copies of all options and arrays, by name, as `tinygraph.save` wants them.

        The names are ``group.GROUP.OPTION`` and ``param.PARAMETER.ARRAY``, counted from 0.
        """
        state: dict[str, Any] = {}
        for i, group in enumerate(self.param_groups):
            state |= {f"group.{i}.{k}": v for k, v in group.items() if k != "params"}
        for i, p in enumerate(self._params()):
            state |= {f"param.{i}.{k}": v for k, v in self.state.get(p, {}).items()}
        return {name: Tensor(np.array(value)) for name, value in state.items()}

    def load_state_dict(self, state: Mapping[str, TensorLike]) -> None:
        """Take over options and arrays that `state_dict` returned: all, or none where one is wrong.

        Raises
        ------
        ValueError
            If the names, or the shapes or dtypes of the arrays, are not those of this optimiser
            and its parameters.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                "load_state_dict: state must map names to Tensors or arrays, "
                f"not be a {type(state).__name__}"
            )
        arrays = {name: to_array(value) for name, value in state.items()}
        groups = [
            {
                k: v if k == "params" else _option(arrays.pop(f"group.{i}.{k}", None), i, k)
                for k, v in group.items()
            }
            for i, group in enumerate(self.param_groups)
        ]
        for group in groups:
            self._check("load_state_dict", group)
        loaded: dict[Tensor, dict[str, Any]] = {}
        members = [(group, p) for group in groups for p in group["params"]]
        for i, (group, p) in enumerate(members):
            if f"param.{i}.step" in arrays:
                loaded[p] = self._load_slots(group, p, i, arrays)
        if arrays:
            raise ValueError(f"load_state_dict: unexpected: {', '.join(arrays)}")
        for group, new in zip(self.param_groups, groups, strict=True):
            group.update(new)
        self.state = loaded

    def _load_slots(
        self, group: Group, p: Tensor, index: int, arrays: dict[str, Array]
    ) -> dict[str, Any]:
        """Move the state of one parameter out of ``arrays``."""
        state: dict[str, Any] = {"step": int(arrays.pop(f"param.{index}.step"))}
        for name in self._slots(group):
            key = f"param.{index}.{name}"
            array = arrays.pop(key, None)
            if array is None:
                raise ValueError(f"load_state_dict: missing: {key}")
            if array.shape != p.shape or array.dtype != p.dtype:
                raise ValueError(
                    f"load_state_dict: {key}: expected shape {p.shape} and dtype {p.dtype}, "
                    f"not {array.shape} and {array.dtype}"
                )
            state[name] = array.copy()
        return state


def _option(array: Array | None, group: int, name: str) -> Any:
    if array is None:
        raise ValueError(f"load_state_dict: missing: group.{group}.{name}")
    value = array.tolist()
    return tuple(value) if isinstance(value, list) else value


def _check_params(caller: str, params: list[Any]) -> None:
    seen: dict[Tensor, int] = {}
    for i, p in enumerate(params):
        if not isinstance(p, Tensor):
            raise TypeError(f"{caller}: params[{i}] must be a Tensor, not {type(p).__name__}")
        name = "" if p.name is None else f"{p.name!r}, "
        what = f"{caller}: params[{i}] ({name}shape {p.shape})"
        if not p.is_leaf:
            raise ValueError(f"{what} was computed; only leaves can be optimised")
        if not p.data.flags.writeable:
            raise ValueError(f"{what} is read-only")
        if p in seen:
            raise ValueError(f"{what} is params[{seen[p]}] again")
        seen[p] = i
    if not any(p.requires_grad for p in params):
        raise ValueError(f"{caller}: none of the params requires a gradient")


def _in_pieces(update: Callable[..., None], p: Array, *others: Array) -> None:
    """Update arrays of one shape by pieces that fit the cache, on all threads."""
    if p.size <= PIECE or not p.flags.c_contiguous:  # small, or part of a larger array
        update(p, *others)
        return
    flat = [array.reshape(-1) for array in (p, *others)]
    sweep(p.size, lambda piece: update(*(array[piece] for array in flat)))


def _check_range(caller: str, low: float = 0.0, below: float = np.inf, **options: float) -> None:
    for name, value in options.items():
        if not isinstance(value, (int, float)):
            raise TypeError(f"{caller}: {name} must be a number, not {value!r}")
        if not low <= value < below:
            limit = "" if below == np.inf else f" and below {below}"
            raise ValueError(f"{caller}: {name} must be at least {low}{limit}, not {value}")


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    With the gradient g + weight_decay p in place of g, the parameter p moves by::

        b = momentum b + (1 - dampening) g        (b = g in the first step)
        p = p - lr (g + momentum b)               if nesterov
        p = p - lr b                              else

    and without momentum by p = p - lr g.

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        As `Optimizer` takes them.
    lr : float
        The learning rate.
    momentum, dampening, weight_decay : float
    nesterov : bool
        Needs momentum and no dampening.

    Notes
    -----
    Sutskever et al., *On the Importance of Initialization and Momentum in Deep Learning*, 2013, as
    in PyTorch, where lr multiplies the whole step rather than the gradient.

    Examples
    --------
    >>> import tinygraph as tg
    >>> p = tg.tensor(1.0, requires_grad=True)
    >>> optimizer = tg.optim.SGD([p], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (p * p).backward()
    ...     optimizer.step()
    >>> p.item()  # halved three times
    0.125
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    def _check(self, caller: str, group: Group) -> None:
        names = ("lr", "momentum", "weight_decay")
        _check_range(caller, **{name: group[name] for name in names})
        _check_range(caller, low=-np.inf, dampening=group["dampening"])
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise ValueError(f"{caller}: nesterov needs a momentum and no dampening")

    def _slots(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        for b in slots:
            if step == 1:
                b[...] = g
            else:
                b *= group["momentum"]
                b += (1 - group["dampening"]) * g
            g = g + group["momentum"] * b if group["nesterov"] else b
        p -= group["lr"] * g


class Adagrad(Optimizer):
    r"""Steps that shrink for elements whose gradients have been large.

    In step t, with the gradient g + weight_decay p in place of g::

        s = s + g²
        p = p - lr / (1 + (t - 1) lr_decay) g / (√s + eps)

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        As `Optimizer` takes them.
    lr, lr_decay, weight_decay, eps : float

    Notes
    -----
    Duchi, Hazan and Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization*, 2011.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)

    def _check(self, caller: str, group: Group) -> None:
        names = ("lr", "lr_decay", "weight_decay", "eps")
        _check_range(caller, **{name: group[name] for name in names})

    def _slots(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        (s,) = slots
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        s += g * g
        rate = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        p -= rate * g / (np.sqrt(s) + group["eps"])


class RMSprop(Optimizer):
    r"""Steps by the gradient over a running root of its square.

    With the gradient g + weight_decay p in place of g::

        v = alpha v + (1 - alpha) g²
        m = alpha m + (1 - alpha) g               if centered, else m = 0
        b = momentum b + g / (√(v - m²) + eps)
        p = p - lr b

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        As `Optimizer` takes them.
    lr, alpha, eps, weight_decay, momentum : float
    centered : bool
        Divide by the deviation of the gradient, and not by its size.

    Notes
    -----
    Tieleman and Hinton, lecture 6.5 of *Neural Networks for Machine Learning*, 2012; Graves,
    *Generating Sequences With Recurrent Neural Networks*, 2013, for ``centered``.  As in PyTorch,
    eps is added to the root.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def _check(self, caller: str, group: Group) -> None:
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        _check_range(caller, **{name: group[name] for name in names})

    def _slots(self, group: Group) -> tuple[str, ...]:
        mean = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *mean, *(("momentum_buffer",) if group["momentum"] else ()))

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        v, *others = slots
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        v += (1 - group["alpha"]) * (g * g - v)
        size = v
        if group["centered"]:
            m, *others = others
            m += (1 - group["alpha"]) * (g - m)
            size = np.maximum(v - m * m, 0)  # below 0 by rounding, where g is constant
        g = g / (np.sqrt(size) + group["eps"])
        for b in others:
            b *= group["momentum"]
            b += g
            g = b
        p -= group["lr"] * g


class Adam(Optimizer):
    r"""Steps by running means of the gradient and of its square.

    In step t, with the gradient g + weight_decay p in place of g::

        m = β₁ m + (1 - β₁) g
        v = β₂ v + (1 - β₂) g²
        p = p - lr / (1 - β₁ᵗ) m / (√(v / (1 - β₂ᵗ)) + eps)

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        As `Optimizer` takes them.
    lr : float
    betas : pair of floats
        β₁ and β₂.
    eps, weight_decay : float

    Notes
    -----
    Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _check(self, caller: str, group: Group) -> None:
        names = ("lr", "eps", "weight_decay")
        _check_range(caller, **{name: group[name] for name in names})
        betas = group["betas"]
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{caller}: betas must be a pair of numbers, not {betas!r}")
        _check_range(caller, below=1, **{f"betas[{i}]": beta for i, beta in enumerate(betas)})

    def _slots(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p
        _adam(group, step, p, g, *slots)


class AdamW(Adam):
    r"""Adam whose weight decay stays out of the running means.

    In each step p = (1 - lr weight_decay) p, and then `Adam`'s step with the gradient g itself.

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        As `Optimizer` takes them.
    lr : float
    betas : pair of floats
    eps, weight_decay : float

    Notes
    -----
    Loshchilov and Hutter, *Decoupled Weight Decay Regularization*, 2019.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def _update(self, group: Group, step: int, p: Array, g: Array, *slots: Array) -> None:
        p *= 1 - group["lr"] * group["weight_decay"]
        _adam(group, step, p, g, *slots)


def _adam(group: Group, step: int, p: Array, g: Array, m: Array, v: Array) -> None:
    beta1, beta2 = group["betas"]
    t = np.subtract(g, m, out=np.empty_like(p))
    t *= 1 - beta1
    m += t
    np.multiply(g, g, out=t)
    t -= v
    t *= 1 - beta2
    v += t
    root = (1 - beta2**step) ** 0.5  # multiplies both sides of the fraction: one pass less
    np.sqrt(v, out=t)
    t += group["eps"] * root
    np.divide(m, t, out=t)
    t *= group["lr"] * root / (1 - beta1**step)
    p -= t

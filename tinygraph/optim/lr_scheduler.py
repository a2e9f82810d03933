"""Schedules for learning rates: each ``step`` changes the ``lr`` of an optimiser's groups.

Each rule makes the next rate of the present one, as PyTorch's do, so that several schedulers can
work on one optimiser.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from .._tensor import Tensor
from .optimizers import Optimizer


def _python(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


class LRScheduler:
    """What schedulers share: a subclass says with ``_rate`` what the rate of a group becomes.

    Parameters
    ----------
    optimizer : Optimizer
        Its rates are set for the first epoch at once.

    Attributes
    ----------
    last_epoch : int
        How often `step` was called.
    base_lrs : list of float
        The rates of the groups before the first scheduler.

    Raises
    ------
    TypeError
        If ``optimizer`` is none.
    """

    state: ClassVar[tuple[str, ...]] = ("last_epoch", "base_lrs")

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__}: expected an Optimizer, not {type(optimizer).__name__}"
            )
        self.optimizer = optimizer
        if optimizer.initial_lrs is None:
            optimizer.initial_lrs = self.get_last_lr()
        self.base_lrs = list(optimizer.initial_lrs)
        self._restart()

    def _restart(self) -> None:
        """Go back to the first epoch."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.last_epoch = -1
        self.step()

    def _rate(self, group: int, lr: float) -> float:
        """Return the next rate of a group, given the present one; ``last_epoch`` is the next."""
        raise NotImplementedError

    def step(self) -> None:
        """Go on to the next epoch; call it after ``optimizer.step()``."""
        self.last_epoch += 1
        rates = [self._rate(i, lr) for i, lr in enumerate(self.get_last_lr())]
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr

    def get_last_lr(self) -> list[float]:
        """Return the present rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Tensor]:
        """Return what changes from step to step, as `tinygraph.save` wants it.

        The rates themselves are part of the optimiser's ``state_dict``.
        """
        return {name: Tensor(np.array(getattr(self, name))) for name in self.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, of a scheduler made with the same options.

        Raises
        ------
        ValueError
            If the names are not those of this scheduler.
        """
        if set(state) != set(self.state_dict()):
            raise ValueError(
                f"load_state_dict: expected {', '.join(self.state_dict())}, "
                f"not {', '.join(map(str, state))}"
            )
        for name in self.state:
            setattr(self, name, _python(state[name]))


def _check_positive(caller: str, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{caller}: {name} must be an integer of at least 1, not {value!r}")


class LambdaLR(LRScheduler):
    """The first rate times a function of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
    lr_lambda : function of an int, or a list of one for each group

    Examples
    --------
    >>> import tinygraph as tg
    >>> optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
    ) -> None:
        groups = len(getattr(optimizer, "param_groups", ()))
        given = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(given) != groups:
            raise ValueError(f"LambdaLR: expected {groups} functions, not {len(given)}")
        self.lr_lambdas = given
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        return self.base_lrs[group] * self.lr_lambdas[group](self.last_epoch)


class StepLR(LRScheduler):
    """The rate times ``gamma`` every ``step_size`` epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _check_positive("StepLR", step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        falls = self.last_epoch and self.last_epoch % self.step_size == 0
        return lr * self.gamma if falls else lr


class MultiStepLR(LRScheduler):
    """The rate times ``gamma`` at each of the epochs ``milestones``."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = Counter(milestones), gamma
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        times = self.milestones[self.last_epoch]
        return lr * self.gamma**times if times else lr


class ExponentialLR(LRScheduler):
    """The rate times ``gamma`` every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        return lr * self.gamma if self.last_epoch else lr


class LinearLR(LRScheduler):
    """The first rate times a factor that goes, in ``total_iters`` epochs, from start to end.

    Raises
    ------
    ValueError
        If ``start_factor`` is not above 0 and at most 1, or ``end_factor`` not from 0 to 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR: start_factor must be in (0, 1], not {start_factor}")
        if not 0 <= end_factor <= 1:
            raise ValueError(f"LinearLR: end_factor must be from 0 to 1, not {end_factor}")
        _check_positive("LinearLR", total_iters=total_iters)
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self.last_epoch > self.total_iters:
            return lr
        change = self.end_factor - self.start_factor
        now, before = (
            self.total_iters * self.start_factor + epoch * change
            for epoch in (self.last_epoch, self.last_epoch - 1)
        )
        return lr * (now / before)  # exactly 0 at the end of a fall to 0


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first rate down to ``eta_min`` in ``T_max`` epochs, and up again.

    Notes
    -----
    Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _check_positive("CosineAnnealingLR", T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def _rate(self, group: int, lr: float) -> float:
        epoch, half = self.last_epoch, self.T_max
        if epoch == 0:
            return lr
        if (epoch - 1 - half) % (2 * half) == 0:  # from the bottom, where the ratio is 0 / 0
            return lr + (self.base_lrs[group] - self.eta_min) * (1 - math.cos(math.pi / half)) / 2
        ratio = (1 + math.cos(math.pi * epoch / half)) / (
            1 + math.cos(math.pi * (epoch - 1) / half)
        )
        return ratio * (lr - self.eta_min) + self.eta_min


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to a fraction of where it began.

    The momentum (for Adam β₁) goes the other way.  Step it after every batch.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float, or a list of one for each group
    total_steps : int, optional
        Of the whole cycle; or ``epochs`` times ``steps_per_epoch``.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The part of the steps that goes up.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
    base_momentum, max_momentum : float
    div_factor : float
    final_div_factor : float
        What the first rate is divided by at the end.
    three_phase : bool
        Whether to come down as it went up, before the last descent.

    Raises
    ------
    ValueError
        If an option is out of its range, the optimiser has no momentum to cycle, or there are
        more steps than ``total_steps``.

    Notes
    -----
    Smith and Topin, *Super-Convergence*, 2018.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        _check_positive("OneCycleLR", total_steps=total_steps)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"OneCycleLR: pct_start must be from 0 to 1, not {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"OneCycleLR: anneal_strategy must be 'cos' or 'linear', not {anneal_strategy!r}"
            )
        groups = getattr(optimizer, "param_groups", [])
        if cycle_momentum and any("momentum" not in g and "betas" not in g for g in groups):
            raise ValueError("OneCycleLR: the optimizer has no momentum for cycle_momentum")
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        tops = [max_lr] * len(groups) if isinstance(max_lr, (int, float)) else list(max_lr)
        if len(tops) != len(groups):
            raise ValueError(f"OneCycleLR: expected {len(groups)} rates max_lr, not {len(tops)}")
        peak = pct_start * total_steps - 1
        ends = (
            [0.0, peak, 2 * peak, total_steps - 1] if three_phase else [0.0, peak, total_steps - 1]
        )
        middle = [1 / div_factor] if three_phase else []
        factors = [1 / div_factor, 1.0, *middle, 1 / div_factor / final_div_factor]
        self._rates = [list(zip(ends, (top * f for f in factors), strict=True)) for top in tops]
        momenta = [max_momentum, base_momentum, max_momentum, max_momentum]
        self._momenta = list(zip(ends, momenta[: len(ends)], strict=True))
        super().__init__(optimizer)

    def _between(self, points: list[tuple[float, float]]) -> float:
        """Return the value of the present step on the curve through points (step, value)."""
        legs = list(pairwise(points))
        (start, low), (end, high) = next(
            (leg for leg in legs if self.last_epoch <= leg[1][0]), legs[-1]
        )
        part = (self.last_epoch - start) / (end - start)
        if self.anneal_strategy == "linear":
            return low + (high - low) * part
        return high + (low - high) / 2 * (1 + math.cos(math.pi * part))

    def _rate(self, group: int, lr: float) -> float:
        return self._between(self._rates[group])

    def step(self) -> None:
        """Go on to the next step."""
        if self.last_epoch + 1 > self.total_steps:
            raise ValueError(f"OneCycleLR: the cycle has only {self.total_steps} steps")
        super().step()
        if self.cycle_momentum:
            momentum = self._between(self._momenta)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class SequentialLR(LRScheduler):
    """One scheduler after another: each starts, from its first epoch, at its milestone.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of LRSchedulers of that optimiser
    milestones : list of int, one less

    Raises
    ------
    ValueError
        If there is not one milestone less, or a scheduler is for another optimiser.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"SequentialLR: {len(schedulers)} schedulers need {len(schedulers) - 1} "
                f"milestones, not {len(milestones)}"
            )
        if any(scheduler.optimizer is not optimizer for scheduler in schedulers):
            raise ValueError("SequentialLR: every scheduler must be for this optimizer")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def step(self) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        current = self.schedulers[bisect_right(self.milestones, self.last_epoch)]
        if self.last_epoch == 0 or self.last_epoch in self.milestones:
            current._restart()
        else:
            current.step()

    def state_dict(self) -> dict[str, Tensor]:
        """Return what changes from step to step, of itself and of its schedulers."""
        state = super().state_dict()
        for i, scheduler in enumerate(self.schedulers):
            state |= {f"{i}.{name}": value for name, value in scheduler.state_dict().items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        super().load_state_dict(state)
        for i, scheduler in enumerate(self.schedulers):
            own = scheduler.state_dict()
            scheduler.load_state_dict({name: state[f"{i}.{name}"] for name in own})


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when a metric has not improved for more than ``patience`` epochs.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {"min", "max"}
        What improves: a metric that falls, or one that rises.
    factor : float
        Below 1.
    patience : int
    threshold : float
        By how much a metric must change to count as improved.
    threshold_mode : {"rel", "abs"}
        Whether that is relative to the best so far.
    cooldown : int
        How many epochs to wait after each reduction.
    min_lr : float, or a list of one for each group
    eps : float
        A smaller reduction is left out.

    Raises
    ------
    ValueError
        If an option is out of its range.
    """

    state = ("last_epoch", "base_lrs", "best", "num_bad_epochs", "cooldown_counter")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, not {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"ReduceLROnPlateau: mode must be 'min' or 'max', not {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"ReduceLROnPlateau: threshold_mode must be 'rel' or 'abs', not {threshold_mode!r}"
            )
        groups = len(getattr(optimizer, "param_groups", ()))
        self.min_lrs = [min_lr] * groups if isinstance(min_lr, (int, float)) else list(min_lr)
        if len(self.min_lrs) != groups:
            raise ValueError(f"ReduceLROnPlateau: expected {groups} rates min_lr, not {min_lr}")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.patience, self.threshold = factor, patience, threshold
        self.cooldown, self.eps = cooldown, eps
        super().__init__(optimizer)

    def _restart(self) -> None:
        self.last_epoch = 0
        self.best = math.inf if self.mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def _improved(self, metric: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * metric < sign * self.best * (1 - sign * self.threshold)
        return sign * metric < sign * self.best - self.threshold

    def _rate(self, group: int, lr: float) -> float:
        new = max(lr * self.factor, self.min_lrs[group])
        return new if lr - new > self.eps else lr

    def step(self, metrics: float | Tensor) -> None:  # type: ignore[override]
        """Go on to the next epoch, given the metric of this one."""
        metric = float(metrics)
        if self._improved(metric):
            self.best = metric
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            super().step()
        else:
            self.last_epoch += 1

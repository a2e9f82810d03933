"""Learning rates against PyTorch's, step by step."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.optim import lr_scheduler

STEPS = 25
SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 3, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 6, eta_min=0.01),
    "CosineAnnealingLR of one": lambda s, o: s.CosineAnnealingLR(o, 1),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 0.9**epoch),
    "LambdaLR, one each": lambda s, o: s.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: 2.0]),
    "LinearLR": lambda s, o: s.LinearLR(o),
    "LinearLR down": lambda s, o: s.LinearLR(o, 1.0, 0.1, 7),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=STEPS),
    "OneCycleLR, options": lambda s, o: s.OneCycleLR(
        o,
        [0.5, 0.2],
        epochs=5,
        steps_per_epoch=5,
        pct_start=0.4,
        anneal_strategy="linear",
        div_factor=10.0,
        final_div_factor=100.0,
    ),
    "OneCycleLR, three phases": lambda s, o: s.OneCycleLR(o, 0.5, STEPS, three_phase=True),
    "OneCycleLR without momentum": lambda s, o: s.OneCycleLR(o, 0.5, STEPS, cycle_momentum=False),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, total_iters=4), s.StepLR(o, 2, 0.5), s.ExponentialLR(o, 0.8)],
        [4, 11],
    ),
    "warm-up, then a cosine": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.CosineAnnealingLR(o, 15)], [4]
    ),
}


def optimizers(torch, kind="SGD"):
    """Return the same optimiser, of two groups, in both libraries."""
    options = dict(momentum=0.9) if kind == "SGD" else {}
    made = []
    for library in (tg, torch):
        params = [library.ones(1, requires_grad=True) for _ in range(2)]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.05}]
        made.append(getattr(library.optim, kind)(groups, lr=0.4, **options))
    return made


def momenta(optimizer):
    return [g["betas"][0] if "betas" in g else g["momentum"] for g in optimizer.param_groups]


def assert_same(ours, theirs, schedule, expected):
    np.testing.assert_allclose(schedule.get_last_lr(), expected.get_last_lr(), rtol=1e-12)
    np.testing.assert_allclose(
        [g["lr"] for g in ours.param_groups], [g["lr"] for g in theirs.param_groups], rtol=1e-12
    )
    np.testing.assert_allclose(momenta(ours), momenta(theirs), rtol=1e-12)


@pytest.mark.filterwarnings("ignore")  # of PyTorch, whose optimiser takes no steps here
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_as_pytorch(torch, name, kind):
    ours, theirs = optimizers(torch, kind)
    schedule = SCHEDULES[name](lr_scheduler, ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
        assert_same(ours, theirs, schedule, expected)
        for _ in range(STEPS - 1):
            schedule.step()
            expected.step()
            assert_same(ours, theirs, schedule, expected)
            assert schedule.last_epoch == expected.last_epoch


@pytest.mark.filterwarnings("ignore")
def test_two_schedulers_on_one_optimizer(torch):
    ours, theirs = optimizers(torch)
    pairs = []
    for name in ("StepLR", "ExponentialLR", "CosineAnnealingLR"):
        pairs.append(
            (SCHEDULES[name](lr_scheduler, ours), SCHEDULES[name](torch.optim.lr_scheduler, theirs))
        )
    for _ in range(STEPS):
        for schedule, expected in pairs:
            schedule.step()
            expected.step()
        np.testing.assert_allclose(
            [g["lr"] for g in ours.param_groups], [g["lr"] for g in theirs.param_groups]
        )


METRICS = [1.0, 0.9, 0.89, 0.9, 0.91, 0.899, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, np.nan, 0.6, 0.4, 0.39]


@pytest.mark.parametrize(
    "options",
    [
        dict(patience=1),
        dict(patience=0, factor=0.5, cooldown=2),
        dict(mode="max", patience=1, threshold=0.1),
        dict(patience=1, threshold=0.05, threshold_mode="abs"),
        dict(mode="max", patience=0, threshold=0.05, threshold_mode="abs", min_lr=[0.01, 0.02]),
        dict(patience=0, factor=0.9, eps=0.01),
    ],
    ids=str,
)
def test_plateaus_as_pytorch(torch, options):
    ours, theirs = optimizers(torch)
    schedule = lr_scheduler.ReduceLROnPlateau(ours, **options)
    expected = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for metric in METRICS:
        schedule.step(tg.tensor(metric, dtype="float64"))
        expected.step(metric)
        assert_same(ours, theirs, schedule, expected)
        for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            assert getattr(schedule, name) == getattr(expected, name), name


# -- going on from a saved state -----------------------------------------------------------------


def walk(schedule, n):
    rates = []
    for i in range(n):
        if isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
            schedule.step(METRICS[i])
        else:
            schedule.step()
        rates.append(schedule.get_last_lr())
    return rates


PLATEAU = {"ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, patience=1)}


@pytest.mark.parametrize("name", {**SCHEDULES, **PLATEAU})
def test_state_goes_to_a_file_and_back(torch, tmp_path, name):
    make = {**SCHEDULES, **PLATEAU}[name]
    first, _ = optimizers(torch)
    schedule = make(lr_scheduler, first)
    walk(schedule, 6)
    tg.save(schedule.state_dict(), tmp_path / "schedule.npz")
    tg.save(first.state_dict(), tmp_path / "optimizer.npz")
    expected = walk(schedule, 8)
    second, _ = optimizers(torch)
    again = make(lr_scheduler, second)
    again.load_state_dict(tg.load(tmp_path / "schedule.npz"))
    second.load_state_dict(tg.load(tmp_path / "optimizer.npz"))
    assert walk(again, 8) == expected


def test_training_follows_the_schedule():
    p = tg.tensor(1.0, requires_grad=True)
    optimizer = tg.optim.SGD([p], lr=0.5)
    schedule = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        (p * 1).backward()
        optimizer.step()
        schedule.step()
    assert p.item() == 1 - 0.5 - 0.25 - 0.125


# -- mistakes ------------------------------------------------------------------------------------


def sgd(**options):
    return tg.optim.SGD([tg.ones(1, requires_grad=True)], 0.1, **options)


S = lr_scheduler
MISTAKES = [
    (lambda: S.StepLR("sgd", 2), TypeError, "StepLR: expected an Optimizer, not str"),
    (lambda: S.StepLR(sgd(), 0), ValueError, "StepLR: step_size .* not 0"),
    (lambda: S.StepLR(sgd(), True), ValueError, "StepLR: step_size .* not True"),
    (lambda: S.LambdaLR(sgd(), [abs, abs]), ValueError, "LambdaLR: expected 1 functions, not 2"),
    (lambda: S.CosineAnnealingLR(sgd(), 0), ValueError, "CosineAnnealingLR: T_max .* not 0"),
    (lambda: S.LinearLR(sgd(), 0.0), ValueError, "LinearLR: start_factor"),
    (lambda: S.LinearLR(sgd(), 0.5, 2.0), ValueError, "LinearLR: end_factor"),
    (lambda: S.OneCycleLR(sgd(), 1.0), ValueError, "OneCycleLR: give total_steps"),
    (lambda: S.OneCycleLR(sgd(), 1.0, 10, pct_start=2.0), ValueError, "OneCycleLR: pct_start"),
    (lambda: S.OneCycleLR(sgd(), 1.0, 10, anneal_strategy="x"), ValueError, "anneal_strategy"),
    (lambda: S.OneCycleLR(sgd(), [1.0, 2.0], 10), ValueError, "expected 1 rates max_lr, not 2"),
    (
        lambda: S.OneCycleLR(tg.optim.Adagrad([tg.ones(1, requires_grad=True)]), 1.0, 10),
        ValueError,
        "OneCycleLR: the optimizer has no momentum",
    ),
    (lambda: walk(S.OneCycleLR(sgd(), 1.0, 3), 9), ValueError, "the cycle has only 3 steps"),
    (lambda: S.ReduceLROnPlateau(sgd(), factor=1.0), ValueError, "factor must be below 1"),
    (lambda: S.ReduceLROnPlateau(sgd(), "less"), ValueError, "mode must be .* 'less'"),
    (lambda: S.ReduceLROnPlateau(sgd(), threshold_mode="x"), ValueError, "threshold_mode"),
    (lambda: S.ReduceLROnPlateau(sgd(), min_lr=[0.1, 0.1]), ValueError, "expected 1 rates min_lr"),
    (lambda: S.SequentialLR(sgd(), [], []), ValueError, "SequentialLR: 0 schedulers"),
    (
        lambda: S.SequentialLR(sgd(), [S.ExponentialLR(sgd(), 0.9)], []),
        ValueError,
        "SequentialLR: every scheduler must be for this optimizer",
    ),
    (
        lambda: S.StepLR(sgd(), 2).load_state_dict({"last_epoch": 1}),
        ValueError,
        "load_state_dict: expected last_epoch, base_lrs, not last_epoch",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), MISTAKES)
def test_mistakes(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("start", [1.0, 1 / 3, 0.1])
def test_a_fall_to_zero_ends_at_zero_and_can_be_saved(start):
    for epochs in range(1, 60):
        optimizer = tg.optim.SGD([tg.ones(1, requires_grad=True)], lr=1e-3)
        schedule = lr_scheduler.LinearLR(optimizer, start, 0.0, epochs)
        for _ in range(epochs):
            schedule.step()
        assert optimizer.param_groups[0]["lr"] == 0
        optimizer.load_state_dict(optimizer.state_dict())

"""The same computation by somebody else: a NumPy callable, or PyTorch with its gradients."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._agreement import Expected, coarsest
from ._relations import raised
from ._report import Array, Finding, Report, name_of
from ._structure import map_leaves
from ._subject import Subject

__tracebackhide__ = True  # pytest shows the user's lines


def differential(
    f: Callable[..., Any],
    reference: Callable[..., Any],
    *inputs: Any,
    torch: bool | None = None,
    seed: int = 0,
) -> Report:
    """Compare values with those of a NumPy callable; or values and gradients with PyTorch.

    The reference computes in float64, at the values of ``inputs``; how far the results may differ
    follows from their dtype, and from how much a rounding of the inputs changes them.

    Parameters
    ----------
    f : callable
        Takes ``inputs``, and returns a Tensor or several.
    reference : callable
        Takes the same with ndarrays, or ``torch.Tensor`` objects, for the Tensors.
    *inputs
        Tensors, arrays, and what nests them.
    torch : bool, optional
        Whether the reference is PyTorch's.  Default: if its module is part of PyTorch.
    seed : int
        Of the random cotangents, for PyTorch.

    Raises
    ------
    GradientError
        If they differ by more than rounding does.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import differential
    >>> differential(tg.logsumexp, lambda x: np.log(np.exp(x).sum()), np.array([1.0, 2.0])).verdict
    'passed'
    """
    if torch is None:
        torch = (getattr(reference, "__module__", None) or "").split(".")[0] == "torch"
    subject = Subject(f, inputs)
    if torch:
        findings = _against_torch(subject, reference, seed)
    else:
        findings = value_findings(subject, reference, subject.arrays)
    return raised(Report(f"{name_of(f)} against {name_of(reference)}", tuple(findings)))


def value_findings(
    subject: Subject, reference: Callable[..., Any], arrays: Sequence[Array], finite: bool = False
) -> list[Finding]:
    """Compare values with those of a NumPy callable at other arrays; or only finite ones."""
    actual = subject.values(arrays)

    def results(*xs: Array) -> list[Array]:
        with np.errstate(all="ignore"):
            return [np.asarray(y) for y in _flat(reference(*subject.nested(xs)))]

    expected = Expected.of(results, _doubles(arrays), coarsest([*arrays, *actual]))
    if finite and [y.shape for y in actual] == [y.shape for y in expected.results]:
        known = [
            np.where(np.isfinite(y), y, a) for y, a in zip(expected.results, actual, strict=True)
        ]
        expected = Expected(known, expected.allowed)
    names = [f"output {k}" for k in range(len(expected.results))]
    return expected.compare("value", names, actual)


def _doubles(arrays: Sequence[Array]) -> list[Array]:
    return [a.astype(np.float64) if a.dtype.kind == "f" else a.copy() for a in arrays]


def _flat(result: Any) -> list[Any]:
    found: list[Any] = []
    map_leaves(result, "", lambda _, value: found.append(value))
    return found


def _against_torch(subject: Subject, reference: Callable[..., Any], seed: int) -> list[Finding]:
    torch = importlib.import_module("torch")  # where there is PyTorch
    arrays = subject.arrays
    cotangents = subject.cotangents(np.random.default_rng(seed), arrays)
    count = len(arrays)

    def results(*given: Array) -> list[Array]:
        xs = [
            torch.tensor(np.ascontiguousarray(a), requires_grad=a.dtype.kind == "f")
            for a in given[:count]
        ]
        ys = _flat(reference(*subject.nested(xs)))
        vs = map(torch.tensor, given[count:])
        live = [(y, v) for y, v in zip(_floats(ys), vs, strict=True) if y.requires_grad]
        floating = [xs[i] for i in subject.floating]
        gradients = [None] * len(floating)
        if live:
            outputs, seeds = zip(*live, strict=True)
            gradients = torch.autograd.grad(outputs, floating, seeds, allow_unused=True)
        return [
            *(y.detach().numpy() for y in ys),
            *(
                np.zeros(x.shape) if g is None else g.numpy()
                for x, g in zip(floating, gradients, strict=True)
            ),
        ]

    actual = subject.everything(arrays, cotangents)
    doubles = [*_doubles(arrays), *_doubles(cotangents)]
    expected = Expected.of(results, doubles, coarsest([*arrays, *actual]))
    outputs = [f"output {k}" for k in range(len(expected.results) - len(subject.floating))]
    values = Expected(expected.results[: len(outputs)], expected.allowed[: len(outputs)])
    gradients = Expected(expected.results[len(outputs) :], expected.allowed[len(outputs) :])
    names = [f"input {subject.names[i]} of shape {arrays[i].shape}" for i in subject.floating]
    found = values.compare("value", outputs, actual[: len(outputs)])
    return found + gradients.compare("gradient", names, actual[len(outputs) :])


def _floats(ys: Sequence[Any]) -> list[Any]:
    return [y for y in ys if y.dtype.is_floating_point]

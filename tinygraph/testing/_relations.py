"""Relations that must hold between values, and between gradients, of the same or other functions.

They need no derivative by differences: what is computed in two ways must agree to within rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygraph as tg

from ._agreement import Expected, coarsest
from ._report import Array, Finding, GradientError, Report, name_of
from ._structure import map_leaves
from ._subject import Subject

__tracebackhide__ = True  # pytest shows the user's lines


def equivalent(f: Callable[..., Any], g: Callable[..., Any], *inputs: Any, seed: int = 0) -> Report:
    """Require two functions to have the same values, and the same gradients.

    Parameters
    ----------
    f, g : callable
        Take ``inputs``, and return a Tensor or several.
    *inputs
        Tensors, arrays, Modules, and what nests them.
    seed : int
        Of the random cotangents.

    Raises
    ------
    GradientError
        If they differ by more than rounding does.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import equivalent
    >>> x = np.array([[1.0, 2.0], [3.0, 5.0]])
    >>> equivalent(lambda x: tg.softmax(x).log(), tg.log_softmax, x).verdict
    'passed'
    """
    named_by = f.forward if isinstance(f, tg.nn.Module) else f  # parameters are not in common
    findings = _related(f, g, named_by, inputs, seed)
    return raised(Report(f"{name_of(f)} and {name_of(g)}", tuple(findings)))


def invariant(
    f: Callable[..., Any], transform: Callable[..., Any], *inputs: Any, seed: int = 0
) -> Report:
    """Require ``f(*transform(*inputs))`` to be ``f(*inputs)``, and its gradients to be the same.

    Parameters
    ----------
    f : callable
        Takes ``inputs``, and returns a Tensor or several.
    transform : callable
        Takes Tensors for ``inputs``, and returns as many: a tuple, where there are several.
    *inputs
        Tensors, arrays, Modules, and what nests them.
    seed : int
        Of the random cotangents.

    Raises
    ------
    GradientError
        If values or gradients change by more than rounding does.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import invariant
    >>> invariant(tg.softmax, lambda x: x + 3, np.array([1.0, 2.0, 4.0])).verdict
    'passed'
    """

    def transformed(*xs: Any) -> Any:
        return f(*_several(transform(*xs)))

    name = f"{name_of(f)} under {name_of(transform)}"
    return raised(Report(name, tuple(_related(transformed, f, f, inputs, seed))))


def equivariant(
    f: Callable[..., Any],
    transform_in: Callable[..., Any],
    transform_out: Callable[..., Any],
    *inputs: Any,
    seed: int = 0,
) -> Report:
    """Require ``f(*transform_in(*inputs))`` to be ``transform_out(f(*inputs))``, and the gradients.

    Parameters
    ----------
    f : callable
        Takes ``inputs``, and returns a Tensor or several.
    transform_in : callable
        Takes Tensors for ``inputs``, and returns as many: a tuple, where there are several.
    transform_out : callable
        Takes what ``f`` returns.
    *inputs
        Tensors, arrays, Modules, and what nests them.
    seed : int
        Of the random cotangents.

    Raises
    ------
    GradientError
        If values or gradients differ by more than rounding does.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import equivariant
    >>> flip = lambda x: x[::-1]
    >>> equivariant(tg.relu, flip, flip, np.array([1.0, -2.0, 4.0])).verdict
    'passed'
    """

    def before(*xs: Any) -> Any:
        return f(*_several(transform_in(*xs)))

    def after(*xs: Any) -> Any:
        return transform_out(f(*xs))

    name = f"{name_of(f)} after {name_of(transform_in)}"
    return raised(Report(name, tuple(_related(before, after, f, inputs, seed))))


def additive_over_batch(f: Callable[..., Any], *inputs: Any, seed: int = 0) -> Report:
    """Require ``f`` of a batch to be the sum of ``f`` of its two halves, and the gradients.

    That is so for losses which are summed, not averaged, and without statistics of the batch.

    Parameters
    ----------
    f : callable
        Takes ``inputs``, and returns a Tensor or several.
    *inputs
        Tensors or arrays, and what nests them, all with the batch as their first axis.
    seed : int
        Of the random cotangents.

    Raises
    ------
    GradientError
        If they differ by more than rounding does.
    ValueError
        If there are not two examples, or not as many in each input.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> from tinygraph.testing import additive_over_batch
    >>> logits, labels = np.eye(4, 3), np.array([0, 2, 1, 1])
    >>> loss = lambda x, t: tg.cross_entropy(x, t, reduction="sum")
    >>> additive_over_batch(loss, logits, labels).verdict
    'passed'
    """
    sizes = {a.shape[0] if a.ndim else 0 for a in Subject(f, inputs).arrays}
    if len(sizes) != 1 or min(sizes) < 2:
        raise ValueError(
            "additive_over_batch: expected inputs with the same number of examples, at least 2, "
            f"not {sorted(sizes)}"
        )
    half = sizes.pop() // 2

    def split(*xs: Any) -> Any:
        parts = (slice(None, half), slice(half, None))
        first, second = (_several(f(*(_taken(x, part) for x in xs))) for part in parts)
        return tuple(a + b for a, b in zip(first, second, strict=True))

    return raised(Report(name_of(f), tuple(_related(f, split, f, inputs, seed))))


def _taken(nested: Any, part: slice) -> Any:
    def take(name: str, value: Any) -> Any:
        return value[part] if isinstance(value, (tg.Tensor, np.ndarray)) else value

    return map_leaves(nested, "", take)


def _several(result: Any) -> Sequence[Any]:
    return result if isinstance(result, (tuple, list)) else (result,)


def _related(
    f: Callable[..., Any],
    g: Callable[..., Any],
    named_by: Callable[..., Any],
    inputs: Sequence[Any],
    seed: int,
) -> list[Finding]:
    """Compare values, and gradients where there are any."""
    ours, theirs = (Subject(each, inputs, named_by) for each in (f, g))
    arrays = ours.arrays
    shapes, expected = ([y.shape for y in s.values(arrays)] for s in (ours, theirs))
    if shapes != expected:
        message = f"the shapes are {shapes}, expected {expected}"
        return [Finding("value", "the results", "failed", message)]
    outputs = [f"output {k}" for k in range(len(shapes))]
    dtype = coarsest([*arrays, *theirs.values(arrays)])
    values = Expected.of(
        lambda *xs: theirs.values(xs), arrays, dtype, [lambda *xs: ours.values(xs)]
    ).compare("value", outputs, ours.values(arrays))
    if not any(y.requires_grad for y in theirs.run(arrays).ys):
        return values
    cotangents = theirs.cotangents(np.random.default_rng(seed), arrays)
    count = len(arrays)

    def gradients(subject: Subject, *given: Array) -> list[Array]:
        return subject.gradients(given[:count], given[count:])

    found = gradients(ours, *arrays, *cotangents)
    names = [f"input {ours.names[i]} of shape {arrays[i].shape}" for i in ours.floating]
    given = [*arrays, *cotangents]
    wanted = Expected.of(
        lambda *xs: gradients(theirs, *xs), given, dtype, [lambda *xs: gradients(ours, *xs)]
    )
    return values + wanted.compare("gradient", names, found)


def raised(report: Report) -> Report:
    """Return a report without failures; raise one that has some."""
    if report.failures:
        raise GradientError(report)
    return report

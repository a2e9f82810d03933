"""What every operation owes to its surroundings, whatever it computes.

Each contract is a function that yields a sentence for everything that is wrong.
"""

from __future__ import annotations

import gc
import itertools
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import tinygraph as tg

from ._agreement import Expected
from ._graph_contracts import GRAPH_CONTRACTS
from ._guard import Guard
from ._point import Point, copies, differing, told
from ._report import Array, Finding
from ._subject import Run, Subject


def contracts(
    f: Callable[..., Any],
    *inputs: Any,
    seed: int = 0,
    view: bool = True,
    keeps_dtype: bool = False,
) -> list[Finding]:
    """Check what every operation owes to its surroundings, whatever it computes.

    Nothing is written to: inputs, cotangents, what rules keep, outputs, the Functions themselves.
    Gradients share memory with nothing, have the shape and dtype of their inputs, are zero where
    the cotangent is, and the same in every run, in a second backward, in both modes of a rule, one
    at a time, in every memory layout, and in a larger graph; a graph is freed when nobody holds it.

    Parameters
    ----------
    f : callable
        Takes ``inputs``, and returns a Tensor or several.
    *inputs
        Tensors, arrays, Modules, and what nests them.
    seed : int
        Of the random cotangents.
    view : bool
        Whether an output may share memory with an input.
    keeps_dtype : bool
        Whether outputs must have the dtype of the floating inputs, where these have one.

    Returns
    -------
    list of Finding
        One for each contract, whose ``check`` is ``"contract: ..."``.

    Examples
    --------
    >>> import tinygraph as tg
    >>> from tinygraph.testing import contracts
    >>> x = tg.tensor([1.0, 2.0])
    >>> all(finding.verdict == "passed" for finding in contracts(tg.exp, x))
    True
    >>> class Hasty(tg.Function):
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, g):
    ...         g *= 2
    ...         return g
    >>> [f.check for f in contracts(Hasty(), x) if f.verdict == "failed"][0]
    'contract: nothing is written to'
    """
    subject = Subject(f, inputs)
    point = Point(subject, np.random.default_rng(seed), view, keeps_dtype)
    checks = dict(VALUE_CONTRACTS)
    if point.differentiable:
        checks |= GRADIENT_CONTRACTS | GRAPH_CONTRACTS
    leaves = _Leaves()
    with leaves:
        findings = [_finding(name, check, point) for name, check in checks.items()]
    leaves.restore()
    return findings


class _Leaves(tg.FunctionHook):
    """Keeps the gradients of leaves that a function refers to, as a model that it closes over."""

    def __init__(self) -> None:
        self.gradients: dict[tg.Tensor, tg.Tensor | None] = {}

    def after_forward(self, function: Any, inputs: Any, output: Array, node: Any) -> None:
        for source in () if node is None else node.inputs:
            if isinstance(source, tg.Tensor):
                self.gradients.setdefault(source, source.grad)

    def restore(self) -> None:
        for leaf, gradient in self.gradients.items():
            leaf.grad = gradient


def _finding(name: str, check: Callable[[Any], Iterator[str]], point: Point) -> Finding:
    problems: dict[str, None] = {}  # an ordered set
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy: the mean of nothing
            for problem in check(point):
                problems[problem] = None
    except Exception as error:
        problems[f"it raised {type(error).__name__}: {error}"] = None
    verdict: Any = "failed" if problems else "passed"
    inputs = ", ".join(
        f"{n} {a.shape}" for n, a in zip(point.subject.names, point.arrays, strict=True)
    )
    return Finding(f"contract: {name}", f"inputs {inputs}", verdict, "\n".join(problems))


# -- nothing is written to -----------------------------------------------------------------------


def _nothing_is_written(point: Point) -> Iterator[str]:
    names = [*point.subject.names, *(f"cotangent {k}" for k in range(len(point.cotangents)))]
    for frozen, create_graph in itertools.product((False, True), repeat=2):
        arrays, cotangents = point.arrays, point.cotangents
        if frozen:
            for a in (*arrays, *cotangents):
                a.flags.writeable = False
        guard = Guard()
        with guard:
            run = point.subject.run(arrays)
            if point.differentiable:
                run.pull(cotangents, create_graph)
        for name in differing(names, [*arrays, *cotangents], [*point.arrays, *point.cotangents]):
            yield f"{name} was written to"
        yield from guard.finish()


# -- nothing is shared ---------------------------------------------------------------------------


def _outputs_are_new(point: Point) -> Iterator[str]:
    if point.view:
        return
    arrays = point.arrays
    for k, y in enumerate(point.subject.values(arrays)):
        for name, a in zip(point.subject.names, arrays, strict=True):
            if np.shares_memory(y, a):
                yield f"output {k} shares memory with {name}"


class _Kept(tg.FunctionHook):
    """Collects the arrays that rules keep."""

    def __init__(self) -> None:
        self.arrays: list[Array] = []

    def before_backward(self, node: Any, g: Any) -> None:
        kept = itertools.chain(*(v if isinstance(v, tuple) else (v,) for v in node.kept))
        self.arrays += [a for a in kept if isinstance(a, np.ndarray)]


def _gradients_are_new(point: Point) -> Iterator[str]:
    for create_graph, call in itertools.product((False, True), ("grad", "backward")):
        kept = _Kept()
        arrays, cotangents = point.arrays, point.cotangents
        with kept:
            run = point.subject.run(arrays)
            if call == "grad":
                found = run.pull(cotangents, create_graph)
            else:
                found = _backward(run, cotangents, create_graph)
        held = [("an input", a) for a in arrays]
        held += [("the cotangent", a) for a in cotangents]
        held += [("an output", y.data) for y in run.ys]
        held += [("what a rule keeps", a) for a in kept.arrays]
        gradients = list(zip(point.gradient_names, found, strict=True))
        for i, (name, g) in enumerate(gradients):
            for other, a in (*held, *gradients[:i]):
                if np.shares_memory(g, a):
                    yield f"{call} with create_graph={create_graph}: {name} shares memory: {other}"


def _backward(
    run: Run, cotangents: Sequence[Array], create_graph: bool = False, retain: bool = True
) -> list[Array]:
    """Go backward from each output; return what has arrived in ``grad``."""
    for y, v in zip(run.differentiable, cotangents, strict=True):
        if y.requires_grad:
            y.backward(v, create_graph=create_graph, retain_graph=retain)
    return [np.zeros(x.shape, x.dtype) if x.grad is None else x.grad.data for x in run.xs]


# -- again and again -----------------------------------------------------------------------------


def _same_every_time(point: Point) -> Iterator[str]:
    arrays = [*point.arrays, *point.cotangents]
    first, second = point.everything(*arrays), point.everything(*arrays)
    for name in differing(point.names, first, second):
        yield f"{name} differs from one run to the next"
    recorded = [y.data for y in point.subject.run(point.arrays).ys]
    for name in differing(point.names[: len(recorded)], first[: len(recorded)], recorded):
        yield f"{name} is another one when it is recorded"


def _backward_again(point: Point) -> Iterator[str]:
    run = point.subject.run(point.arrays)
    first, second = (run.pull(point.cotangents, retain=True) for _ in range(2))
    for name in differing(point.gradient_names, first, second):
        yield f"{name} differs in a second backward"


def _backward_accumulates(point: Point) -> Iterator[str]:
    guard = Guard()
    with guard:
        run = point.subject.run(point.arrays)
        once = _backward(run, point.cotangents)
    before = copies(once)
    yield from point.gradient_differences("in .grad", once)
    twice = _backward(run, point.cotangents, retain=False)
    if len(point.cotangents) == 1:
        for name in differing(point.gradient_names, [2 * g for g in before], twice):
            yield f"{name} is not doubled by a second backward"
    for name in differing(point.gradient_names, before, once):
        yield f"{name}, as a first backward left it, was written to by a second one"
    if guard.keeps and len(point.cotangents) == 1:
        try:
            _backward(run, point.cotangents)
        except ValueError:
            return
        yield "a graph that was not retained was not freed"


# -- the same in other ways ----------------------------------------------------------------------


def _modes_agree(point: Point) -> Iterator[str]:
    found = point.subject.gradients(point.arrays, point.cotangents, create_graph=True)
    yield from point.gradient_differences("create_graph=True", found)


def _one_at_a_time(point: Point) -> Iterator[str]:
    for place, which in enumerate(point.subject.floating):
        run = point.subject.run(point.arrays)
        alone = Run([run.xs[place]], run.ys).pull(point.cotangents)
        unaware = point.subject.run(point.arrays, wanted={which}).pull(point.cotangents)
        for how, found in (("asked for", alone), ("required", unaware)):
            full = list(point.expected_gradients.results)
            full[place : place + 1] = found
            yield from point.gradient_differences(f"alone {how}", full)


def _any_layout(point: Point) -> Iterator[str]:
    arrays = [*point.arrays, *point.cotangents]
    for name, layout in LAYOUTS.items():
        yield from point.differences(name, point.everything(*map(layout, arrays)))
    even = [np.ones((), v.dtype) for v in point.cotangents]
    shapes = [v.shape for v in point.cotangents]
    if point.differentiable:
        views = [np.broadcast_to(v, shape) for v, shape in zip(even, shapes, strict=True)]
        found, full = (
            point.subject.gradients(point.arrays, vs) for vs in (views, [v.copy() for v in views])
        )
        expected = Expected(full, point.expected_gradients.allowed)
        yield from told("zero-stride", expected.compare("", point.gradient_names, found))


def _fortran(a: Array) -> Array:
    return np.array(a, order="F")


def _negative(a: Array) -> Array:
    return np.flip(np.flip(a).copy())


def _strided(a: Array) -> Array:
    """Return every second element of an array that is worthless between them."""
    gap = np.nan if a.dtype.kind == "f" else 77
    wide = np.full([2 * n for n in a.shape], gap).astype(a.dtype)
    view: Array = wide[(slice(None, None, 2),) * a.ndim or ...]
    view[...] = a
    return view


def _readonly(a: Array) -> Array:
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "Fortran order": _fortran,
    "negative strides": _negative,
    "strided": _strided,
    "read-only": _readonly,
}


# -- shapes and dtypes ---------------------------------------------------------------------------


def _linear_in_the_cotangent(point: Point) -> Iterator[str]:
    """Twice the cotangent, which rounds nothing, gives twice the gradient; none gives zero."""
    twice = point.subject.gradients(point.arrays, [2 * v for v in point.cotangents])
    gradients = point.expected_gradients
    expected = Expected([2 * g for g in gradients.results], [2 * a for a in gradients.allowed])
    findings = expected.compare("", point.gradient_names, twice)
    yield from told("for twice the cotangent", findings)
    zeros = [np.zeros_like(v) for v in point.cotangents]
    finite = all(np.isfinite(a).all() for a in point.expected.results if a.dtype.kind == "f")
    if not finite:
        return
    for create_graph in (False, True):
        found = point.subject.gradients(point.arrays, zeros, create_graph)
        for name, g in zip(point.gradient_names, found, strict=True):
            if np.any(g != 0):
                yield f"{name} is not zero for a cotangent of zero"


def _dtypes_are_kept(point: Point) -> Iterator[str]:
    for dtype in (np.float64, np.float32, np.float16):
        arrays = point.subject.cast(dtype, point.arrays)
        for k, y in enumerate(point.subject.values(arrays)):
            if point.keeps_dtype and y.dtype.kind == "f" and y.dtype != dtype:
                yield f"output {k} is {y.dtype} for inputs of {np.dtype(dtype)}"


def _gradients_have_the_dtype(point: Point) -> Iterator[str]:
    own = [a.dtype for a in point.arrays]
    floating = point.subject.floating
    some: list[dict[int, Any]] = [dict.fromkeys(floating, d) for d in (np.float32, np.float16)]
    some += _mixtures(floating)
    taken, refused = [], []
    for changed in some:
        arrays = [a.astype(changed.get(i, own[i])) for i, a in enumerate(point.arrays)]
        mixed = len(changed) < len(floating)
        try:
            cotangents = point.subject.cotangents(point.rng, arrays)
        except (TypeError, ValueError) as error:
            if not mixed:
                raise
            refused.append(f"{', '.join(str(a.dtype) for a in arrays)}: {error}")
            continue
        taken += [changed] if mixed else []
        for create_graph in (False, True):
            found = point.subject.gradients(arrays, cotangents, create_graph)
            for name, i, g in zip(point.gradient_names, floating, found, strict=True):
                if g.dtype != arrays[i].dtype or g.shape != arrays[i].shape:
                    yield (
                        f"{name} is {g.dtype} of shape {g.shape} for an input that is "
                        f"{arrays[i].dtype} of shape {arrays[i].shape}"
                    )
    if taken and refused:
        yield f"it takes some mixtures of dtypes, but not {refused[0]}"


def _mixtures(floating: Sequence[int]) -> list[dict[int, Any]]:
    """Return what becomes float32 when one input does, and when all others do."""
    if len(floating) < 2:
        return []
    alone = [{i: np.float32} for i in floating]
    others = [dict.fromkeys((j for j in floating if j != i), np.float32) for i in floating]
    return alone + (others if len(floating) > 2 else [])


def _precise_in_float32(point: Point) -> Iterator[str]:
    """Compare with double precision, at inputs that float32 and float16 have."""
    for dtype in (np.float32, np.float16):
        narrow = point.subject.cast(dtype, point.arrays)
        cotangents = [v.astype(dtype) for v in point.cotangents]
        doubles = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in narrow]
        wide = [v.astype(np.float64) for v in cotangents]
        expected = Expected.of(point.everything, [*doubles, *wide], dtype)
        found = _in_range(point.everything(*narrow, *cotangents), expected.results)
        yield from told(np.dtype(dtype).name, expected.compare("", point.names, found))
        if point.differentiable:
            recorded = point.subject.gradients(narrow, cotangents, create_graph=True)
            count = len(recorded)
            gradients = Expected(expected.results[-count:], expected.allowed[-count:])
            recorded = _in_range(recorded, gradients.results)
            findings = gradients.compare("", point.gradient_names, recorded)
            yield from told(f"{np.dtype(dtype).name}, create_graph=True", findings)


def _in_range(found: Sequence[Array], expected: Sequence[Array]) -> list[Array]:
    """Forgive half precision, which ends at 65504, what became infinite on the way."""
    return [
        np.where(np.isinf(a), b.astype(a.dtype), a)
        if a.dtype == np.float16 and a.shape == b.shape
        else a
        for a, b in zip(found, expected, strict=True)
    ]


def _corner_shapes(point: Point) -> Iterator[str]:
    """Nothing, and single numbers, where the function works by the batch, or by the element."""
    for name, arrays in _corners(point):
        for create_graph in (False, True):
            cotangents = point.subject.cotangents(point.rng, arrays)
            found = point.subject.gradients(arrays, cotangents, create_graph)
            for what, i, g in zip(point.gradient_names, point.subject.floating, found, strict=True):
                if g.shape != arrays[i].shape or g.dtype != arrays[i].dtype:
                    yield f"{name}: {what} is {g.dtype} of shape {g.shape}"


def _corners(point: Point) -> Iterator[tuple[str, list[Array]]]:
    here = [y.shape for y in point.subject.values(point.arrays)]
    shapes = {a.shape for a in point.arrays}
    batch = next((a.shape[0] for a in point.arrays if a.ndim), 0)
    others = {n for a in point.arrays for n in a.shape[1:]}  # an axis that must be as long
    if batch and batch not in others and all(shape and shape[0] == batch for shape in here):
        for kinds in ("fiub", "f"):
            cut = [
                a[:0].copy() if a.ndim and len(a) == batch and a.dtype.kind in kinds else a
                for a in point.arrays
            ]
            if _shapes(point, cut) == [(0, *shape[1:]) for shape in here]:
                yield "an empty batch", cut
                break
    if shapes == set(here) and len(shapes) == 1 and point.arrays[0].size:
        numbers = [np.array(a.flat[0]) for a in point.arrays]
        if _shapes(point, numbers) == [()] * len(here):
            yield "single numbers", numbers


def _shapes(point: Point, arrays: Sequence[Array]) -> list[tuple[int, ...]] | None:
    """Return the shapes of what comes out, or None where the function does not take these."""
    try:
        return [y.shape for y in point.subject.values(arrays)]
    except Exception:  # however it says so
        return None


# -- nothing stays behind ------------------------------------------------------------------------


class _References(tg.FunctionHook):
    """Weak references to all that a run makes."""

    def __init__(self) -> None:
        self.made: list[tuple[str, weakref.ref[Any]]] = []

    def after_forward(self, function: Any, inputs: Any, output: Array, node: Any) -> None:
        name = type(function).__name__
        self.made.append((f"the output of {name}", weakref.ref(output)))
        if node is not None:
            self.made.append((f"the node of {name}", weakref.ref(node)))

    def alive(self) -> Iterator[str]:
        for name, reference in self.made:
            if reference() is not None:
                yield f"{name} is still alive when nobody holds it: a reference cycle, or a cache"


def _graph_is_freed(point: Point) -> Iterator[str]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        for create_graph in (False, True):
            references = _References()
            with references:
                run = point.subject.run(point.arrays)
                gradients = run.pull(point.cotangents, create_graph)
            del run, gradients
            yield from references.alive()
    finally:
        if enabled:
            gc.enable()


VALUE_CONTRACTS = {
    "nothing is written to": _nothing_is_written,
    "outputs are new": _outputs_are_new,
    "the same every time": _same_every_time,
    "any memory layout": _any_layout,
    "dtypes are kept": _dtypes_are_kept,
    "precise in float32": _precise_in_float32,
}
GRADIENT_CONTRACTS = {
    "gradients share no memory": _gradients_are_new,
    "a second backward": _backward_again,
    "backward accumulates": _backward_accumulates,
    "both modes of the rule agree": _modes_agree,
    "one gradient at a time": _one_at_a_time,
    "linear in the cotangent": _linear_in_the_cotangent,
    "gradients have the dtype": _gradients_have_the_dtype,
    "empty and single": _corner_shapes,
    "the graph is freed": _graph_is_freed,
}

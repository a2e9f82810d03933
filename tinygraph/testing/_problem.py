"""A function of arrays at a point: run anywhere, differentiated at the point, to any order.

The gradient of a Problem, as a function of the point and of the cotangents, is a Problem again: so
a second derivative is checked as the first derivative of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

import tinygraph as tg

from ._branches import record_branches
from ._numeric import EPS, noise_of, scales
from ._report import Array, name_of
from ._structure import Inputs, map_leaves

# Takes Tensors, and whether the result is to be differentiated; returns floating Tensors.
Call: TypeAlias = Callable[[Sequence[tg.Tensor], bool], list[tg.Tensor]]
DIRECTIONS_OF_NOISE = 3


class Watch(record_branches):
    """The branches of a run, how many operations it recorded, and its coarsest rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = 0
        self.eps = EPS

    def after_forward(
        self,
        function: tg.Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Any,
    ) -> None:
        """Note an operation."""
        super().after_forward(function, inputs, output, node)
        self.nodes += node is not None
        if output.dtype.kind == "f":
            self.eps = max(self.eps, float(np.finfo(output.dtype).eps))

    def agrees(self, other: Watch) -> bool:
        """Tell whether the same choices were made.

        An aux of floats may differ a little: where a rule wrongly takes a smooth one for constant,
        that is to be found, not to be taken for a kink everywhere.
        """
        return len(self.taken) == len(other.taken) and all(
            ours is theirs and len(a) == len(b) and all(map(_same_choice(ours), a, b))
            for (ours, a), (theirs, b) in zip(self.taken, other.taken, strict=True)
        )

    @property
    def chooses(self) -> bool:
        """Whether any operation has branches."""
        return any(choices for _, choices in self.taken)


def _same_choice(function: type[tg.Function]) -> Callable[[Array, Array], bool]:
    by_aux = function.branch is tg.Function.branch

    def same(a: Array, b: Array) -> bool:
        if by_aux and a.dtype.kind == "f" and a.shape == b.shape:
            return np.allclose(a, b, rtol=2.0**-4, atol=0, equal_nan=True)
        return np.array_equal(a, b, equal_nan=True)

    return same


@dataclass(frozen=True)
class Run:
    """What a function returned, and what was seen meanwhile."""

    outputs: list[Array]
    watch: Watch


class Problem:
    """A function of arrays, at a point.

    Attributes
    ----------
    call : callable
    point : list of ndarray
        In float64.
    names, output_names : list of str
    inherited : sequence of float
        Of a gradient: a size that each output could have, by that of the function.
    evaluations : int
        How often it was run.
    """

    def __init__(
        self,
        call: Call,
        point: Sequence[Array],
        names: Sequence[str],
        output_names: Sequence[str] = (),
        inherited: Sequence[float] = (),
    ) -> None:
        self.call = call
        self.point = [np.array(x, np.float64) for x in point]
        self.names = list(names)
        self._output_names = output_names
        self.inherited = inherited
        self.evaluations = 0

    def moved(self, point: Sequence[Array]) -> Problem:
        """Return the same function at another point."""
        twin = Problem(self.call, point, self.names, self._output_names, self.inherited)
        twin.evaluations = self.evaluations
        return twin

    # -- values ----------------------------------------------------------------------------------

    def _outputs(self, point: Sequence[Array]) -> list[Array]:
        self.evaluations += 1
        with np.errstate(all="ignore"):
            ys = self.call(leaves(point), False)
        return [np.array(y.data) for y in ys]

    def run(self, point: Sequence[Array]) -> Run:
        """Run the function, watched."""
        watch = Watch()
        with watch:
            outputs = self._outputs(point)
        return Run(outputs, watch)

    @cached_property
    def here(self) -> Run:
        """The run at the point."""
        return self.run(self.point)

    @cached_property
    def finite(self) -> list[Array]:
        """Which entries of the outputs are finite; the others are left out of every check."""
        return [np.isfinite(y) for y in self.here.outputs]

    @cached_property
    def values(self) -> Array:
        """All outputs at the point, flat, in float64; 0 where not finite."""
        return self._flat(self.here.outputs)

    def _flat(self, outputs: Sequence[Array]) -> Array:
        parts = [
            np.where(finite, y, 0.0).ravel() for y, finite in zip(outputs, self.finite, strict=True)
        ]
        return np.concatenate(parts, dtype=np.float64) if parts else np.zeros(0)

    def at(self, point: Sequence[Array], any_branch: bool = False) -> Array | None:
        """Return all outputs at another point, flat; None if it is of another branch, or NaN."""
        if any_branch or not self.here.watch.chooses:
            outputs = self._outputs(point)
        else:
            run = self.run(point)
            if not run.watch.agrees(self.here.watch):
                return None
            outputs = run.outputs
        if [y.shape for y in outputs] != [y.shape for y in self.here.outputs]:
            return None
        flat = self._flat(outputs)
        return flat if np.isfinite(flat).all() else None

    def along(self, which: int, direction: Array, any_branch: bool = False) -> Any:
        """Return the function of a step that moves the input ``which``."""

        def values(step: float) -> Array | None:
            point = list(self.point)
            point[which] = self.point[which] + step * direction
            return self.at(point, any_branch)

        return values

    def along_all(
        self, moves: Sequence[Array], any_branch: bool = False
    ) -> Callable[[float], Array | None]:
        """Return the function of a step that moves all inputs."""

        def values(step: float) -> Array | None:
            point = [x + step * u for x, u in zip(self.point, moves, strict=True)]
            return self.at(point, any_branch)

        return values

    @cached_property
    def scales(self) -> list[Array]:
        """How large a step of 1 is, for each entry of the inputs; 0 where that is not finite."""
        return [np.where(np.isfinite(x), scales(x), 0.0) for x in self.point]

    @cached_property
    def roughness(self) -> list[Array]:
        """The noise in the outputs, seen along some directions."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(DIRECTIONS_OF_NOISE):
            for reach in (1.0, 2.0**-6, 2.0**-12):  # a kink may be near
                moves = [
                    reach * s * rng.uniform(0.5, 1.0, s.shape) * rng.choice([-1.0, 1.0], s.shape)
                    for s in self.scales
                ]
                noise = noise_of(self.along_all(moves), self.values)
                if noise is not None:
                    found.append(noise)
                    break
        return found

    @cached_property
    def naturals(self) -> list[float]:
        """A size that each output could have, where it is zero or would be but for rounding."""
        rounding = EPS * max((s.max(initial=0.0) for s in self.scales), default=0.0)
        sizes = [
            float(np.abs(y[ok]).max(initial=0.0)) or rounding
            for y, ok in zip(self.here.outputs, self.finite, strict=True)
        ]
        return [max(pair) for pair in zip(sizes, self.inherited or sizes, strict=True)]

    @property
    def naturals_of_gradient(self) -> list[float]:
        """A size that the gradient of each input could have."""
        size = max(self.naturals, default=0.0)
        return [size / min(s.max(initial=0.0), 1.0) if s.any() else 0.0 for s in self.scales]

    # -- gradients -------------------------------------------------------------------------------

    def record(self) -> Recorded:
        """Run it at the point, recorded."""
        return Recorded(self)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs."""
        count = len(self.here.outputs)
        return list(self._output_names) or [f"output {k}" for k in range(count)]

    def gradient(self, rng: np.random.Generator) -> Problem:
        """Return the gradient: a function of the point, and of random cotangents."""
        cotangents = [rng.standard_normal(y.shape) for y in self.here.outputs]
        count = len(self.point)

        def call(tensors: Sequence[tg.Tensor], recorded: bool) -> list[tg.Tensor]:
            xs = tensors[:count]
            ys = self.call(xs, True)
            return pull(ys, xs, tensors[count:], recorded)

        names = [*self.names, *(f"cotangent of {name}" for name in self.output_names)]
        outputs = [f"gradient of {name}" for name in self.names]
        return Problem(call, [*self.point, *cotangents], names, outputs, self.naturals_of_gradient)


class Recorded:
    """A recorded run at the point of a Problem, through which cotangents are pulled back."""

    def __init__(self, problem: Problem) -> None:
        self.xs = leaves(problem.point)
        with np.errstate(all="ignore"):
            self.ys = problem.call(self.xs, True)

    def pull(self, cotangents: Sequence[Array]) -> list[Array]:
        """Return the gradient of each input, given one for each output, which is copied."""
        vs = [tg.Tensor(np.array(v, y.dtype)) for v, y in zip(cotangents, self.ys, strict=True)]
        with np.errstate(all="ignore"):
            return [np.array(g.data) for g in pull(self.ys, self.xs, vs, False, retain=True)]


def leaves(arrays: Sequence[Array]) -> list[tg.Tensor]:
    """Return fresh leaves with copies of the arrays."""
    return [tg.Tensor(np.array(a), requires_grad=True) for a in arrays]


def pull(
    ys: Sequence[tg.Tensor],
    xs: Sequence[tg.Tensor],
    cotangents: Sequence[tg.Tensor],
    create_graph: bool,
    retain: bool | None = None,
) -> list[tg.Tensor]:
    """Return the gradient of each of ``xs``: zeros where no output depends on it."""
    live = [(y, v) for y, v in zip(ys, cotangents, strict=True) if y.requires_grad]
    found: Sequence[tg.Tensor | None] = [None] * len(xs)
    if live:
        found = tg.grad(
            [y for y, _ in live],
            list(xs),
            [v for _, v in live],
            create_graph=create_graph,
            retain_graph=retain,
            allow_unused=True,
        )
    return [
        tg.Tensor(np.zeros(x.shape, x.dtype)) if g is None else g
        for x, g in zip(xs, found, strict=True)
    ]


def floating(outputs: Any) -> list[tg.Tensor]:
    """Return the Tensors of floats in what a function returned."""
    found: list[tg.Tensor] = []

    def visit(name: str, value: Any) -> None:
        if isinstance(value, tg.Tensor) and value.dtype.kind == "f":
            found.append(value)

    map_leaves(outputs, "", visit)
    return found


def problem_of(caller: str, inputs: Inputs) -> Problem:
    """Return the user's function at the user's point, having checked that it can be one.

    Raises
    ------
    TypeError, ValueError
        If the function returns no Tensor of floats, none that requires a gradient, or not the same
        in two calls.
    """
    name = name_of(inputs.f)
    double = [leaf.values.astype(np.float64) for leaf in inputs.leaves]
    outputs = inputs.call(leaves(double))
    ys = floating(outputs)
    if not ys:
        raise TypeError(
            f"{caller}: {name} must return a Tensor of floats, or several, not "
            f"{type(outputs).__name__}"
        )
    if not any(y.requires_grad for y in ys):
        raise ValueError(
            f"{caller}: what {name} returns requires no gradient: it depends on no input by "
            "recorded operations (was .data, .detach() or no_grad() used, or is it not "
            "differentiable?)"
        )
    problem = Problem(
        lambda tensors, recorded: floating(inputs.call(tensors)),
        double,
        [leaf.name for leaf in inputs.leaves],
    )
    again = problem.here.outputs
    same = len(again) == len(ys) and all(
        np.array_equal(a.data, b, equal_nan=True) for a, b in zip(ys, again, strict=True)
    )
    if not same:
        raise ValueError(
            f"{caller}: {name} returned different values in two calls at the same point; take the "
            "randomness out (a dropout: .eval()), or seed it within the function"
        )
    return problem

"""The engine against algebra: programs that build graphs, go back through them, and use them again.

Every Tensor is accompanied by the polynomials that it is, in the elements of the leaves.  They
know nothing of graphs: they are computed and differentiated by school algebra.  On small integers
floats are exact, so that all comparisons are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)
from numpy.typing import NDArray

import tinygraph as tg

from ._polynomial import Polynomial

Array: TypeAlias = NDArray[Any]
Algebra: TypeAlias = Array  # of Polynomials

# What is larger may not be exact in float32; what has more terms takes long.
LARGEST = 2**16
TERMS = 40

SMALL = st.integers(-3, 3)
DTYPES = st.sampled_from([np.float64, np.float32])


class Operation(NamedTuple):
    """An operation, for Tensors and for arrays of Polynomials alike."""

    apply: Callable[..., Any]
    operands: int
    keeps: bool  # whether its rule keeps something, which backward frees


OPERATIONS = {
    "add": Operation(lambda a, b: a + b, 2, keeps=False),
    "subtract": Operation(lambda a, b: a - b, 2, keeps=False),
    "multiply": Operation(lambda a, b: a * b, 2, keeps=True),
    "negative": Operation(lambda a: -a, 1, keeps=False),
    "sum": Operation(lambda a: a.sum(), 1, keeps=False),
    "flip": Operation(lambda a: a.reshape(-1)[::-1], 1, keeps=True),  # the index
}


@dataclass(eq=False)
class Leaf:
    """A leaf that requires a gradient: its variables, and the gradient it must have by now."""

    tensor: tg.Tensor
    variables: list[int]
    gradient: Array | None = None

    @property
    def leaves(self) -> set[Leaf]:
        """What a value depends on that comes from here: this."""
        return {self}

    @property
    def steps(self) -> set[Step]:
        """What has to be gone through from here: nothing."""
        return set()


class Step:
    """A recorded operation: the leaves that lead to it, and the steps, itself among them."""

    def __init__(self, inputs: list[Source], keeps: bool) -> None:
        self.leaves: set[Leaf] = set().union(*(x.leaves for x in inputs))
        self.steps: set[Step] = {self}.union(*(x.steps for x in inputs))
        self.keeps = keeps
        self.freed = False


Source: TypeAlias = Leaf | Step


@dataclass(eq=False)
class Value:
    """A Tensor, what it is, and where it came from: None for a constant."""

    tensor: tg.Tensor
    algebra: Algebra
    source: Source | None

    @property
    def leaves(self) -> set[Leaf]:
        """The leaves that a gradient flows to."""
        return self.source.leaves if self.source else set()

    @property
    def steps(self) -> set[Step]:
        """The operations that it flows through."""
        return self.source.steps if self.source else set()


class EngineMachine(RuleBasedStateMachine):
    """Hypothesis's state machine over the engine.

    It builds values from leaves and other values, within and without ``no_grad``, detaches and
    forgets them, goes backward, once or again, with ``retain_graph`` and without, asks for
    gradients of first and of second order, and zeroes them.  After each step every gradient must be
    what algebra says, and share memory with no other; a graph that was freed must be refused.

    Examples
    --------
    >>> from hypothesis import settings
    >>> from hypothesis.stateful import run_state_machine_as_test
    >>> from tinygraph.testing import EngineMachine
    >>> quick = settings(max_examples=3, stateful_step_count=5, deadline=None)
    >>> run_state_machine_as_test(EngineMachine, settings=quick)

    With pytest or unittest, ``TestEngine = EngineMachine.TestCase`` runs it.
    """

    sources = Bundle("sources")  # leaves
    results = Bundle("results")
    values = sources | results

    def __init__(self) -> None:
        super().__init__()
        self.leaves: list[Leaf] = []
        self.point: dict[int, int] = {}

    # -- building --------------------------------------------------------------------------------

    @initialize(target=sources, numbers=st.lists(SMALL, min_size=2, max_size=2))
    def start(self, numbers: list[int]) -> MultipleResults[Value]:
        """Start with a vector and a number."""
        vector, number = np.array(numbers), np.array(2)
        return multiple(self._leaf(vector, np.float64), self._leaf(number, np.float32))

    @rule(target=sources, numbers=SMALL | st.lists(SMALL, min_size=2, max_size=2), dtype=DTYPES)
    def leaf(self, numbers: int | list[int], dtype: Any) -> Value:
        """Make a leaf: a number, or two."""
        return self._leaf(np.array(numbers), dtype)

    def _leaf(self, numbers: Array, dtype: Any) -> Value:
        first = len(self.point)
        variables = list(range(first, first + numbers.size))
        self.point.update(zip(variables, numbers.ravel().tolist(), strict=True))
        algebra = np.empty(numbers.size, object)
        algebra[:] = [Polynomial({(v,): 1}) for v in variables]
        tensor = tg.Tensor(numbers.astype(dtype), requires_grad=True)
        known = Leaf(tensor, variables)
        self.leaves.append(known)
        return Value(tensor, algebra.reshape(numbers.shape), known)

    @rule(
        target=results,
        names=st.lists(st.sampled_from([*OPERATIONS, "detach"]), min_size=1, max_size=5),
        a=values,
        b=values,
        recorded=st.sampled_from([True, True, True, False]),
    )
    def build(self, names: list[str], a: Value, b: Value, recorded: bool) -> MultipleResults[Value]:
        """Apply operations, each to the last two values, maybe within ``no_grad``."""
        made: list[Value] = []
        with tg.enable_grad() if recorded else tg.no_grad():
            for name in names:
                if name == "detach":
                    value = self._constant(a.tensor.detach())
                else:
                    value = self._applied(OPERATIONS[name], a, b, recorded)
                    if not self._is_small(value.algebra):
                        break
                made.append(value)
                a, b = value, a
        return multiple(*made)

    def _applied(self, operation: Operation, a: Value, b: Value, recorded: bool) -> Value:
        operands = (a, b)[: operation.operands]
        tensor = operation.apply(*(x.tensor for x in operands))
        algebra = np.asarray(operation.apply(*(x.algebra for x in operands)), object)
        if self._is_small(algebra):
            np.testing.assert_array_equal(tensor.data, self._numbers(algebra))
        sources = [x.source for x in operands if x.source is not None]
        assert tensor.requires_grad == bool(recorded and sources)
        if not recorded:
            return self._constant(tensor)
        return Value(tensor, algebra, Step(sources, operation.keeps) if sources else None)

    @rule(value=consumes(results))
    def forget(self, value: Value) -> None:
        """Let go of a Tensor; what was computed from it still has its graph."""

    # -- going back ------------------------------------------------------------------------------

    @rule(
        value=results,
        g=st.tuples(SMALL, SMALL),
        retain_graph=st.booleans(),
        times=st.integers(1, 2),
    )
    def backward(self, value: Value, g: tuple[int, int], retain_graph: bool, times: int) -> None:
        """Go back through the graph, once or again, and add to the gradients of all leaves."""
        for _ in range(times):
            cotangent = self._cotangent(value, g)
            gradients = self._gradients(value, cotangent)
            if not all(self._is_small(algebra) for algebra in gradients.values()):
                return
            run = partial(value.tensor.backward, cotangent, retain_graph=retain_graph)
            if self._goes_through(run, value, value.steps, retain_graph):
                cotangent[...] = 99  # which is nobody's business any more
                for leaf, algebra in gradients.items():
                    added = self._numbers(algebra)
                    leaf.gradient = added if leaf.gradient is None else leaf.gradient + added

    @rule(value=values, g=st.tuples(SMALL, SMALL), data=st.data(), retain_graph=st.booleans())
    def grad(self, value: Value, g: tuple[int, int], data: Any, retain_graph: bool) -> None:
        """Ask for the gradient of one leaf, which touches nothing else."""
        leaf = data.draw(st.sampled_from(self.leaves))
        cotangent = self._cotangent(value, g)
        expected = self._gradients(value, cotangent).get(leaf)
        steps = {step for step in value.steps if leaf in step.leaves}
        found: list[tg.Tensor | None] = []

        def run() -> None:
            options = {"retain_graph": retain_graph, "allow_unused": True}
            found.append(tg.grad(value.tensor, leaf.tensor, cotangent, **options))

        if self._goes_through(run, value, steps, retain_graph):
            assert (found[0] is None) == (expected is None)
            if expected is not None and found[0] is not None and self._is_small(expected):
                self._check(leaf, found[0], expected)

    @rule(value=results, g=st.tuples(SMALL, SMALL), h=st.tuples(SMALL, SMALL), data=st.data())
    def second_order(self, value: Value, g: tuple[int, int], h: tuple[int, int], data: Any) -> None:
        """Differentiate a gradient, contracted with a cotangent of its own, once more."""
        leaf, other = (data.draw(st.sampled_from(self.leaves)) for _ in range(2))
        cotangent = self._cotangent(value, g)
        first = self._gradients(value, cotangent).get(leaf)
        if first is None or any(step.freed for step in value.steps):
            return
        weights = np.array(h).ravel()[: first.size].reshape(first.shape)
        expected = self._contracted(first, weights, other)
        if not self._is_small(expected):
            return
        found = tg.grad(value.tensor, leaf.tensor, cotangent, create_graph=True)
        self._check(leaf, found, first)
        again = None
        if found.requires_grad:
            y = (found * weights.astype(found.dtype)).sum()
            again = tg.grad(y, other.tensor, retain_graph=True, allow_unused=True)
        self._check(other, tg.zeros_like(other.tensor) if again is None else again, expected)

    @rule(data=st.data())
    def zero_grad(self, data: Any) -> None:
        """Forget the gradient of a leaf."""
        leaf = data.draw(st.sampled_from(self.leaves))
        leaf.tensor.zero_grad()
        leaf.gradient = None

    # -- what must hold --------------------------------------------------------------------------

    @invariant()
    def gradients_are_those_of_algebra(self) -> None:
        """Compare every gradient, and every leaf, which nothing may have written to."""
        for leaf in self.leaves:
            numbers = np.array([self.point[v] for v in leaf.variables]).reshape(leaf.tensor.shape)
            np.testing.assert_array_equal(leaf.tensor.data, numbers)
            found = leaf.tensor.grad
            assert (found is None) == (leaf.gradient is None)
            if found is not None:
                np.testing.assert_array_equal(found.data, leaf.gradient)
                assert (found.shape, found.dtype) == (leaf.tensor.shape, leaf.tensor.dtype)

    @invariant()
    def gradients_share_no_memory(self) -> None:
        """No gradient is a view of another, or of a leaf."""
        grads = [leaf.tensor.grad.data for leaf in self.leaves if leaf.tensor.grad is not None]
        arrays = [*grads, *(leaf.tensor.data for leaf in self.leaves)]
        for i, g in enumerate(grads):
            assert not any(np.shares_memory(g, other) for other in arrays[i + 1 :])

    # -- the model -------------------------------------------------------------------------------

    def _constant(self, tensor: tg.Tensor) -> Value:
        algebra = np.empty(tensor.shape, object)
        for at, number in np.ndenumerate(tensor.data):
            algebra[at] = Polynomial({(): int(number)})
        return Value(tensor, algebra, None)

    def _numbers(self, algebra: Algebra) -> Array:
        numbers = [p.at(self.point) for p in algebra.ravel()]
        return np.array(numbers).reshape(algebra.shape)

    def _is_small(self, algebra: Algebra) -> bool:
        return all(
            len(p.terms) <= TERMS and abs(p.at(self.point)) <= LARGEST for p in algebra.ravel()
        )

    def _cotangent(self, value: Value, g: tuple[int, int]) -> Array:
        shape = value.tensor.shape
        return np.array(g[: value.tensor.size]).reshape(shape).astype(value.tensor.dtype)

    def _gradients(self, value: Value, cotangent: Array) -> dict[Leaf, Algebra]:
        """Return the gradient of each leaf that leads to a value."""
        return {
            leaf: self._contracted(value.algebra, cotangent, leaf)
            for leaf in self.leaves
            if leaf in value.leaves
        }

    def _contracted(self, algebra: Algebra, cotangent: Array, leaf: Leaf) -> Algebra:
        total = Polynomial({})
        for p, factor in zip(algebra.ravel(), cotangent.ravel().tolist(), strict=True):
            total += p * Polynomial({(): int(factor)})
        result = np.empty(len(leaf.variables), object)
        result[:] = [total.derivative(v) for v in leaf.variables]
        return result.reshape(leaf.tensor.shape)

    def _check(self, leaf: Leaf, found: tg.Tensor, expected: Algebra) -> None:
        np.testing.assert_array_equal(found.data, self._numbers(expected))
        assert (found.shape, found.dtype) == (leaf.tensor.shape, leaf.tensor.dtype)

    def _goes_through(
        self, run: Callable[[], None], value: Value, steps: set[Step], retain_graph: bool
    ) -> bool:
        """Run a backward pass, and require it to be refused where it must be."""
        possible = value.source is not None and not any(step.freed for step in steps)
        try:
            run()
        except ValueError:
            assert not possible, "a graph that is whole was refused"
        else:
            assert possible, "a graph that was freed, or never recorded, was gone through"
            for step in steps:
                step.freed = step.freed or (step.keeps and not retain_graph)
        return possible

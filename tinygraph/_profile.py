"""Measuring the time of operations, forward and backward, beside what they cost by formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from ._cost import cost
from ._function import Function, Node, Value
from ._mode import FunctionHook, Scope, current_scope
from ._places import Path, plain_path
from ._record import record_of
from ._tensor import Array, Tensor
from .render.numbers import amount, duration


@dataclass(slots=True)
class Measured:
    """What was measured of the operations of one class, or in one place.

    Attributes
    ----------
    name : str
        The class of the operations, or where in the model they are.
    calls : int
        How often one ran.
    forward, backward : float
        The seconds that they and their rules took.
    flops : int
        The floating-point operations of the forward pass, by formula, where there is one.
    bytes : int
        What the forward pass read and wrote.
    parameters : int
        How many numbers the parameters hold that they used, where gradients flow to them.
    """

    name: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    flops: int = 0
    bytes: int = 0
    leaves: dict[int, Tensor] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> int:
        """The number of entries of all leaves."""
        return sum(leaf.size for leaf in self.leaves.values())

    @property
    def time(self) -> float:
        """The seconds of both directions."""
        return self.forward + self.backward

    def add(self, other: Measured) -> None:
        """Take in what was measured of others."""
        self.calls += other.calls
        self.forward += other.forward
        self.backward += other.backward
        self.flops += other.flops
        self.bytes += other.bytes
        self.leaves |= other.leaves


class profile(FunctionHook):
    """Measure the operations that run in a ``with`` block, forward and backward.

    ``print`` shows tables per class of operation and per module; `graph` then knows the times of
    single operations.  A profile that is used again adds up.

    Attributes
    ----------
    operations : list of Measured
        Per class of operation, the slowest first.
    modules : list of Measured
        Per module and `scope` block, in the order of their first operations, each with all that is
        below it.
    total : Measured

    Examples
    --------
    >>> import tinygraph as tg
    >>> net = tg.nn.Sequential(tg.nn.Linear(4, 8), tg.nn.ReLU(), tg.nn.Linear(8, 3))
    >>> with tg.profile() as p:
    ...     net(tg.ones((2, 4))).sum().backward()
    >>> [(m.name, m.calls, m.flops, m.parameters) for m in p.modules if m.parameters]
    [('Sequential', 3, 262, 67), ('Sequential.0', 1, 144, 40), ('Sequential.2', 1, 102, 27)]
    """

    reads_gradients = False

    def __init__(self) -> None:
        self._measured: dict[tuple[Path, str], Measured] = {}
        self._running: list[_Running] = []
        self._place: tuple[Scope | None, Path] = (None, ())  # the latest

    def before_forward(self, function: Function) -> None:
        """Start the clock."""
        self._running.append(_Running(function))

    def after_forward(
        self,
        function: Function,
        inputs: Sequence[Array | None],
        output: Array,
        node: Node | None,
    ) -> None:
        """Stop the clock, and add up the cost."""
        seconds = self._stop(function)
        row = self._row(function, current_scope.get())
        flops, moved = cost(function, inputs, output)
        row.calls += 1
        row.forward += seconds
        row.flops += flops or 0
        row.bytes += moved
        if node is not None:
            record_of(node).forward_time = seconds
            row.leaves |= {id(s): s for s in node.inputs if isinstance(s, Tensor)}

    def before_backward(self, node: Node, g: Value) -> None:
        """Start the clock."""
        self._running.append(_Running(node))

    def after_backward(self, node: Node, g: Value, gradients: tuple[Value, ...]) -> None:
        """Stop the clock."""
        seconds = self._stop(node)
        self._row(node.function, node.scope).backward += seconds
        record_of(node).backward_time = seconds

    def _stop(self, what: object) -> float:
        """Return the seconds since ``what`` began, without those of what ran inside it."""
        now = perf_counter()
        while self._running:  # what failed was never stopped
            running = self._running.pop()
            if running.what is what:
                seconds = now - running.start
                if self._running:
                    self._running[-1].inside += seconds
                return seconds - running.inside
        return 0.0

    def _row(self, function: Function, scope: Scope | None) -> Measured:
        if scope is not self._place[0]:
            self._place = scope, plain_path(scope)
        key = self._place[1], type(function).__name__
        if key not in self._measured:
            self._measured[key] = Measured(key[1])
        return self._measured[key]

    # -- what was measured -----------------------------------------------------------------------

    @property
    def operations(self) -> list[Measured]:
        """What was measured per class of operation, the slowest first."""
        rows = _gather((name, row) for (_, name), row in self._measured.items())
        return sorted(rows, key=lambda row: -row.time)

    @property
    def modules(self) -> list[Measured]:
        """What was measured per module and scope, each with all that is below it."""
        return _gather(
            (".".join(path[:depth]), row)
            for (path, _), row in self._measured.items()
            for depth in range(1, len(path) + 1)
        )

    @property
    def total(self) -> Measured:
        """What was measured of everything."""
        return next(iter(_gather(("total", m) for m in self._measured.values())), Measured("total"))

    def __str__(self) -> str:
        total = self.total
        tables = [_table("operation", [*self.operations, total], total)]
        if self.modules:
            tables.append(_table("module", [*self.modules, total], total))
        return "\n\n".join(tables)


class _Running:
    """An operation, or a rule, whose clock runs."""

    __slots__ = ("inside", "start", "what")

    def __init__(self, what: object) -> None:
        self.what = what
        self.inside = 0.0  # the seconds of others that ran meanwhile
        self.start = perf_counter()


def _gather(rows: Iterable[tuple[str, Measured]]) -> list[Measured]:
    """Add up the rows of one name."""
    found: dict[str, Measured] = {}
    for name, row in rows:
        found.setdefault(name, Measured(name)).add(row)
    return list(found.values())


# -- the tables ----------------------------------------------------------------------------------

HEAD = ("calls", "forward", "backward", "time", "FLOPs", "bytes", "parameters")


def _table(title: str, rows: Sequence[Measured], total: Measured) -> str:
    """Return a table as text, the first column to the left and the others to the right."""
    lines = [(title, *HEAD), *(tuple(_cells(row, total)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )


def _cells(row: Measured, total: Measured) -> Iterator[str]:
    yield row.name
    yield f"{row.calls:,}"
    yield duration(row.forward)
    yield duration(row.backward)
    yield f"{row.time / (total.time or 1.0):.0%}"
    yield amount(row.flops)
    yield amount(row.bytes, "B")
    yield f"{row.parameters:,}"

"""Each contract is broken on purpose, and seen to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import _autograd
from tinygraph.testing import contracts

X = np.array([[0.5, -1.5, 2.0], [3.1, -0.25, 1.3]])


def broken(f: Any, *inputs: Any, **options: Any) -> dict[str, str]:
    """Return the contracts that do not hold, without the word before them, and the reasons."""
    findings = contracts(f, *inputs, **options)
    return {
        finding.check.removeprefix("contract: "): finding.message
        for finding in findings
        if finding.verdict == "failed"
    }


class Double(tg.Function):
    """A right rule, from which the wrong ones differ in one place each."""

    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, g: Any) -> Any:
        return 2 * g


class WritesGradient(Double):
    def backward(self, g: Any) -> Any:
        g *= 2
        return g


class WritesInput(Double):
    def forward(self, x: Any) -> Any:
        x *= 2
        return x.copy()


class WritesKept(Double):
    def backward(self, g: Any, y: Any) -> Any:
        y += 1
        return 2 * g


class WritesIfItCan(Double):
    def backward(self, g: Any) -> Any:
        if isinstance(g, np.ndarray) and g.flags.writeable:
            g *= 2
            return g
        return 2 * g


class Hides(Double):
    def forward(self, x: Any) -> Any:
        self.x = x
        return 2 * x


class WritesInBranch(Double):
    def branch(self, x: Any) -> Any:
        x += 1
        return (x > 0,)


class BranchOfNoTuple(Double):
    def branch(self, x: Any) -> Any:
        return x > 0


class ReturnsInput(tg.Function):
    def forward(self, x: Any) -> Any:
        return x

    def backward(self, g: Any) -> Any:
        return g


class ReturnsView(ReturnsInput):
    def forward(self, x: Any) -> Any:
        return x[:]


class Widens(Double):
    def forward(self, x: Any) -> Any:
        return x * np.full((), 2.0)


class Narrow(Double):
    def forward(self, x: Any) -> Any:
        return (2 * x.astype(np.float16)).astype(x.dtype) if x.dtype == np.float32 else 2 * x


class Imprecise(Double):
    def backward(self, g: Any) -> Any:
        narrow = np.float16 if g.dtype == np.float32 else g.dtype
        return 2 * g.astype(narrow).astype(g.dtype)


class TwoModes(Double):
    def backward(self, g: Any) -> Any:
        return g if isinstance(g, tg.Tensor) else 2 * g


class MemoryOrder(Double):
    def forward(self, x: Any) -> Any:
        return 2 * x.ravel("K").reshape(x.shape)


class MemoryOrderOfGradient(Double):
    def backward(self, g: Any) -> Any:
        return 2 * np.ravel(g, "K").reshape(g.shape)


class NotZeroAtZero(Double):
    def backward(self, g: Any) -> Any:
        return 2 * g + (g == 0).astype(g.dtype)


class Saturates(Double):
    def backward(self, g: Any) -> Any:
        return 2 * tg.ops.elementwise.tanh_(g)


class Counts(Double):
    calls = 0

    def backward(self, g: Any) -> Any:
        Counts.calls += 1
        return Counts.calls * g


class NotTheSame(Double):
    calls = 0

    def forward(self, x: Any) -> Any:
        NotTheSame.calls += 1
        return 2 * x + NotTheSame.calls


class Cycle(Double):
    """The output and a list hold each other."""

    def forward(self, x: Any) -> Any:
        y = (2 * x).view(Linked)
        y.partner = [y]
        return np.asarray(y)


class Linked(np.ndarray):
    pass


class KeepsAll(Double):
    kept: Any = []  # noqa: RUF012 (that is the mistake)

    def forward(self, x: Any) -> Any:
        y = 2 * x
        self.kept.append(y)
        return y


class Scale(tg.Function):
    def forward(self, x: Any, w: Any) -> Any:
        return x * w

    def backward(self, g: Any, x: Any, w: Any, needs: Any) -> Any:
        return g * w if needs.x else None, g * x if needs.w else None


class OnlyTogether(Scale):
    """It mistakes the need of one gradient for that of the other."""

    def backward(self, g: Any, x: Any, w: Any, needs: Any) -> Any:
        return g * w if needs.x else None, g * x if needs.x else None


class RefusesReadOnly(Double):
    def forward(self, x: Any) -> Any:
        if not x.flags.writeable:
            raise ValueError("read-only")
        return 2 * x


class FailsOnNothing(Double):
    def backward(self, g: Any) -> Any:
        return 2 * g * (g.size // g.size)


CAUGHT = [
    ("nothing is written to", WritesGradient),
    ("nothing is written to", WritesInput),
    ("nothing is written to", WritesKept),
    ("nothing is written to", WritesIfItCan),
    ("nothing is written to", Hides),
    ("nothing is written to", WritesInBranch),
    ("nothing is written to", BranchOfNoTuple),
    ("nothing is written to", ReturnsInput),
    ("nothing is written to", RefusesReadOnly),
    ("outputs are new", ReturnsView),
    ("dtypes are kept", Widens),
    ("precise in float32", Narrow),
    ("precise in float32", Imprecise),
    ("both modes of the rule agree", TwoModes),
    ("any memory layout", MemoryOrder),
    ("any memory layout", MemoryOrderOfGradient),
    ("linear in the cotangent", NotZeroAtZero),
    ("linear in the cotangent", Saturates),
    ("a second backward", Counts),
    ("the same every time", NotTheSame),
    ("the graph is freed", KeepsAll),
    ("empty and single", FailsOnNothing),
]


@pytest.mark.parametrize(("contract", "wrong"), CAUGHT)
def test_a_broken_contract_is_seen(contract: str, wrong: type[tg.Function]) -> None:
    assert contract in broken(wrong(), X, view=False, keeps_dtype=True)


def test_a_right_rule_breaks_none() -> None:
    assert not broken(Double(), X, view=False, keeps_dtype=True)
    assert not broken(Scale(), X, X + 1, view=False, keeps_dtype=True)


def test_a_gradient_that_comes_only_with_another_is_seen() -> None:
    assert "one gradient at a time" in broken(OnlyTogether(), X, X + 1)


def test_views_and_other_dtypes_are_allowed_unless_forbidden() -> None:
    assert not broken(lambda x: x.reshape(6), X)
    assert not broken(lambda x: x.astype(np.float64), X)


def test_the_rule_that_writes_is_named() -> None:
    message = broken(WritesKept(), X)["nothing is written to"]
    assert "WritesKept.backward" in message
    assert "test_contracts.py:" in message
    assert "'y', which it keeps" in message


def test_a_write_deep_in_a_model_is_seen() -> None:
    def model(x: tg.Tensor) -> tg.Tensor:
        return WritesKept()(x.tanh()).sum()

    assert "WritesKept.backward" in broken(model, X)["nothing is written to"]


def test_a_write_to_integers_is_seen() -> None:
    def careless(x: tg.Tensor, index: np.ndarray) -> tg.Tensor:
        index[index < 0] += len(x)
        return x[index]

    assert "index was written to" in broken(careless, X, np.array([-1, 0]))["nothing is written to"]


def test_nested_inputs_and_modules() -> None:
    model = tg.nn.Linear(3, 2)
    before = model.weight.data.copy()

    @dataclass
    class Batch:
        x: Any
        labels: Any

    def loss(batch: Batch) -> tg.Tensor:
        return tg.cross_entropy(model(batch.x), batch.labels)

    batch = Batch(tg.Tensor(X.astype(np.float32)), np.array([0, 1]))
    assert not broken(loss, batch)
    assert not broken(model, X.astype(np.float32))
    np.testing.assert_array_equal(model.weight.data, before)
    assert model.weight.grad is None


def test_what_has_no_gradient_has_the_other_contracts() -> None:
    checks = {finding.check for finding in contracts(lambda x: x > 0, X)}
    assert "contract: any memory layout" in checks
    assert "contract: a second backward" not in checks
    assert not broken(lambda x: x > 0, X)


def test_what_is_given_stays_as_it_is() -> None:
    x = tg.Tensor(X.copy(), requires_grad=True)
    contracts(WritesGradient(), x)
    contracts(WritesInput(), x)
    np.testing.assert_array_equal(x.data, X)
    assert x.grad is None


# -- an engine with a bug ------------------------------------------------------------------------


def _replaced(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the accumulation of the engine a bug."""
    import inspect

    source = inspect.getsource(_autograd._Gradients)
    assert source.count(old) == 1
    namespace = dict(vars(_autograd))
    exec(source.replace(old, new), namespace)
    monkeypatch.setattr(_autograd, "_Gradients", namespace["_Gradients"])


ENGINE = [
    ("        if made:\n            self.owned", "        if True:\n            self.owned"),
    ("return wrap(g if unshared else g.copy())", "return wrap(g)"),
    ("np.add(held, g, out=held)", "pass"),
    ("np.asarray(held + g)", "np.asarray(g)"),
    ("self.values[source] = held + g\n        elif", "self.values[source] = g\n        elif"),
    ("elif source in self.owned:", "elif held.flags.writeable:"),
]


@pytest.mark.parametrize(("old", "new"), ENGINE)
def test_a_bug_of_the_engine_is_seen(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = tg.ops.elementwise.Add()
    assert not broken(f, X, X + 1)
    _replaced(old, new, monkeypatch)
    assert broken(f, X, X + 1)


def test_a_wrong_order_of_traversal_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = _autograd.postorder

    def preorder(roots: Any) -> Any:
        seen: list[Any] = []
        stack = [r for r in roots if isinstance(r, _autograd.Node)]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.append(node)
                stack += [s for s in node.inputs if isinstance(s, _autograd.Node)]
        return seen[::-1]

    assert len(preorder([])) == len(right([]))
    monkeypatch.setattr(_autograd, "postorder", preorder)
    assert "an output used several times" in broken(tg.exp, X)


def test_a_gradient_that_is_overwritten_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = tg.Tensor.backward

    def backward(self: tg.Tensor, *args: Any, **kwargs: Any) -> None:
        node = self._source
        for leaf in node.inputs:
            leaf.grad = None
        right(self, *args, **kwargs)

    monkeypatch.setattr(tg.Tensor, "backward", backward)
    assert "backward accumulates" in broken(Double(), X)

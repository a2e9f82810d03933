"""Relations and references: what agrees passes, and what does not is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.testing import (
    GradientError,
    additive_over_batch,
    differential,
    equivalent,
    equivariant,
    invariant,
)

X = np.array([[0.5, -1.5, 2.0], [3.1, -0.25, 1.3], [0.7, 0.2, -2.4], [1.1, 0.3, 2.2]])
LABELS = np.array([0, 2, 1, 1])


@tg.function(lambda g, x: 2.5 * g * x)
def wrong_square(x: Any) -> Any:
    return x * x


def checks(error: Any) -> set[str]:
    return {finding.check for finding in error.value.report.failures}


def test_equivalent_compares_values_and_gradients() -> None:
    assert equivalent(lambda x: x * x, lambda x: x**2, X)
    with pytest.raises(GradientError) as caught:
        equivalent(wrong_square, tg.square, X)
    assert checks(caught) == {"gradient"}
    with pytest.raises(GradientError) as caught:
        equivalent(lambda x: x * x * (1 + 1e-9), tg.square, X)
    assert checks(caught) == {"value", "gradient"}
    with pytest.raises(GradientError, match="shapes"):
        equivalent(lambda x: x.sum(), tg.square, X)


def test_equivalent_modules() -> None:
    one = tg.nn.Linear(3, 2)
    other = tg.nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    x = X.astype(np.float32)
    assert equivalent(one, lambda x: x @ one.weight.T + one.bias, x)
    assert equivalent(one, other, x)
    with pytest.raises(GradientError):
        equivalent(one, tg.nn.Linear(3, 2), x)


def test_equivalent_of_discrete_outputs() -> None:
    assert equivalent(lambda x: x > 0, lambda x: -x < 0, X)
    with pytest.raises(GradientError):
        equivalent(lambda x: x > 0, lambda x: x > 0.4, X)


def test_invariant() -> None:
    def loss(x: Any, t: Any) -> tg.Tensor:
        return tg.cross_entropy(x, t)

    assert invariant(loss, lambda x, t: (x + 7, t), X, LABELS)
    with pytest.raises(GradientError):
        invariant(loss, lambda x, t: (2 * x, t), X, LABELS)


def test_equivariant() -> None:
    image = np.arange(32.0).reshape(1, 2, 4, 4) / 7
    kernel = np.arange(18.0).reshape(1, 2, 3, 3) / 5

    def convolve(x: Any) -> tg.Tensor:
        return tg.conv2d(x, tg.Tensor(kernel))

    def shift(x: tg.Tensor) -> tg.Tensor:
        return x[..., 1:]

    assert equivariant(convolve, shift, shift, image)
    with pytest.raises(GradientError):
        equivariant(convolve, lambda x: x[:, :, ::-1], lambda y: y[:, :, ::-1], image)


def test_additive_over_the_batch() -> None:
    def loss(reduction: str) -> Any:
        return lambda x, t: tg.cross_entropy(x, t, reduction=reduction)

    assert additive_over_batch(loss("sum"), X, LABELS)
    with pytest.raises(GradientError):
        additive_over_batch(loss("mean"), X, LABELS)
    with pytest.raises(ValueError, match="same number of examples"):
        additive_over_batch(loss("sum"), X, LABELS[:2])


def test_numpy_is_a_reference() -> None:
    assert differential(tg.multiply, np.multiply, X, X + 1)
    assert differential(tg.argmax, np.argmax, X)
    assert differential(lambda x: (x.exp(), x.sum()), lambda x: (np.exp(x), x.sum()), X)
    assert differential(tg.exp, np.exp, X.astype(np.float32))
    with pytest.raises(GradientError, match="value"):
        differential(tg.sin, lambda x: np.sin(x) * (1 + 1e-13), X)
    with pytest.raises(GradientError):
        differential(tg.argmax, lambda x: np.argmax(x) + 1, X)


def test_pytorch_is_a_reference(torch: Any) -> None:
    functional = torch.nn.functional
    assert differential(tg.nn.functional.gelu, functional.gelu, X, torch=True)
    assert differential(tg.cross_entropy, functional.cross_entropy, X, LABELS)
    assert differential(tg.relu, functional.relu, X.astype(np.float32))
    with pytest.raises(GradientError) as caught:
        differential(wrong_square, lambda x: x * x, X, torch=True)
    assert checks(caught) == {"gradient"}
    with pytest.raises(GradientError) as caught:
        differential(tg.exp, torch.expm1, X, torch=True)
    assert "value" in checks(caught)

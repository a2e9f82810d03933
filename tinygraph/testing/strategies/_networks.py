"""Small networks of the kinds that people build, as the text of a program."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ._shapes import Shape


class Network(NamedTuple):
    """The parameters of a function ``graph``, with their shapes, and the lines of its body."""

    shapes: dict[str, Shape]
    lines: list[str]

    @property
    def source(self) -> str:
        """The text of the function."""
        body = "".join(f"    {line}\n" for line in self.lines)
        return f"def graph({', '.join(self.shapes)}):\n{body}"


def networks() -> SearchStrategy[Network]:
    """Draw one of the networks."""
    return st.one_of(_perceptron(), _convolutional(), _residual(), _attention(), _recurrent())


@st.composite
def _perceptron(draw: DrawFn) -> Network:
    batch, inputs, hidden, classes = (draw(st.integers(1, 3)) for _ in range(4))
    activation = draw(st.sampled_from(["tanh", "relu", "sigmoid"]))
    return Network(
        {
            "x": (batch, inputs),
            "w": (hidden, inputs),
            "b": (hidden,),
            "v": (classes, hidden),
            "c": (classes,),
        },
        [
            f"h = tg.{activation}(tg.linear(x, w, b))",
            f"return tg.cross_entropy(tg.linear(h, v, c), {draw(_targets(batch, classes))})",
        ],
    )


@st.composite
def _convolutional(draw: DrawFn) -> Network:
    batch, channels, filters = (draw(st.integers(1, 2)) for _ in range(3))
    kernel, stride, pooled = ((draw(st.integers(1, 2)), draw(st.integers(1, 2))) for _ in range(3))
    padding = tuple(draw(st.integers(0, length - 1)) for length in kernel)
    classes = draw(st.integers(2, 3))
    targets = draw(_targets(batch, classes))
    # as many pixels as give that many windows of pooling, which are 2 × 2
    size = [
        (2 * count - 1) * step + length - 2 * edge
        for count, step, length, edge in zip(pooled, stride, kernel, padding, strict=True)
    ]
    return Network(
        {
            "x": (batch, channels, size[0], size[1]),
            "w": (filters, channels, *kernel),
            "b": (filters,),
            "v": (classes, filters * pooled[0] * pooled[1]),
        },
        [
            f"h = tg.relu(tg.conv2d(x, w, b, stride={stride}, padding={padding}))",
            "h = tg.max_pool2d(h, 2)",
            f"return tg.cross_entropy(tg.linear(h.flatten(1), v), {targets})",
        ],
    )


@st.composite
def _residual(draw: DrawFn) -> Network:
    batch, features = draw(st.integers(1, 2)), draw(st.integers(3, 4))
    return Network(
        {"x": (batch, features), "w": (features, features), "gain": (features,)},
        [
            f"h = tg.nn.functional.layer_norm(x @ w, ({features},), gain)",
            "return (x + tg.relu(h)).mean(axis=1)",
        ],
    )


@st.composite
def _attention(draw: DrawFn) -> Network:
    batch, length, features = (draw(st.integers(1, 2)) for _ in range(3))
    square = (features, features)
    return Network(
        {"x": (batch, length, features), "q": square, "k": square, "v": square},
        [
            f"scores = (x @ q) @ (x @ k).mT / {features}**0.5",
            "return tg.softmax(scores, axis=-1) @ (x @ v)",
        ],
    )


@st.composite
def _recurrent(draw: DrawFn) -> Network:
    batch, inputs, hidden = (draw(st.integers(1, 2)) for _ in range(3))
    length = draw(st.integers(2, 3))
    return Network(
        {"x": (batch, length, inputs), "u": (inputs, hidden), "w": (hidden, hidden)},
        [
            "h = tg.tanh(x[:, 0] @ u)",
            *(f"h = tg.tanh(x[:, {step}] @ u + h @ w)" for step in range(1, length)),
            "return h",
        ],
    )


def _targets(batch: int, classes: int) -> SearchStrategy[list[int]]:
    return st.lists(st.integers(0, classes - 1), min_size=batch, max_size=batch)

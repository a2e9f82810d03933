"""What the kernel tests draw: the structure from Hypothesis, the values from a drawn seed.

Raw Hypothesis floats are mostly zeros and ties; a seed gives typical values, and ties are drawn
on purpose as small integers, on which every sum is exact.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tinygraph import kernels

SIZES = st.integers(1, 7)
BATCHES = st.integers(0, 3)
DTYPES = st.sampled_from([np.float32, np.float64])
LAYOUTS = st.sampled_from(["contiguous", "transposed", "reversed", "strided"])


@dataclass(frozen=True)
class Geometry:
    """A window that slides over an image and fits at least once."""

    size: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    @property
    def sliding(self):
        return self.kernel_size, self.stride, self.padding, self.dilation

    @property
    def windows(self):
        axes = zip(self.size, *self.sliding, strict=True)
        return tuple(kernels.output_size(*axis, self.ceil_mode) for axis in axes)


@st.composite
def geometries(draw, pooling=False, dilated=True, ranks=(1, 2, 2, 3)):
    """Draw a Geometry; one for pooling has padding of at most half the window, maybe ceil mode."""
    axes = []
    rank = draw(st.sampled_from(ranks))
    for _ in range(rank):
        kernel = draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 3)) if dilated else 1
        stride = draw(st.integers(1, 4))
        span = dilation * (kernel - 1) + 1
        padding = draw(st.integers(0, span // 2 if pooling else 3))
        # Windows that barely fit are the ones that go wrong: often draw the smallest size.
        smallest = max(1, span - 2 * padding)
        size = draw(
            st.one_of(st.just(smallest), st.integers(smallest, smallest + (5 if rank < 3 else 2)))
        )
        assume(not pooling or padding == 0 or dilation <= size)  # else some window is all padding
        axes.append((size, kernel, stride, padding, dilation))
    ceil_mode = pooling and draw(st.booleans())
    return Geometry(*zip(*axes, strict=True), ceil_mode)


@st.composite
def arrays(draw, shape, dtype=None, integers=None):
    """Draw a read-only array in any layout, of normal variates or of integers from -3 to 3."""
    dtype = draw(DTYPES) if dtype is None else dtype
    integers = draw(st.booleans()) if integers is None else integers
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(-3, 4, shape) if integers else rng.standard_normal(shape)
    x = lay_out(values.astype(dtype), draw(LAYOUTS))
    x.flags.writeable = False
    return x


def lay_out(x, layout):
    """Give the same values in other strides."""
    if layout == "transposed":
        return np.asfortranarray(x)
    if layout == "reversed":
        return np.flip(np.flip(x).copy())
    if layout == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x

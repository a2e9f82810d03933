"""Two ways to the same numbers: do they agree to within rounding?

What rounding does is measured: how far does a result move when every input moves by one unit in its
last place?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._numeric import ROUNDINGS, movement, nudged
from ._report import Array, Entry, Finding, GradientError, Report

__tracebackhide__ = True  # pytest shows the user's lines

# A formula also adds numbers to 1, or to others of that size.
FLOOR = 1.0


@dataclass(frozen=True)
class Expected:
    """What some results should be, and how far each entry may be from that.

    Results that are not floating must be the same, and of the same dtype.
    """

    results: Sequence[Array]
    allowed: Sequence[Array]

    @classmethod
    def of(
        cls,
        f: Callable[..., Sequence[Array]],
        arrays: Sequence[Array | None],
        dtype: Any = np.float64,
        others: Sequence[Callable[..., Sequence[Array]]] = (),
    ) -> Expected:
        """Return the results of ``f(*arrays)``, to the rounding of ``dtype``.

        ``others`` are further ways to them, that may be rounded more.
        """
        arrays = list(arrays)
        floats = [i for i, a in enumerate(arrays) if a is not None and a.dtype.kind == "f"]
        points = []
        for copies in nudged([arrays[i] for i in floats], dtype, FLOOR):  # type: ignore[misc]
            point = list(arrays)
            for i, copy in zip(floats, copies, strict=True):
                point[i] = copy.astype(arrays[i].dtype)  # type: ignore[union-attr]
            points.append(point)
        results = f(*arrays)
        allowed = _allowed(results, [f(*point) for point in points], dtype)
        for other in others:
            more = _allowed(other(*arrays), [other(*point) for point in points], dtype)
            if [a.shape for a in more] == [a.shape for a in allowed]:
                allowed = [a + b for a, b in zip(allowed, more, strict=True)]
        return cls(results, allowed)

    def compare(self, check: str, names: Sequence[str], actual: Sequence[Array]) -> list[Finding]:
        """Return a Finding for each result."""
        if len(actual) != len(self.results):
            message = f"{len(actual)} results, expected {len(self.results)}"
            return [Finding(check, "the results", "failed", message)]
        parts = zip(names, actual, self.results, self.allowed, strict=True)
        return [_compare(check, *part) for part in parts]


def _allowed(here: Sequence[Array], moved: Sequence[Sequence[Array]], dtype: Any) -> list[Array]:
    eps = float(np.finfo(dtype).eps)
    bounds = []
    for i, result in enumerate(here):
        if result.dtype.kind != "f":
            bounds.append(np.zeros(result.shape))
            continue
        with np.errstate(all="ignore"):
            # A nudge out of the domain tells nothing.
            others = [np.where(np.isfinite(m[i]), m[i], result) for m in moved]
            bound = ROUNDINGS * movement(result.astype(np.float64), others, eps)
            bounds.append(bound + float(np.finfo(dtype).tiny))
    return bounds


def _compare(check: str, name: str, got: Array, want: Array, allowed: Array) -> Finding:
    if got.shape != want.shape:
        return Finding(check, name, "failed", f"the shape is {got.shape}, expected {want.shape}")
    if want.dtype.kind != "f":
        same = got.dtype == want.dtype and np.array_equal(got, want)
        message = "" if same else f"{got.dtype} {_few(got)}, expected {want.dtype} {_few(want)}"
        return Finding(check, name, "passed" if same else "failed", message)
    with np.errstate(all="ignore"):
        a, b = got.astype(np.float64), want.astype(np.float64)
        b = np.where(
            np.isinf(want.astype(got.dtype)), np.copysign(np.inf, b), b
        )  # too large for it
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        off = np.where(same, 0.0, np.where(np.isfinite(b), np.abs(a - b) / allowed, np.inf))
    off = np.where(np.isnan(off), np.inf, off)
    if not (off > 1).any():
        return Finding(check, name, "passed")
    worst = np.unravel_index(np.argmax(off), off.shape)
    place = tuple(map(int, worst))
    entry = Entry(place, float(a[worst]), float(b[worst]), float(allowed[worst]), 0.0)
    return Finding(check, name, "failed", worst=entry, analytic=a, numeric=b)


def _few(array: Array) -> str:
    flat = array.ravel()[:6].tolist()
    return f"{flat}{'...' if array.size > 6 else ''}"


def coarsest(arrays: Sequence[Array]) -> Any:
    """Return the floating dtype, among those of the arrays, that rounds most; at least float64."""
    dtypes = [a.dtype for a in arrays if a.dtype.kind == "f"]
    return max([np.dtype(np.float64), *dtypes], key=lambda d: float(np.finfo(d).eps))


def assert_agrees(
    actual: Sequence[Array],
    f: Callable[..., Sequence[Array]],
    arrays: Sequence[Array | None],
    dtype: Any = np.float64,
) -> None:
    """Require ``actual`` to be ``f(*arrays)``, a list of arrays, to the rounding of ``dtype``."""
    names = [f"result {i}" for i in range(len(actual))]
    findings = Expected.of(f, arrays, dtype).compare("value", names, actual)
    report = Report(getattr(f, "__name__", "f"), tuple(findings))
    if not report:
        raise GradientError(report)

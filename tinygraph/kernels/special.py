"""Special functions that NumPy lacks, or has only slowly."""

from collections.abc import Callable

import numpy as np

from tinygraph.kernels._types import Array

# Quotients of polynomials, highest power first, in double precision from Sun's fdlibm (s_erf.c).
# fmt: off
_SMALL = (  # erf(x) / x - 1 in x², below 0.84375
    (-2.3763016656650163e-05, -0.005770270296489442, -0.02848174957559851, -0.3250421072470015,
     0.12837916709551256),
    (-3.960228278775368e-06, 0.00013249473800432164, 0.005081306281875766, 0.0650222499887673,
     0.39791722395915535, 1.0),
)
_AT_ONE = 0.8450629115104675
_MIDDLE = (  # erf(x) - _AT_ONE in x - 1, below 1.25
    (-0.002166375594868791, 0.035478304325618236, -0.11089469428239668, 0.31834661990116175,
     -0.3722078760357013, 0.41485611868374833, -0.0023621185607526594),
    (0.011984499846799107, 0.01363708391202905, 0.12617121980876164, 0.07182865441419627,
     0.540397917702171, 0.10642088040084423, 1.0),
)
_LARGE = (  # log(x erfc(x)) + x² + 0.5625 in 1 / x², below 1 / 0.35
    (-9.814329344169145, -81.2874355063066, -184.60509290671104, -162.39666946257347,
     -62.375332450326006, -10.558626225323291, -0.6938585727071818, -0.009864944034847148),
    (-0.0604244152148581, 6.570249770319282, 108.63500554177944, 429.00814002756783,
     645.3872717332679, 434.56587747522923, 137.65775414351904, 19.651271667439257, 1.0),
)
_HUGE = (  # the same, below 6, from where on erf(x) rounds to 1
    (-483.5191916086514, -1025.0951316110772, -637.5664433683896, -160.63638485582192,
     -17.757954917754752, -0.799283237680523, -0.0098649429247001),
    (-22.44095244658582, 474.52854120695537, 2553.0504064331644, 3199.8582195085955,
     1536.729586084437, 325.7925129965739, 30.33806074348246, 1.0),
)
_SINGLE = (  # erf(x) / x in x², below 4, in single precision (from Eigen)
    (-2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
     -0.000734990630326855, -0.00295459980854025, -0.0160960333262415),
    (-1.45660718464996e-05, -0.000213374055278905, -0.00168282697438203, -0.00737332916720468,
     -0.0142647390514189),
)
# fmt: on

_Rational = tuple[tuple[float, ...], tuple[float, ...]]


def erf(x: Array) -> Array:
    """Error function, to about an ulp in double precision and a few in single; NaN of NaN."""
    if x.dtype != np.float64:
        return _single(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)
    a = np.abs(x)
    y = np.full_like(a, np.nan)
    for low, high, kernel in _PIECES:
        inside = (low <= a) & (a < high)
        y[inside] = kernel(a[inside])
    y[a >= 6] = 1
    return np.copysign(y, x, out=y)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), which overflows nowhere; several times as fast as np.logaddexp(x, 0)."""
    y: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


def _tail(rational: _Rational, x: Array) -> Array:
    square = x * x
    complement: Array = np.exp(_ratio(rational, 1 / square) - 0.5625 - square) / x
    return 1 - complement


_PIECES: list[tuple[float, float, Callable[[Array], Array]]] = [
    (0, 0.84375, lambda x: x + x * _ratio(_SMALL, x * x)),
    (0.84375, 1.25, lambda x: _AT_ONE + _ratio(_MIDDLE, x - 1)),
    (1.25, 1 / 0.35, lambda x: _tail(_LARGE, x)),
    (1 / 0.35, 6, lambda x: _tail(_HUGE, x)),
]


def _single(x: Array) -> Array:
    x = np.asarray(np.clip(x, -4, 4))
    y: Array = np.clip(x * _ratio(_SINGLE, x * x), -1, 1)
    return y


def _ratio(rational: _Rational, x: Array) -> Array:
    """Return the quotient of two polynomials."""
    above, below = (_polynomial(coefficients, x) for coefficients in rational)
    above /= below
    return above


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y *= x
        y += c
    return y

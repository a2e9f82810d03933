"""Polynomials with integer coefficients: exact values and derivatives, by school algebra."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

Monomial = tuple[int, ...]  # the variables, by number, each as often as its power says


class Polynomial:
    """A polynomial in numbered variables.

    Examples
    --------
    >>> x, y = Polynomial({(0,): 1}), Polynomial({(1,): 1})
    >>> p = x * x * y + y
    >>> p.at({0: 3, 1: 2}), p.derivative(0).at({0: 3, 1: 2})
    (20, 12)
    """

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {variables: factor for variables, factor in terms.items() if factor}

    def __add__(self, other: Polynomial) -> Polynomial:
        terms = Counter(self.terms)
        terms.update(other.terms)
        return Polynomial(terms)

    def __mul__(self, other: Polynomial) -> Polynomial:
        terms: Counter[Monomial] = Counter()
        for a, factor in self.terms.items():
            for b, other_factor in other.terms.items():
                terms[tuple(sorted(a + b))] += factor * other_factor
        return Polynomial(terms)

    def __neg__(self) -> Polynomial:
        return Polynomial({variables: -factor for variables, factor in self.terms.items()})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def derivative(self, variable: int) -> Polynomial:
        """Return the derivative with respect to a variable."""
        terms: Counter[Monomial] = Counter()
        for variables, factor in self.terms.items():
            power = variables.count(variable)
            if power:
                place = variables.index(variable)
                terms[variables[:place] + variables[place + 1 :]] += power * factor
        return Polynomial(terms)

    def at(self, point: Mapping[int, int]) -> int:
        """Return the value where each variable has that of ``point``."""
        return sum(
            factor * math.prod(point[variable] for variable in variables)
            for variables, factor in self.terms.items()
        )

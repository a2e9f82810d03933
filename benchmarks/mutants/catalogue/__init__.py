"""The mutants, by family: each a bug that someone could have written."""

from __future__ import annotations

from mutant import Mutant

from . import (
    contracts,
    conv,
    elementwise,
    engine,
    linalg,
    loss,
    normalization,
    pool,
    recurrent,
    reduction,
    selection,
)

MUTANTS: list[Mutant] = [
    *engine.MUTANTS,
    *elementwise.MUTANTS,
    *reduction.MUTANTS,
    *selection.MUTANTS,
    *linalg.MUTANTS,
    *conv.MUTANTS,
    *pool.MUTANTS,
    *normalization.MUTANTS,
    *loss.MUTANTS,
    *recurrent.MUTANTS,
    *contracts.MUTANTS,
]
FAMILIES = tuple(dict.fromkeys(mutant.family for mutant in MUTANTS))
_BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
if len(_BY_NAME) < len(MUTANTS):
    raise ValueError("two mutants have one name")


def by_name(name: str) -> Mutant:
    return _BY_NAME[name]

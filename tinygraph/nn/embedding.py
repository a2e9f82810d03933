"""Embedding as a layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .._tensor import Tensor, TensorLike, get_default_dtype
from . import functional, init
from .layers import _check_positive
from .module import Module, Parameter


class Embedding(Module):
    """A table of vectors, looked up by their numbers: (...) -> (..., embedding_dim).

    Parameters
    ----------
    num_embeddings, embedding_dim : int
        The rows and columns of the table.
    padding_idx : int, optional
        A row that starts at zero and does not learn.
    max_norm, norm_type, scale_grad_by_freq
        As `functional.embedding` takes them.
    dtype : dtype, optional
        Of the table; the default dtype unless given.
    generator : numpy.random.Generator, optional
        Draws the table, standard normal; default: the one that `tinygraph.manual_seed` restarts.

    Attributes
    ----------
    weight : Parameter, shape (num_embeddings, embedding_dim)

    Raises
    ------
    ValueError
        If a size is not positive, or ``padding_idx`` no row.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        *,
        dtype: DTypeLike | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not isinstance(padding_idx, (int, np.integer)):
                raise TypeError(f"Embedding: padding_idx must be an integer, not {padding_idx!r}")
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx} is none of {num_embeddings} rows"
                )
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        dtype = get_default_dtype() if dtype is None else dtype
        self.weight = Parameter(np.zeros((num_embeddings, embedding_dim), dtype))
        init.normal_(self.weight, generator=generator)
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, index: TensorLike) -> Tensor:
        """Integers (...) -> (..., embedding_dim)."""
        return functional.embedding(
            index,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

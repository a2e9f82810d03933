"""Data in batches: arrays side by side, and a loader that goes over them, shuffled if wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from . import _random
from ._tensor import Array, Tensor, TensorLike, to_array

Index: TypeAlias = int | slice | Sequence[int] | Array


class TensorDataset:
    """Arrays of one length, indexed together.

    Parameters
    ----------
    *arrays : arrays or Tensors, shape (n, ...)
        Shared, not copied.

    Raises
    ------
    ValueError
        If there is none, one is 0-d, or their lengths differ.

    Examples
    --------
    >>> import tinygraph as tg
    >>> data = tg.data.TensorDataset([[1, 2], [3, 4], [5, 6]], [0, 1, 0])
    >>> len(data)
    3
    >>> x, y = data[1]
    >>> x.tolist(), y.tolist()
    ([3, 4], 1)
    >>> x, y = data[[0, 2]]
    >>> x.tolist(), y.tolist()
    ([[1, 2], [5, 6]], [0, 0])
    """

    def __init__(self, *arrays: TensorLike) -> None:
        self.arrays = tuple(to_array(array) for array in arrays)
        shapes = [array.shape for array in self.arrays]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                "TensorDataset: expected arrays of one length, "
                f"not shapes {', '.join(map(str, shapes)) or '(none given)'}"
            )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Index) -> tuple[Tensor, ...]:
        """Return the rows at ``index``, one Tensor of each array: views for an int or a slice."""
        return tuple(Tensor(array[index]) for array in self.arrays)


class DataLoader:
    """Goes over a dataset in batches; every loop over it is one epoch.

    Parameters
    ----------
    dataset : TensorDataset
    batch_size : int
    shuffle : bool
        Go in a new random order in each epoch.  Without it the batches are views of the dataset.
    drop_last : bool
        Leave out the last batch where it is not full.
    generator : numpy.random.Generator, optional
        Draws the orders; default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    TypeError
        If ``dataset`` is no TensorDataset, ``batch_size`` no integer, or ``generator`` no
        generator.
    ValueError
        If ``batch_size`` is below 1.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> data = tg.data.TensorDataset(np.arange(5))
    >>> loader = tg.data.DataLoader(data, 2, shuffle=True, generator=np.random.default_rng(0))
    >>> len(loader), [x.tolist() for x, in loader]
    (3, [[2, 4], [3, 0], [1]])
    """

    def __init__(
        self,
        dataset: TensorDataset,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
    ) -> None:
        if not isinstance(dataset, TensorDataset):
            raise TypeError(
                f"DataLoader: dataset must be a TensorDataset, not {type(dataset).__name__}"
            )
        if not isinstance(batch_size, (int, np.integer)):
            raise TypeError(
                f"DataLoader: batch_size must be an integer, not {type(batch_size).__name__}"
            )
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, not {batch_size}")
        _random.generator(generator)  # a wrong one is refused here, not in the first epoch
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator

    def __len__(self) -> int:
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        order: Array | None = None
        if self.shuffle:
            order = _random.generator(self.generator).permutation(len(self.dataset))
        for i in range(len(self)):
            batch = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield self.dataset[batch if order is None else order[batch]]

"""Data in batches: datasets, their parts, and a loader that goes over them, shuffled if wanted."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from . import _random
from ._collate import collate
from ._tensor import Array, Tensor, TensorLike, to_array

Index: TypeAlias = int | slice | Sequence[int] | Array


@runtime_checkable
class Dataset(Protocol):
    """Items by their number: whatever has ``__len__`` and ``__getitem__``, a list for one.

    There is no need to inherit from it; who does cannot forget one of the two.

    Examples
    --------
    >>> import tinygraph as tg
    >>> class Squares(tg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return {"x": float(index), "y": float(index**2)}
    >>> for batch in tg.data.DataLoader(Squares(), batch_size=3):
    ...     print(batch["x"].tolist(), batch["y"].tolist())
    [0.0, 1.0, 2.0] [0.0, 1.0, 4.0]
    [3.0] [9.0]
    """

    @abstractmethod
    def __len__(self) -> int:
        """Return how many items there are."""

    @abstractmethod
    def __getitem__(self, index: int, /) -> Any:
        """Return one item: a value, or a tuple, list or dict of such."""


def _require_dataset(caller: str, dataset: object) -> None:
    if isinstance(dataset, type):
        raise TypeError(f"{caller}: dataset is the class {dataset.__name__}; make one of it first")
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"{caller}: dataset must have __getitem__ and __len__, "
            f"which {type(dataset).__name__} has not"
        )
    try:
        len(dataset)
    except TypeError as error:  # a 0-d array, for one
        raise TypeError(f"{caller}: dataset has no length: {error}") from error


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


class Subset:
    """Some items of a dataset, in an order of their own.

    Parameters
    ----------
    dataset : Dataset
    indices : sequence of int
        Which items; negative ones count from the end.

    Raises
    ------
    TypeError
        If ``dataset`` is none, or ``indices`` are not integers.
    IndexError
        If one of them is outside of the dataset.

    Examples
    --------
    >>> import tinygraph as tg
    >>> part = tg.data.Subset("abcdef", [4, 0, -1])
    >>> len(part), list(part)
    (3, ['e', 'a', 'f'])
    """

    def __init__(self, dataset: Dataset, indices: Sequence[int] | Array) -> None:
        _require_dataset("Subset", dataset)
        try:
            places = np.asarray(indices)
        except ValueError:
            raise TypeError("Subset: indices must be a sequence of integers, not ragged") from None
        if not places.size:
            places = places.astype(np.intp)
        if places.dtype.kind not in "iu" or places.ndim != 1:
            hint = "; numpy.flatnonzero(mask) gives those of a mask" * (places.dtype.kind == "b")
            raise TypeError(
                "Subset: indices must be a sequence of integers, "
                f"not of dtype {places.dtype} and shape {places.shape}{hint}"
            )
        for index in places[(places < -len(dataset)) | (places >= len(dataset))]:
            raise IndexError(f"Subset: index {index} is outside of {len(dataset)} items")
        self.dataset = dataset
        self.indices = places

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Index, /) -> Any:
        """Return the item whose number ``indices`` has at ``index``.

        A slice or a sequence works where it does for the dataset.
        """
        places: Any = self.indices[index]
        return self.dataset[places if places.ndim else int(places)]


def _takes_many(dataset: Dataset) -> bool:
    """Whether a whole batch of its items can be asked for at once."""
    if isinstance(dataset, Subset):
        return type(dataset) is Subset and _takes_many(dataset.dataset)
    # a subclass with items of its own is asked for one at a time
    return getattr(type(dataset), "__getitem__", None) is TensorDataset.__getitem__


def random_split(
    dataset: Dataset,
    lengths: Sequence[float],
    generator: np.random.Generator | None = None,
) -> list[Subset]:
    """Deal the items out at random, each to one part; return the parts.

    Parameters
    ----------
    dataset : Dataset
    lengths : sequence of int or of float
        How many items each part gets; or the fractions of all, which are rounded down, and what is
        left over goes one by one to the first parts.
    generator : numpy.random.Generator, optional
        Default: the one that `tinygraph.manual_seed` restarts.

    Raises
    ------
    TypeError
        If ``dataset`` is none, or ``lengths`` are no numbers.
    ValueError
        If a length is negative, lengths do not add up to that of the dataset, or fractions to 1.

    Examples
    --------
    >>> import numpy as np, tinygraph as tg
    >>> train, test = tg.data.random_split(range(10), [0.75, 0.25], np.random.default_rng(0))
    >>> sorted(train), sorted(test)
    ([0, 2, 3, 4, 5, 6, 7, 9], [1, 8])
    """
    _require_dataset("random_split", dataset)
    counts = _counts(lengths, len(dataset))
    order = _random.generator(generator).permutation(len(dataset))
    return [Subset(dataset, part) for part in np.split(order, np.cumsum(counts)[:-1])]


def _counts(lengths: Sequence[float], total: int) -> list[int]:
    """Return how many of ``total`` items go to each part."""
    if not np.iterable(lengths) or not all(isinstance(n, (int, float, np.number)) for n in lengths):
        raise TypeError(f"random_split: lengths must be a sequence of numbers, not {lengths!r}")
    if any(length < 0 for length in lengths):
        raise ValueError(f"random_split: lengths must not be negative, as in {list(lengths)}")
    if all(isinstance(length, (int, np.integer)) for length in lengths):
        if sum(lengths) != total:
            raise ValueError(
                f"random_split: lengths {list(lengths)} add up to {sum(lengths)}, "
                f"but the dataset has {total} items"
            )
        return [int(length) for length in lengths]
    if not math.isclose(sum(lengths), 1):
        raise ValueError(
            f"random_split: fractions must add up to 1, but {list(lengths)} give {sum(lengths):g}"
        )
    counts = [math.floor(length * total) for length in lengths]
    for i in range(total - sum(counts)):
        counts[i % len(counts)] += 1
    return counts


class DataLoader:
    """Goes over a dataset in batches; every loop over it is one epoch.

    Parameters
    ----------
    dataset : Dataset
        A `TensorDataset`, of which a batch is taken at once, without shuffling as views; or
        anything else that has items, which are read one by one.
    batch_size : int
    shuffle : bool
        Go in a new random order in each epoch.
    drop_last : bool
        Leave out the last batch where it is not full.
    generator : numpy.random.Generator, optional
        Draws the orders; default: the one that `tinygraph.manual_seed` restarts.
    collate_fn : callable, optional
        Makes a batch of a list of items.  Default: numbers, arrays and Tensors are stacked along a
        new first axis, without their gradients; strings become a list.  Of items that are tuples,
        lists or dicts of such come batches that are the same of batches.

    Raises
    ------
    TypeError
        If ``dataset`` is none, ``batch_size`` no integer, ``drop_last`` no boolean, ``generator``
        no generator, or ``collate_fn`` not callable.
    ValueError
        If ``batch_size`` is below 1; in the loop, if items differ in shape or structure.

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
        dataset: Dataset,
        batch_size: int = 1,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: np.random.Generator | None = None,
        collate_fn: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        _require_dataset("DataLoader", dataset)
        if not isinstance(batch_size, (int, np.integer)) or isinstance(batch_size, bool):
            raise TypeError(
                f"DataLoader: batch_size must be an integer, not {type(batch_size).__name__}"
            )
        if batch_size < 1:
            raise ValueError(f"DataLoader: batch_size must be at least 1, not {batch_size}")
        if not isinstance(drop_last, (bool, np.bool_)):
            raise TypeError(f"DataLoader: drop_last must be True or False, not {drop_last!r}")
        _random.generator(generator)  # a wrong one is refused here, not in the first epoch
        if collate_fn is not None and not callable(collate_fn):
            raise TypeError(
                f"DataLoader: collate_fn must be callable, not {type(collate_fn).__name__}"
            )
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator
        self.collate_fn = collate_fn

    def __len__(self) -> int:
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full if self.drop_last or not rest else full + 1

    def __iter__(self) -> Iterator[Any]:
        order: Array | None = None
        if self.shuffle:
            order = _random.generator(self.generator).permutation(len(self.dataset))
        for i in range(len(self)):
            batch = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield self._batch(batch if order is None else order[batch])

    def _batch(self, rows: slice | Array) -> Any:
        if self.collate_fn is None and _takes_many(self.dataset):
            dataset: Any = self.dataset  # of which `Dataset` promises single items only
            return dataset[rows]
        numbers = range(len(self.dataset))[rows] if isinstance(rows, slice) else rows.tolist()
        items = [self.dataset[number] for number in numbers]
        return collate(items, numbers) if self.collate_fn is None else self.collate_fn(items)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.data import DataLoader, Dataset, Subset, TensorDataset, random_split

LENGTHS = st.integers(0, 40)
SIZES = st.integers(1, 45)
SEEDS = st.integers(0, 999)


def dataset(n):
    """Rows that tell their own index, twice."""
    return TensorDataset(np.arange(n), tg.tensor(np.arange(2.0 * n).reshape(n, 2)))


def epoch(loader):
    """Return the indices of one epoch, batch by batch, having checked that rows stay together."""
    batches = []
    for x, y in loader:
        assert isinstance(x, tg.Tensor)
        np.testing.assert_array_equal(y.data[:, 0], 2 * x.data)
        batches.append(x.tolist())
    return batches


# -- TensorDataset -------------------------------------------------------------------------------


def test_indexing():
    data = dataset(5)
    assert len(data) == 5
    x, y = data[-1]
    assert x.shape == ()
    assert x.item() == 4
    assert y.tolist() == [8, 9]
    x, y = data[1:3]
    assert x.tolist() == [1, 2]
    assert y.shape == (2, 2)
    assert data[np.array([3, 0, 3])][0].tolist() == [3, 0, 3]
    assert data[[True, False, False, False, True]][0].tolist() == [0, 4]
    with pytest.raises(IndexError):
        data[5]


def test_dtypes_are_kept_and_memory_is_shared():
    array = np.zeros((4, 2), np.float16)
    (x,) = TensorDataset(array)[1:3]
    assert x.dtype == np.float16
    assert np.shares_memory(x.data, array)
    (x,) = TensorDataset(tg.ones(3, requires_grad=True))[:]
    assert not x.requires_grad


@pytest.mark.parametrize(
    ("arrays", "shapes"),
    [
        ((), r"\(none given\)"),
        ((np.ones(3), np.ones((4, 3))), r"\(3,\), \(4, 3\)"),
        ((np.ones(3), 2.0), r"\(3,\), \(\)"),
    ],
)
def test_wrong_arrays(arrays, shapes):
    with pytest.raises(ValueError, match=f"expected arrays of one length, not shapes {shapes}"):
        TensorDataset(*arrays)


# -- DataLoader ----------------------------------------------------------------------------------


@given(LENGTHS, SIZES, st.booleans(), st.booleans(), SEEDS)
def test_every_row_comes_once(n, size, shuffle, drop_last, seed):
    loader = DataLoader(dataset(n), size, shuffle, drop_last, np.random.default_rng(seed))
    for _ in range(2):
        batches = epoch(loader)
        assert len(batches) == len(loader)
        assert all(len(batch) == size for batch in batches[:-1])
        seen = [i for batch in batches for i in batch]
        assert len(set(seen)) == len(seen)
        assert set(seen) <= set(range(n))
        assert len(seen) == (n // size * size if drop_last else n)
        if not shuffle:
            assert seen == list(range(len(seen)))


@given(st.integers(0, 40), SIZES, SEEDS)
def test_the_order_is_that_of_the_seed(n, size, seed):
    def epochs():
        loader = DataLoader(dataset(n), size, shuffle=True, generator=np.random.default_rng(seed))
        return [epoch(loader) for _ in range(3)]

    assert epochs() == epochs()


def test_each_epoch_has_an_order_of_its_own():
    loader = DataLoader(dataset(50), 50, shuffle=True, generator=np.random.default_rng(0))
    assert epoch(loader) != epoch(loader)


def test_the_default_generator():
    loader = DataLoader(dataset(50), 7, shuffle=True)
    tg.manual_seed(1)
    first = epoch(loader)
    tg.manual_seed(1)
    assert epoch(loader) == first


def test_two_loops_at_once():
    loader = DataLoader(dataset(6), 2, shuffle=True, generator=np.random.default_rng(0))
    pairs = list(zip(loader, loader, strict=True))
    for side in (0, 1):
        assert sorted(i for pair in pairs for i in pair[side][0].tolist()) == list(range(6))


def test_batches_are_views_unless_shuffled():
    array = np.arange(6)
    for (x,) in DataLoader(TensorDataset(array), 4):
        assert np.shares_memory(x.data, array)
    for (x,) in DataLoader(TensorDataset(array), 4, shuffle=True):
        assert not np.shares_memory(x.data, array)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            dict(dataset=iter([1])),
            TypeError,
            "__getitem__ and __len__, which list_iterator has not",
        ),
        (dict(dataset=TensorDataset), TypeError, "dataset is the class TensorDataset"),
        (dict(collate_fn=[]), TypeError, "collate_fn must be callable, not list"),
        (dict(dataset=np.array(3.0)), TypeError, "dataset has no length: .* unsized"),
        (
            dict(dataset=tg.tensor(3.0)),
            TypeError,
            r"dataset has no length: len\(\) of a 0-d Tensor",
        ),
        (dict(batch_size=True), TypeError, "batch_size must be an integer, not bool"),
        (dict(drop_last=[0, 1]), TypeError, r"drop_last must be True or False, not \[0, 1\]"),
        (dict(batch_size=0), ValueError, "batch_size must be at least 1, not 0"),
        (dict(batch_size=2.0), TypeError, "batch_size must be an integer, not float"),
        (dict(generator=3), TypeError, "generator must be a numpy.random.Generator, not int"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**{"dataset": dataset(3), **options})


# -- items one by one ----------------------------------------------------------------------------


class Rows(Dataset):
    """The items that a list of rows has, read one at a time by a plain int."""

    def __init__(self, rows):
        self.rows = rows
        self.read = []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        assert type(index) is int
        self.read.append(index)
        return self.rows[index]


def only(rows, **options):
    """Return the batch of all rows."""
    (batch,) = DataLoader(Rows(rows), len(rows), **options)
    return batch


@given(LENGTHS, SIZES, st.booleans(), st.booleans(), SEEDS)
def test_items_make_the_batches_that_arrays_make(n, size, shuffle, drop_last, seed):
    whole = dataset(n)
    rows = Rows([whole[i] for i in range(n)])
    loaders = [
        DataLoader(data, size, shuffle, drop_last, np.random.default_rng(seed))
        for data in (whole, rows)
    ]
    for theirs, ours in zip(*loaders, strict=True):
        assert type(ours) is tuple
        for a, b in zip(theirs, ours, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a.data, b.data)
    assert len(rows.read) == (n // size * size if drop_last else n)


def test_items_are_read_when_their_batch_is_wanted():
    rows = Rows([1.0, 2.0, 3.0, 4.0, 5.0])
    batches = iter(DataLoader(rows, 2))
    assert rows.read == []
    assert next(batches).tolist() == [1, 2]
    assert rows.read == [0, 1]


def test_the_structure_is_kept():
    batch = only([{"x": (np.ones(2) * i, [i, i / 2]), "name": f"row {i}"} for i in range(3)])
    assert list(batch) == ["x", "name"]
    image, pair = batch["x"]
    assert type(pair) is list
    assert image.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert [part.tolist() for part in pair] == [[0, 1, 2], [0, 0.5, 1]]
    assert batch["name"] == ["row 0", "row 1", "row 2"]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], np.int64),
        ([1.5, 2.5], np.float32),
        ([1, 2.5], np.float32),
        ([True, False], np.bool_),
        ([np.float16(1), np.float16(2)], np.float16),
        ([tg.ones(2, requires_grad=True), tg.ones(2, dtype=np.float64)], np.float64),
    ],
)
def test_dtypes_of_batches(values, dtype):
    batch = only(values)
    assert isinstance(batch, tg.Tensor)
    assert batch.dtype == dtype
    assert not batch.requires_grad


@pytest.mark.parametrize("name", ["numbers", "arrays", "tuples", "dicts", "nested"])
def test_batches_as_pytorchs(name, torch):
    rows = {
        "numbers": [1, 2, 3],
        "arrays": [np.eye(2, dtype=np.float32) * i for i in range(3)],
        "tuples": [(np.ones(2) * i, i) for i in range(3)],
        "dicts": [{"x": np.ones(2) * i, "file": "abc"[i]} for i in range(3)],
        "nested": [[{"x": (i, np.arange(i, i + 2))}, 2.0] for i in range(3)],
    }[name]

    def plain(batch):
        if isinstance(batch, dict):
            return {key: plain(value) for key, value in batch.items()}
        if isinstance(batch, (tuple, list)):
            return [plain(value) for value in batch]
        return batch if isinstance(batch, str) else batch.tolist()

    theirs = torch.utils.data.DataLoader(rows, 2)
    assert [plain(batch) for batch in DataLoader(rows, 2)] == [plain(batch) for batch in theirs]


def test_a_collate_fn():
    ragged = [[1], [2, 3], [4]]

    def padded(items):
        return np.array([item + [0] * (2 - len(item)) for item in items])

    batches = list(DataLoader(ragged, 2, collate_fn=padded))
    assert [batch.tolist() for batch in batches] == [[[1, 0], [2, 3]], [[4, 0]]]
    (items,) = DataLoader(dataset(2), 2, collate_fn=list)
    assert [(x.item(), y.tolist()) for x, y in items] == [(0, [0, 1]), (1, [2, 3])]


def test_a_subclass_of_tensor_dataset_with_items_of_its_own():
    class Scaled(TensorDataset):
        def __getitem__(self, index):
            (x,) = super().__getitem__(index)
            return x * 10 if x.ndim == 0 else None

    assert [x.tolist() for x in DataLoader(Scaled([1, 2, 3]), 2)] == [[10, 20], [30]]


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (
            [np.ones(2), np.ones(2), np.ones(3)],
            ValueError,
            r"item 2 has shape \(3,\), but item 0 has \(2,\); collate_fn takes",
        ),
        (
            [{"x": (1, np.ones(2))}, {"x": (1, 2)}],
            ValueError,
            r"item 1\['x'\]\[1\] has shape \(\), but item 0\['x'\]\[1\] has \(2,\)",
        ),
        (
            [(1, 2), (1, 2), (1, 2, 3)],
            ValueError,
            "item 2 is not nested as item 0: expected a tuple of length 2, not tuple of length 3",
        ),
        ([{"x": 1}, {"y": 1}], ValueError, r"item 1 is .*: expected a dict with the keys \['x'\]"),
        ([(1, object())], TypeError, r"item 0\[1\] cannot become part of a batch: .* object"),
        ([1, "a"], TypeError, "item 1 cannot become part of a batch: .* str"),
    ],
)
def test_items_that_make_no_batch(rows, error, message):
    with pytest.raises(error, match=f"DataLoader: {message}"):
        only(rows)


def test_errors_name_the_items_by_their_numbers_in_the_dataset():
    loader = DataLoader([1, 2, 3, (4, 4)], 2)
    with pytest.raises(ValueError, match=r"item 3 has shape \(2,\), but item 2 has \(\)"):
        list(loader)


def test_a_dataset_without_len():
    class Half(Dataset):
        def __getitem__(self, index):
            return index

    with pytest.raises(TypeError, match="__len__"):
        Half()


# -- parts ---------------------------------------------------------------------------------------


def test_subset():
    part = Subset("abcde", [3, 0, -1])
    assert len(part) == 3
    assert [part[i] for i in range(3)] == ["d", "a", "e"]
    assert part[-1] == "e"
    with pytest.raises(IndexError):
        part[3]
    assert len(Subset("abc", [])) == 0
    assert list(Subset(part, np.array([2, 2]))) == ["e", "e"]


@given(st.lists(st.integers(0, 19)), SIZES, st.booleans(), SEEDS)
def test_batches_of_a_subset(indices, size, shuffle, seed):
    part = Subset(dataset(20), indices)
    loader = DataLoader(part, size, shuffle, generator=np.random.default_rng(seed))
    seen = [i for batch in epoch(loader) for i in batch]
    assert sorted(seen) == sorted(indices)
    if not shuffle:
        assert seen == indices


def test_a_subset_of_arrays_is_read_a_batch_at_a_time(monkeypatch):
    data, counted = dataset(20), []
    original = TensorDataset.__getitem__

    def counting(self, index):
        counted.append(index)
        return original(self, index)

    monkeypatch.setattr(TensorDataset, "__getitem__", counting)
    loader = DataLoader(Subset(Subset(data, range(3, 20)), range(10)), 4)
    assert epoch(loader) == [[3, 4, 5, 6], [7, 8, 9, 10], [11, 12]]
    assert len(counted) == 3


class Counted(Subset):
    def __getitem__(self, index):
        return super().__getitem__(index)[0] * 10


def test_a_subclass_of_subset_with_items_of_its_own():
    (x,) = DataLoader(Counted(dataset(5), [4, 2]), 2)
    assert x.tolist() == [40, 20]


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([1, 5], IndexError, "index 5 is outside of 5 items"),
        ([-6], IndexError, "index -6 is outside of 5 items"),
        ([True, False], TypeError, r"dtype bool .*numpy\.flatnonzero\(mask\)"),
        ([0.5], TypeError, "a sequence of integers, not of dtype float64"),
        (3, TypeError, r"a sequence of integers, .* shape \(\)"),
        ([[0], [1, 2]], TypeError, "Subset: indices must be a sequence of integers, not ragged"),
    ],
)
def test_wrong_indices(indices, error, message):
    with pytest.raises(error, match=message):
        Subset("abcde", indices)


@given(st.lists(st.integers(0, 9), min_size=1), SEEDS)
def test_random_split_by_lengths(lengths, seed):
    n = sum(lengths)
    parts = random_split(range(n), lengths, np.random.default_rng(seed))
    assert [len(part) for part in parts] == lengths
    assert sorted(i for part in parts for i in part) == list(range(n))
    again = random_split(range(n), lengths, np.random.default_rng(seed))
    assert [list(part) for part in again] == [list(part) for part in parts]


@pytest.mark.parametrize("n", [0, 1, 3, 10, 101])
@pytest.mark.parametrize(
    "fractions", [[0.5, 0.5], [0.7, 0.2, 0.1], [1 / 3] * 3, [1.0], [0.8, 0.2, 0]]
)
@pytest.mark.filterwarnings("ignore:Length of split")  # PyTorch's, of empty parts
def test_random_split_by_fractions_as_pytorchs(n, fractions, torch):
    theirs = torch.utils.data.random_split(range(n), fractions)
    assert [len(part) for part in random_split(range(n), fractions)] == list(map(len, theirs))


def test_random_split_with_the_default_generator():
    tg.manual_seed(1)
    first = [list(part) for part in random_split(range(50), [0.5, 0.5])]
    tg.manual_seed(1)
    assert [list(part) for part in random_split(range(50), [0.5, 0.5])] == first
    assert first[0] != sorted(first[0])


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([3, 3], r"lengths \[3, 3\] add up to 6, but the dataset has 5 items"),
        ([], r"add up to 0"),
        ([6, -1], "must not be negative"),
        ([0.5, 0.4], r"fractions must add up to 1, but \[0\.5, 0\.4\] give 0\.9"),
        ([float("nan")], "fractions must add up to 1"),
    ],
)
def test_wrong_lengths(lengths, message):
    with pytest.raises(ValueError, match=message):
        random_split(range(5), lengths)


@pytest.mark.parametrize("lengths", [5, None, ["a"], [[1], [4]], {"train": 5}])
def test_lengths_that_are_no_numbers(lengths):
    with pytest.raises(TypeError, match="random_split: lengths must be a sequence of numbers, not"):
        random_split(range(5), lengths)

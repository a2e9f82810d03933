import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.data import DataLoader, TensorDataset

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
        (dict(dataset=np.ones(3)), TypeError, "dataset must be a TensorDataset, not ndarray"),
        (dict(batch_size=0), ValueError, "batch_size must be at least 1, not 0"),
        (dict(batch_size=2.0), TypeError, "batch_size must be an integer, not float"),
        (dict(generator=3), TypeError, "generator must be a numpy.random.Generator, not int"),
    ],
)
def test_wrong_arguments(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**{"dataset": dataset(3), **options})

import os
import threading
import time
import weakref
from itertools import chain

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tinygraph.kernels import threads
from tinygraph.kernels.threads import PIECE, alone, share, sweep

COUNTS = [0, 1, 2, 7]


def blas_threads():
    return [found["num_threads"] for found in threadpool_info() if found["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, user_api="blas"):
        yield
        assert blas_threads() == [2]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("worthwhile", [False, True])
def test_every_item_is_worked_on_once_and_in_order(count, worthwhile):
    parts = share(count, lambda part: list(range(part.start, part.stop)), worthwhile)
    assert list(chain(*parts)) == list(range(count))


def test_threads_share_what_is_worthwhile():
    together = threading.Barrier(2, timeout=10)  # which one thread alone would never pass

    def work(part):
        together.wait()
        return threading.get_ident(), blas_threads()

    (first, alone), (second, held) = share(2, work, True)
    assert first == threading.get_ident() != second
    assert alone == held == [1]


def test_small_work_and_one_thread_stay_here():
    def here(part):
        return threading.get_ident()

    assert share(8, here, False) == [threading.get_ident()]
    with threadpool_limits(1, user_api="blas"):
        assert share(8, here, True) == [threading.get_ident()]


def test_alone_holds_blas_to_one_thread_even_if_it_fails():
    assert alone(blas_threads) == [1]
    with pytest.raises(ZeroDivisionError):
        alone(lambda: 1 / 0)
    assert share(2, lambda _: alone(blas_threads), True) == [[1], [1]]


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, threads.MANY + 1])
def test_a_sweep_comes_by_every_element_once(size):
    times = np.zeros(size, np.uint8)

    def work(piece):
        assert piece.stop - piece.start <= PIECE
        times[piece] += 1

    sweep(size, work)
    assert (times == 1).all()


def test_work_inside_work_stays_in_its_thread():
    def outer(part):
        return {threading.get_ident()} == set(share(4, lambda _: threading.get_ident(), True))

    assert share(2, outer, True) == [True, True]


@pytest.mark.parametrize("where", [0, 1])
def test_an_error_comes_out_when_all_have_finished(where):
    finished = []

    def work(part):
        if part.start == where:
            raise KeyError("mine")
        finished.append(part)

    with pytest.raises(KeyError, match="mine"):
        share(2, work, True)
    assert len(finished) == 1
    assert share(2, lambda part: part.start, True) == [0, 1]  # nothing stays locked


def test_errstate_holds_in_every_thread():
    def work(part):
        return float(np.float32(1e38) * np.float32(10))

    with np.errstate(over="ignore"):
        assert share(2, work, True) == [np.inf, np.inf]
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        share(2, work, True)


def test_threads_keep_nothing_of_what_they_did():
    array = np.zeros(3)
    seen = weakref.ref(array)
    share(2, lambda part, array=array: array[part].sum(), True)
    del array
    for _ in range(1000):  # the other thread may be a little behind
        if seen() is None:
            break
        time.sleep(0.01)
    assert seen() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    share(2, lambda part: None, True)
    child = os.fork()
    if child == 0:
        threads_of_two = len(set(share(2, lambda part: threading.get_ident(), True)))
        os._exit(0 if threads_of_two == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_without_a_known_blas_one_thread_works(monkeypatch):
    monkeypatch.setattr(threads, "_blas", lambda: None)
    assert share(8, lambda part: part, True) == [slice(0, 8)]

"""Work on several threads: NumPy and BLAS let go of Python's lock while they compute.

A product of small matrices on all of BLAS's threads is mostly waiting for each other; tiles of
work on threads of our own, with BLAS held to one, wait once. So there are as many as BLAS has.
"""

import os
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from functools import cache
from itertools import pairwise
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeAlias, TypeVar

from tinygraph.kernels._types import Array

R = TypeVar("R")
Outcome: TypeAlias = "SimpleQueue[tuple[Any, BaseException | None]]"  # a result, or an error

PIECE = 1 << 18  # elements: a cache full, and few enough that threads seldom wait for Python's lock
MANY = 1 << 19  # elements, of which a pass takes longer than threads take to start


def share(count: int, work: Callable[[slice], R], worthwhile: bool) -> list[R]:
    """Divide ``count`` items among threads; return what ``work`` made of each part, in order.

    The parts depend on nothing but the number of items and of threads, so that a sum over them
    comes out the same each time.  Where the work is too small, or another thread of the user's is
    sharing its own, one thread does it.
    """
    if not worthwhile or count < 2:
        return [work(slice(0, count))]
    blas = _blas()
    threads = blas.get_num_threads() if blas else 1
    ends = [count * i // threads for i in range(threads + 1)]
    parts = [slice(*ends) for ends in pairwise(ends)]
    if blas is None or threads == 1 or not _busy.acquire(blocking=False):
        return [work(part) for part in parts]
    try:
        blas.set_num_threads(1)
        workers = zip(_workers(threads - 1), parts[1:], strict=True)
        outcomes = [worker.begin(work, part) for worker, part in workers]
        try:
            results = [work(parts[0])]
        finally:
            others = [outcome.get() for outcome in outcomes]
        for result, error in others:
            if error is not None:
                raise error
            results.append(result)
        return results
    finally:
        blas.set_num_threads(threads)
        _busy.release()


def share_sum(count: int, work: Callable[[slice], Array], worthwhile: bool) -> Array:
    """Divide items as `share` does; return the sum of the arrays that ``work`` made."""
    total, *others = share(count, work, worthwhile)
    for other in others:
        total += other
    return total


def sweep(count: int, work: Callable[[slice], object], size: int = 1) -> None:
    """Have ``work`` done by all threads, on pieces of ``count`` items of ``size`` elements each."""
    if count * size <= PIECE:
        work(slice(0, count))
        return

    def some(part: slice) -> None:
        for piece in pieces(part, size):
            work(piece)

    share(count, some, count * size >= MANY)


def pieces(part: slice, size: int) -> Iterator[slice]:
    """Cut a part of the items, of ``size`` elements each, into pieces that fit the cache."""
    few = max(1, PIECE // max(1, size))
    for start in range(part.start, part.stop, few):
        yield slice(start, min(start + few, part.stop))


def alone(work: Callable[[], R]) -> R:
    """Return what ``work`` makes, with BLAS held to one thread."""
    blas = _blas()
    if blas is None or not _busy.acquire(blocking=False):
        return work()
    threads = blas.get_num_threads()
    try:
        blas.set_num_threads(1)
        return work()
    finally:
        blas.set_num_threads(threads)
        _busy.release()


@cache
def _blas() -> Any:
    """Return the controller of NumPy's BLAS, or None if it is of an unknown kind."""
    from threadpoolctl import ThreadpoolController  # costs time that small models need not spend

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return found[0] if len(found) == 1 else None


class _Worker:
    """A thread that waits for work: one in a ThreadPoolExecutor starts 20 microseconds later."""

    def __init__(self) -> None:
        self._tasks: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        Thread(target=self._serve, name="tinygraph", daemon=True).start()

    def begin(self, work: Callable[[slice], object], part: slice) -> Outcome:
        """Begin with a part of some work, in a copy of the context: what errstate says holds."""
        outcome: Outcome = SimpleQueue()
        self._tasks.put((copy_context(), work, part, outcome))
        return outcome

    def _serve(self) -> None:
        while True:
            _perform(*self._tasks.get())  # and keep nothing of it


def _perform(
    context: Context, work: Callable[[slice], object], part: slice, outcome: Outcome
) -> None:
    try:
        outcome.put((context.run(work, part), None))
    except BaseException as error:
        outcome.put((None, error))


@cache
def _workers(count: int) -> list[_Worker]:
    return [_Worker() for _ in range(count)]


def _start_afresh() -> None:
    """Forget threads that a forked process has not."""
    global _busy
    _busy = Lock()
    _workers.cache_clear()


_busy = Lock()  # held while BLAS is held to one thread
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)

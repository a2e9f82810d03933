"""When an array was last written through tinygraph, so that backward can tell a stale value.

Views share their owner's memory, so writes are logged by the owner.  Nothing is stored for an
array that is never written, and an entry goes when its array does.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

clock = 0  # how many writes there were; a Node notes it when it is made

_lock = threading.Lock()
_last: dict[int, tuple[int, weakref.ref[Any]]] = {}  # id of the owner -> time of its last write


def _owner(array: NDArray[Any]) -> NDArray[Any]:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def log(array: NDArray[Any]) -> None:
    """Note that ``array``, and with it every view of the same memory, has just been written."""
    global clock
    owner = _owner(array)
    key = id(owner)
    with _lock:
        clock += 1
        entry = _last.get(key)
        alive = entry[1] if entry else weakref.ref(owner, lambda _: _last.pop(key, None))
        _last[key] = (clock, alive)


def since(array: NDArray[Any], time: int) -> bool:
    """Whether the memory of ``array`` was written after ``time``."""
    entry = _last.get(id(_owner(array)))
    return entry is not None and entry[0] > time

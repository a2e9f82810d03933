"""How the work of a function grows: what a test can ask where a limit in seconds would be noise."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def cpu_time(function: Callable[..., Any], *args: Any) -> float:
    """Return the seconds of processor time of a call, the least of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function(*args)
        times.append(time.process_time() - start)
    return min(times)

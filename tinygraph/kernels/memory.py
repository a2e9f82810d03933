"""Have the C library keep the memory of arrays that are freed, for those that come next."""

import numpy as np

LARGEST = (32 << 20) - (1 << 16)
"""Bytes: glibc follows what is freed up to 32 MB, of which its own header needs some."""


def keep_freed_memory() -> None:
    """Let up to 64 MB of freed memory stay with the process.

    glibc takes large arrays from the system and returns them when they are freed, so that each
    page of the next one costs a fault and is cleared: a fifth of a training step.  Its bounds
    grow with what a program frees (mallopt(3), on M_MMAP_THRESHOLD), and this frees an array of
    the largest size that counts.  None of its pages is ever touched.  Bounds that a user has set
    in the environment stay, and other C libraries are not changed by it.
    """
    np.empty(LARGEST, np.uint8)

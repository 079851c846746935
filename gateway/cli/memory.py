"""Memory that goes back to the system when it is no longer used."""

import ctypes

__all__ = ["return_large_blocks"]

M_MMAP_THRESHOLD = -3
LARGE = 4 << 20


def return_large_blocks() -> None:
    """Let the C library give blocks of 4 MiB and more back as soon as they are free.

    glibc does so at first, and stops with the first block that is freed: every later list of 30 MB then
    leaves a hole in the heap. It costs 40 MB after some lists of 5,000 pods.
    """
    try:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
    except (OSError, AttributeError, TypeError):
        # no glibc: there is nothing to be set
        return

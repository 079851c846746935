"""Standard output, for what may be long."""

import sys

__all__ = ["write_out"]


def write_out(text: str) -> None:
    """Write the whole text, in UTF-8.

    Where Python does not buffer (PYTHONUNBUFFERED, as in many images), its streams drop what a pipe does not
    take at once: a schema of two megabytes was seen to end after 128 KiB, with exit status 0.
    """
    stream = sys.stdout.buffer
    rest = memoryview(text.encode())
    while rest:
        rest = rest[stream.write(rest) or 0 :]
    stream.flush()

"""When reflectors retry, renew a watch and treat a silent one as dead."""

from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Ranges, in seconds, that each use picks from at random, so that reflectors do not act in step."""

    first_retry: tuple[float, float] = (0.0, 0.2)
    shortest_backoff: float = 0.5
    longest_backoff: float = 30.0
    silence: tuple[float, float] = (52.0, 58.0)
    """A watch without a byte for that long is taken for dead, so that it is noticed within a minute."""
    renewal: tuple[float, float] = (40.0, 50.0)
    """How long a watch is asked to last (``timeoutSeconds``); less than ``silence``.

    One on which nothing happens has no other sign of life than its end: kube-apiserver sends a bookmark each
    minute and 2 s before the end, but only where its watch cache has come further than where the watch
    began (1.36: often not for ten minutes). A renewal takes it about 1 ms of CPU.
    """
    initial: tuple[float, float] = (300.0, 600.0)
    """The same of a watch that begins with everything there is, which may take long."""
    steady: float = 5.0
    """A watch that lasted that long was a good one, also without an event."""

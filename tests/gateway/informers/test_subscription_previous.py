"""``previous`` is the state that this subscriber received last, whichever events collapsed."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.informers import EventType, ObjectEvent
from gateway.informers.subscription import Subscription

KINDS = {(False, True): EventType.ADDED, (True, True): EventType.MODIFIED, (True, False): EventType.DELETED}


def change(before: bytes | None, after: bytes | None, version: int) -> ObjectEvent:
    """As the broadcaster makes it: a deletion carries the last state."""
    kind = KINDS[before is not None, after is not None]
    return ObjectEvent(kind, before if after is None else after, str(version), "u", "u", before)


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
async def test_each_event_carries_the_previously_delivered_state(steps: list[tuple[bool, bool]]) -> None:
    subscription = Subscription()
    state: bytes | None = None
    told: bytes | None = None
    for version, (exists, reads) in enumerate(steps):
        after = b"%d" % version if exists else None
        if (state, after) != (None, None):
            subscription.offer(change(state, after, version))
        state = after
        while reads and subscription.waiting:
            event = await anext(subscription)
            assert event.previous == told
            assert (event.type is EventType.ADDED) == (told is None)
            told = None if event.type is EventType.DELETED else event.object

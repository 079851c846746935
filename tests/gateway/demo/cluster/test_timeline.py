"""Scheduled actions keep their order when time is skipped."""

from gateway.demo.cluster.timeline import Timeline


async def test_a_timeline_keeps_the_order_of_its_actions_when_time_is_skipped() -> None:
    timeline, done = Timeline(), []
    timeline.after(2, lambda: done.append("second"))
    timeline.after(1, lambda: timeline.after(2, lambda: done.append("third")))
    timeline.after(1, lambda: done.append("first"))
    timeline.skip(2.5)
    assert done == ["first", "second"]
    timeline.skip(1)
    assert done == ["first", "second", "third"]

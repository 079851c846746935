"""Since when an object has had its health, as far as it tells."""

from schema.health.reading import Reader, Unreadable
from schema.health.verdict import Health

__all__ = ["since_of"]

_SUMMARIES = ("Ready", "PodScheduled", "Available", "Progressing")
_CONTAINERS = ("containerStatuses", "initContainerStatuses")


def since_of(found: object, health: Health) -> str | None:
    """The time (RFC 3339); None if the object does not even tell when it was created.

    The condition with the reason of the health, else a summary that is not true, else the end of a container,
    else the creation.
    """
    try:
        reader = Reader(found)
        by_reason = (item.since for item in reader.conditions.values() if item.reason == health.reason)
        by_summary = (item.since for name in _SUMMARIES if (item := reader.false_condition(name)))
        ends = (
            container.text("lastState", "terminated", "finishedAt")
            for list_ in _CONTAINERS
            for container in reader.objects("status", list_)
        )
        created = reader.text("metadata", "creationTimestamp")
        return next(filter(None, (*by_reason, *by_summary, *ends, created)), None)
    except Unreadable:
        return None

"""Tasks of a page's main thread in Chromium's trace (the Trace Event Format)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["CATEGORIES", "Task", "main_thread_tasks", "read_trace"]

CATEGORIES = ("disabled-by-default-devtools.timeline", "blink.user_timing")
"""The tasks and the marks; the category "toplevel" has the same tasks, and more events around them."""
_MICROSECONDS = 1000.0  # per millisecond


@dataclass(frozen=True, slots=True)
class Task:
    """One task, in milliseconds; ``elapsed`` includes the time in which other processes had the processor."""

    start: float
    elapsed: float
    cpu: float


def read_trace(path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(path.read_bytes())["traceEvents"]
    return events


def main_thread_tasks(events: list[dict[str, Any]], begin: str, end: str) -> list[Task]:
    """The outermost tasks between two ``performance.mark`` of the page, in the order of their start.

    Raises StopIteration if a mark is missing.
    """
    first, last = _mark(events, begin), _mark(events, end)
    thread = next(
        _thread(event)
        for event in events
        if event["name"] == "thread_name"
        and event["args"]["name"] == "CrRendererMain"
        and event["pid"] == first["pid"]
    )
    spans = (event for event in events if event["ph"] == "X" and _thread(event) == thread)
    tasks = [event for event in spans if event["name"].endswith("RunTask")]
    return [
        Task(event["ts"] / _MICROSECONDS, event["dur"] / _MICROSECONDS, event.get("tdur", 0) / _MICROSECONDS)
        for event in _outermost(tasks)
        if first["ts"] <= event["ts"] + event["dur"] and event["ts"] <= last["ts"]
    ]


def _mark(events: list[dict[str, Any]], name: str) -> Mapping[str, Any]:
    return next(
        event for event in events if event.get("cat") == "blink.user_timing" and event["name"] == name
    )


def _thread(event: Mapping[str, Any]) -> tuple[int, int]:
    return event["pid"], event["tid"]


def _outermost(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    ended = 0.0
    for event in sorted(events, key=lambda item: (item["ts"], -item["dur"])):
        if event["ts"] >= ended:
            ended = event["ts"] + event["dur"]
            yield event

"""The log of a pod: lines made up from its name and its start, the same ones each time."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from gateway.demo.statuses import bad_request
from gateway.demo.storage import Stored

__all__ = ["log_response"]

INTERVAL = timedelta(seconds=5)
KEPT = 2000
PATHS = ("/", "/cart", "/api/items", "/api/items/7", "/healthz", "/static/app.js")


def log_response(stored: Stored, query: Mapping[str, str]) -> Response:
    """The log that is asked for (``container``, ``tailLines``, ``sinceSeconds``, ``follow``…)."""
    container = _container(stored, query.get("container", ""))
    started = stored.object.get("status", {}).get("startTime")
    running = stored.object.get("status", {}).get("phase") == "Running"
    if not started or not running:
        name = stored.name
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: ContainerCreating')
    begin = datetime.fromisoformat(started)
    log = _Log(f"{stored.key}/{container}", begin, timestamps=query.get("timestamps") == "true")
    lines = list(log.until(datetime.now(UTC)))
    if since := query.get("sinceSeconds"):
        oldest = datetime.now(UTC) - timedelta(seconds=int(since))
        lines = [each for each in lines if each[0] >= oldest]
    if query.get("tailLines"):
        count = int(query["tailLines"])
        lines = lines[-count:] if count else []
    text = "".join(line for _, line in lines)
    if limit := query.get("limitBytes"):
        text = text[: int(limit)]
    if query.get("follow") == "true":
        return StreamingResponse(log.follow(text), media_type="text/plain")
    return PlainTextResponse(text)


def _container(stored: Stored, name: str) -> str:
    names = [each["name"] for each in stored.object["spec"].get("containers", ())]
    if name and name not in names:
        raise bad_request(f"container {name} is not valid for pod {stored.name}")
    if not name and len(names) > 1:
        why = f"a container name must be specified for pod {stored.name}, choose one of: [{' '.join(names)}]"
        raise bad_request(why)
    return name or names[0]


class _Log:
    def __init__(self, source: str, begin: datetime, *, timestamps: bool) -> None:
        self.source = source
        self.begin = begin
        self.timestamps = timestamps

    def until(self, end: datetime) -> Iterator[tuple[datetime, str]]:
        """The last lines before a moment, with the moment of each."""
        count = int((end - self.begin) / INTERVAL) + 1
        for index in range(max(0, count - KEPT), count):
            yield self.begin + index * INTERVAL, self._line(index)

    def _line(self, index: int) -> str:
        # seeded by its place, so that the same line is the same in every answer
        choice = random.Random(f"{self.source}/{index}")  # noqa: S311 - a made-up log, no secret
        moment = (self.begin + index * INTERVAL).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        text = f"level=info msg=request path={choice.choice(PATHS)} status=200 ms={choice.randint(1, 90)}\n"
        if index == 0:
            text = f"level=info msg=started pod={self.source.split('/')[1]}\n"
        return f"{moment} {text}" if self.timestamps else text

    async def follow(self, text: str) -> AsyncIterator[str]:
        """What there is, then each line when its moment comes, until the client goes."""
        yield text
        index = int((datetime.now(UTC) - self.begin) / INTERVAL) + 1
        while True:
            due = self.begin + index * INTERVAL
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
            yield self._line(index)
            index += 1

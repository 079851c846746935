"""Random scripts of events in the life of informers, and the invariants that hold after each."""

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from hypothesis import strategies as st

from gateway.errors import Gone, SubscriberTooSlow
from gateway.informers import InformerRegistry, Scope
from gateway.kube.client import KubeClient
from tests.fixtures.waiting import eventually
from tests.gateway.informers.reading import Reader, reading

__all__ = ["MISHAPS", "REAL_MISHAPS", "VIEWERS", "Step", "World", "random_steps", "run_script", "steps"]

NAMES = ("a", "b", "c", "d", "e")
LABELS = ("", "x", "y")
VIEWS: tuple[Mapping[str, str], ...] = (
    {},
    {"label_selector": "app=x"},
    {"label_selector": "app!=x"},
    {"field_selector": "metadata.name!=a"},
)
WRITES = ("put", "put", "put", "delete", "replace")
MISHAPS = ("disconnect", "stop", "start", "forget", "renew", "refuse", "allow")
REAL_MISHAPS = ("disconnect", "stop", "start", "forget")
READERS = ("pause", "go_on", "leave", "part", "look", "visit", "glance")
VIEWERS = 2 * len(VIEWS)
"""For each view a metadata-only subscriber, then one of complete objects."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: to the object ``name``, or to the reader number ``reader``."""

    what: str
    name: str = ""
    label: str = ""
    reader: int = 0


def steps(mishaps: Sequence[str] = MISHAPS) -> st.SearchStrategy[list[Step]]:
    """Scripts for Hypothesis to find the shortest one that fails."""
    readers = st.integers(0, VIEWERS - 1)
    writes = st.builds(Step, st.sampled_from(WRITES), st.sampled_from(NAMES), st.sampled_from(LABELS))
    others = st.builds(Step, st.sampled_from((*mishaps, *READERS)), reader=readers)
    return st.lists(st.one_of(writes, others), max_size=40)


def random_steps(count: int, seed: int, mishaps: Sequence[str] = MISHAPS) -> list[Step]:
    """One long script."""
    chance = random.Random(seed)
    return [
        Step(
            chance.choice((*WRITES * 4, *READERS * 3, *mishaps)),
            chance.choice(NAMES),
            chance.choice(LABELS),
            chance.randrange(VIEWERS),
        )
        for _ in range(count)
    ]


class World(Protocol):
    """An API server and its possible faults."""

    async def put(self, name: str, label: str) -> None:
        """Create or change a config map; ``label`` is the value of its label ``app``."""

    async def delete(self, name: str) -> None:
        """Delete it, where it exists."""

    async def mishap(self, what: str) -> None:
        """The mishap, a member of ``MISHAPS``."""

    async def recover(self) -> None:
        """Be reachable again."""

    async def state(self) -> Mapping[str, tuple[str, str]]:
        """Resource version and label of each config map, by key."""


@dataclass(slots=True)
class Viewer:
    """One subscriber, which reconnects with the resource version of its last event."""

    registry: InformerRegistry
    client: KubeClient
    scope: Scope
    view: Mapping[str, str]
    metadata_only: bool
    reader: Reader = field(init=False)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    away: bool = True

    def __post_init__(self) -> None:
        self.reader = Reader(complete=not self.metadata_only)

    async def subscribe(self, **resume: Any) -> None:
        arguments: dict[str, Any] = {**self.view, **resume, "metadata_only": self.metadata_only}
        self.stack = AsyncExitStack()
        self.away = False
        await self.stack.enter_async_context(
            reading(self.registry, self.client, self.scope, reader=self.reader, **arguments)
        )

    async def come_back(self) -> None:
        """Disconnect, and resume with the folded state; a subscriber without SYNCED starts anew."""
        await self.part()
        version, complete = self.reader.resource_version, not self.metadata_only
        if self.reader.synced is None:
            self.reader = Reader(complete=complete)
            await self.subscribe()
        else:
            self.reader = Reader(self.reader.known, asked=version, complete=complete)
            await self.subscribe(resource_version=version)

    async def part(self) -> None:
        """Leave, and stay away."""
        await self.stack.aclose()
        self.away = True

    async def is_right(self, world: World) -> bool:
        """Whether the folded events equal the objects of the API server."""
        if self.reader.ended:
            assert isinstance(self.reader.error, SubscriberTooSlow | Gone), self.reader.error
            await self.come_back()
        expected = {
            key: version for key, (version, label) in (await world.state()).items() if self.sees(key, label)
        }
        objects = self.reader.objects
        return expected == {key: item["metadata"]["resourceVersion"] for key, item in objects.items()}

    def sees(self, key: str, label: str) -> bool:
        match self.view:
            case {"label_selector": "app=x"}:
                return label == "x"
            case {"label_selector": "app!=x"}:
                return label != "x"
            case {"field_selector": _}:
                return not key.endswith("/a")
        return True


async def run_script(
    world: World, registry: InformerRegistry, client: KubeClient, scope: Scope, script: Sequence[Step]
) -> None:
    """Run the script with a subscriber for each view; raises AssertionError for a wrong state at rest.

    At first there are only metadata-only subscribers; a subscriber joins at its first "leave".
    """
    async with asyncio.TaskGroup() as visits, AsyncExitStack() as stack:
        viewers = [
            Viewer(registry, client, scope, view, metadata_only)
            for metadata_only in (True, False)
            for view in VIEWS
        ]
        for viewer in viewers:
            stack.push_async_callback(viewer.part)
            if viewer.metadata_only:
                await viewer.subscribe()
        for step in possible(script):
            if step.what in ("visit", "glance"):
                for _ in range(2):
                    patience = 0.001 if step.what == "glance" else None
                    visits.create_task(visit(viewers[step.reader], patience))
            else:
                await take(step, world, viewers[step.reader])
        await world.recover()
        for viewer in viewers:
            await rest(viewer, world)


def possible(script: Sequence[Step]) -> Iterator[Step]:
    """No step stops a stopped server or waits for it, nor for complete objects that are refused."""
    down = refused = False
    for step in script:
        if step.what in ("refuse", "allow"):
            refused = step.what == "refuse"
        elif refused and step.what == "leave" and step.reader >= len(VIEWS):
            continue
        if step.what in ("stop", "start"):
            if down == (step.what == "stop"):
                continue
            down = not down
        elif down and step.what in ("leave", "disconnect", "renew"):
            continue
        yield step


async def rest(viewer: Viewer, world: World) -> None:
    """Wait until the state of the viewer, which continues to read, equals the server's."""
    viewer.reader.go_on()
    if viewer.away:
        await viewer.come_back()

    async def is_right() -> bool:
        return await viewer.is_right(world)

    await eventually(is_right, f"the state in {viewer.view}: {viewer.reader.told}")


async def visit(viewer: Viewer, patience: float | None) -> None:
    """Come beside the others, and go as soon as everything is there, or when patience is at an end."""
    reader = Reader(complete=not viewer.metadata_only)
    arguments: dict[str, Any] = {**viewer.view, "metadata_only": viewer.metadata_only}
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(patience),
            reading(viewer.registry, viewer.client, viewer.scope, reader=reader, **arguments),
        ):
            await reader.until(lambda item: item.synced is not None or item.ended)


async def take(step: Step, world: World, viewer: Viewer) -> None:
    match step.what:
        case "put":
            await world.put(step.name, step.label)
        case "delete":
            await world.delete(step.name)
        case "replace":
            await world.delete(step.name)
            await world.put(step.name, step.label)
        case "pause":
            viewer.reader.pause()
        case "go_on":
            viewer.reader.go_on()
        case "leave":
            await viewer.come_back()
        case "part":
            await viewer.part()
        case "look":
            await asyncio.sleep(0.002)
        case mishap:
            await world.mishap(mishap)

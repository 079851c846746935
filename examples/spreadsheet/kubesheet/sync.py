"""Connects an engine, a cluster and a backend: reads the sheet, carries out plans, sends patches."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from kubesheet.cluster import Cluster, Failed, Interrupted
from kubesheet.engine import Engine, Patch, Snapshot, Write

__all__ = ["Backend", "synchronise"]

_REPEAT_SECONDS = 1.0


class Backend(Protocol):
    """A spreadsheet with one sheet per namespace."""

    interval: float
    """Seconds between two looks for changes by the user."""

    async def read(self, namespaces: Collection[str]) -> Snapshot | None:
        """The rows of these namespaces' sheets; None while the spreadsheet cannot be read."""

    async def write(self, writes: Sequence[Write]) -> bool:
        """Carry out all writes, on the rows of the last snapshot, or none: then return False."""


async def synchronise(cluster: Cluster, backend: Backend) -> None:
    """Run until cancelled. Raises Failed when the gateway refuses the subscription for good."""
    engine, changed = Engine(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(cluster.follow(engine, changed))
        while True:
            changed.clear()
            if cluster.connected:
                for patch in await _step(engine, backend):
                    tasks.create_task(_send(cluster, engine, patch, changed))
            try:
                async with asyncio.timeout(backend.interval):
                    await changed.wait()
            except TimeoutError:
                pass  # look for changes by the user


async def _step(engine: Engine, backend: Backend) -> Sequence[Patch]:
    snapshot = await backend.read(engine.namespaces)
    if snapshot is None:
        return ()
    plan = engine.plan(snapshot)
    if not plan.writes or await backend.write(plan.writes):
        engine.commit(plan)
    return plan.patches


async def _send(cluster: Cluster, engine: Engine, patch: Patch, changed: asyncio.Event) -> None:
    print(f"{patch.key}: {patch.column} {patch.cell}", flush=True)
    try:
        engine.accepted(patch, await cluster.send(patch))
    except Failed as refusal:
        print(f"{patch.key}: refused: {refusal}", flush=True)
        engine.refused(patch, str(refusal))
    except Interrupted as interruption:
        print(f"{patch.key}: to be sent again: {interruption}", flush=True)
        await asyncio.sleep(_REPEAT_SECONDS)
        engine.unanswered(patch)
    changed.set()

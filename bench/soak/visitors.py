"""Queries beside the subscriptions: live, cached, wrong, and reservations that nobody opens."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

import httpx

from tests.fixtures.gateways import GatewayProcess

__all__ = ["Visitor"]

MAPS = (
    '{ configMaps(namespace: "soak-a"%s) { metadata { resourceVersion } items { metadata { name } data } } }'
)
LIVE, CACHED = MAPS % "", MAPS % ', resourceVersion: "0"'
FRESH = MAPS % ', resourceVersion: "%s"'
GET = '{ pod(name: "p1", namespace: "soak-b") { metadata { name labels } } }'
LOGS = 'subscription { podLogs(name: "p1", namespace: "soak-a", follow: true) { line } }'
WRONG = "{ nothing }"
EXPECTED = {"NOT_FOUND", "BAD_REQUEST", "UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS"}
"""Codes of errors; while the API server starts, it refuses what it will soon allow."""
STARTING = {"FORBIDDEN", "UNAUTHENTICATED"}


@dataclass(slots=True)
class Visitor:
    """Asks something every now and then; what nobody should ever be answered ends up in ``findings``."""

    gateway: GatewayProcess
    chance: random.Random
    counts: Counter[str]
    findings: list[str]
    _version: str = "0"

    async def run(self, per_second: float) -> None:
        """Ask, until cancelled."""
        while True:
            await self._visit()
            await asyncio.sleep(self.chance.expovariate(per_second))

    async def _visit(self) -> None:
        query = self.chance.choice([LIVE, CACHED, FRESH % self._version, GET, WRONG, LOGS, ""])
        self.counts["requests"] += 1
        try:
            if not query:
                # a reservation for an event stream that is never opened
                await self.gateway.request("PUT", "/graphql")
            elif query is LOGS:
                accept = {"Accept": "text/event-stream"}
                await self.gateway.request("POST", "/graphql", json={"query": LOGS}, headers=accept)
            else:
                self._judge(await self.gateway.execute(query))
        except httpx.HTTPError as error:
            self.findings.append(f"{query or 'PUT'} broke off: {error!r}")

    def _judge(self, answer: dict[str, object]) -> None:
        codes = {each["extensions"]["code"] for each in answer.get("errors", ())}  # type: ignore[attr-defined]  # JSON
        self.counts.update(f"requests that ended with {each}" for each in codes)
        if not codes <= EXPECTED | STARTING:
            self.findings.append(f"a query got {answer}")
        data = answer.get("data")
        if isinstance(data, dict) and data.get("configMaps"):
            self._version = data["configMaps"]["metadata"]["resourceVersion"]

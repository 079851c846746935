"""The gateway's GraphQL API over HTTP: a subscription as server-sent events, and the two mutations."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx

from kubesheet.engine import Engine, Patch

__all__ = ["Cluster", "Failed", "Interrupted"]

_DEPLOYMENTS = """
subscription Deployments($namespace: String, $resourceVersion: String) {
  deployments(namespace: $namespace, resourceVersion: $resourceVersion) {
    type
    resourceVersion
    object {
      metadata { namespace name uid resourceVersion }
      spec { replicas template { spec { containers { name image } } } }
      status { replicas readyReplicas conditions { type status reason message } }
    }
  }
}
"""
_SCALE = """
mutation Scale($namespace: String!, $name: String!, $replicas: Int!) {
  scaleDeployment(namespace: $namespace, name: $name, replicas: $replicas) { metadata { resourceVersion } }
}
"""
_SET_IMAGES = """
mutation SetImages($namespace: String!, $name: String!, $uid: String!, $patch: DeploymentInput!) {
  patchDeployment(namespace: $namespace, name: $name, uid: $uid, patch: $patch) {
    metadata { resourceVersion }
  }
}
"""
_PASSING = {
    "OUTCOME_UNKNOWN",  # both patches can be repeated
    "SUBSCRIBER_TOO_SLOW",
    "TOO_MANY_REQUESTS",
    "UPSTREAM_TIMEOUT",
    "UPSTREAM_UNAVAILABLE",
}
_SILENCE_SECONDS = 30.0  # the gateway sends a keep-alive more often
_FIRST_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 15.0


class Failed(Exception):
    """The gateway refuses for good; the message is its own."""


class Interrupted(Exception):
    """The gateway or the API server does not answer right now."""


class Cluster:
    """One gateway; ``url`` is that of ``/graphql``, ``namespace`` limits the subscription."""

    def __init__(self, client: httpx.AsyncClient, url: str, namespace: str | None = None) -> None:
        self._client = client
        self._url = url
        self._namespace = namespace
        self.connected = False

    async def follow(self, engine: Engine, changed: asyncio.Event) -> None:
        """Feed the engine with events until Failed is raised; resumes after every interruption."""
        failures = 0
        while True:
            variables = {"namespace": self._namespace, "resourceVersion": engine.version}
            engine.restart()
            try:
                async for event in self._events(variables):
                    engine.apply(event)
                    self.connected, failures = engine.synced, 0
                    changed.set()
            except Interrupted as interruption:
                print(f"reconnecting: {interruption}", flush=True)
            self.connected = False
            delay = min(_FIRST_DELAY_SECONDS * 2**failures, _LONGEST_DELAY_SECONDS)
            await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  (spreads clients out)
            failures += 1

    async def _events(self, variables: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        body = {"query": _DEPLOYMENTS, "variables": variables}
        headers = {"Accept": "text/event-stream"}
        timeout = httpx.Timeout(_SILENCE_SECONDS)
        try:
            async with self._client.stream(
                "POST", self._url, json=body, headers=headers, timeout=timeout
            ) as response:
                if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    await response.aread()
                    _data(response)
                    return
                async for data in _messages(response):
                    if data.get("data"):
                        yield data["data"]["deployments"]
                    else:
                        _raise(data.get("errors") or [])
        except httpx.TransportError as error:
            raise Interrupted(f"the gateway does not answer ({type(error).__name__})") from error

    async def send(self, patch: Patch) -> str:
        """Run the mutation of a patch; returns the new ``resourceVersion`` of the deployment."""
        variables: dict[str, Any] = {"namespace": patch.namespace, "name": patch.name}
        if patch.replicas is not None:
            query = _SCALE
            variables["replicas"] = patch.replicas
        else:
            query = _SET_IMAGES
            containers = [{"name": name, "image": image} for name, image in patch.images.items()]
            variables["uid"] = patch.uid
            variables["patch"] = {"spec": {"template": {"spec": {"containers": containers}}}}
        try:
            response = await self._client.post(self._url, json={"query": query, "variables": variables})
        except httpx.TransportError as error:
            raise Interrupted(f"the gateway does not answer ({type(error).__name__})") from error
        data = _data(response)
        changed = data.get("scaleDeployment") or data["patchDeployment"]
        return str(changed["metadata"]["resourceVersion"])


async def _messages(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The payloads of the server-sent events named ``next``, until ``complete``."""
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        if field == "event":
            name = value.strip()
            if name == "complete":
                return
        elif field == "data" and name == "next":
            yield json.loads(value)


def _data(response: httpx.Response) -> dict[str, Any]:
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise Failed("the gateway asks for another token: set $TOKEN")
    try:
        answer = response.json()
    except ValueError:
        raise Interrupted(f"the gateway answers with status {response.status_code}") from None
    if answer.get("errors"):
        _raise(answer["errors"])
    data: dict[str, Any] = answer["data"]
    return data


def _raise(errors: list[dict[str, Any]]) -> None:
    message = errors[0]["message"] if errors else "the stream has ended"
    code = errors[0].get("extensions", {}).get("code") if errors else "UPSTREAM_UNAVAILABLE"
    raise Interrupted(message) if code in _PASSING else Failed(message)

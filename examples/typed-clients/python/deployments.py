"""A live list of deployments: every field below is checked by mypy against the types of the generated client.

    deployments.py --namespace shop --scale shop/checkout=5

$TOKEN is the bearer token for a gateway that asks for one.
"""

import argparse
import asyncio
import os
import sys

import httpx
from kubernetes_client import (
    Client,
    Deployment,
    GraphQLClientError,
    GraphQLClientGraphQLMultiError,
    WatchDeploymentsDeployments,
    WatchEventType,
)
from websockets.exceptions import ConnectionClosed, WebSocketException

PASSING = {"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW"}
REFUSED_TOKEN = (4401, 4403)


class Deployments:
    """The deployments that the subscription delivers; prints the first complete set, then each change."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self.resource_version: str | None = None  # where the next stream resumes
        self.begins = True

    def handle(self, event: WatchDeploymentsDeployments) -> None:
        synced = event.type_ == WatchEventType.SYNCED
        if self.begins and not (synced and event.resource_version == self.resource_version):
            self.known, self.resource_version = {}, None  # not resumed: everything comes afresh
        self.begins = False
        if event.object_:
            self.update(event.object_, deleted=event.type_ == WatchEventType.DELETED)
        if synced and self.resource_version is None:
            print("\n".join(sorted(self.known.values())), flush=True)
        if synced or self.resource_version:
            self.resource_version = event.resource_version

    def update(self, deployment: Deployment, *, deleted: bool) -> None:
        metadata = deployment.metadata
        if metadata is None or metadata.uid is None:
            return
        ready = deployment.status.ready_replicas if deployment.status else None
        desired = deployment.spec.replicas if deployment.spec else None
        name = f"{metadata.namespace}/{metadata.name}"
        line = f"{name}: deleted" if deleted else f"{name}: {ready or 0} of {desired} ready"
        if deleted:
            self.known.pop(metadata.uid, None)
        else:
            self.known[metadata.uid] = line
        if self.resource_version:
            print(line, flush=True)


async def watch(client: Client, namespace: str | None) -> None:
    """Print until the gateway refuses; resume after a lost connection."""
    deployments = Deployments()
    while True:
        deployments.begins = True
        try:
            async for event in client.watch_deployments(namespace, deployments.resource_version):
                deployments.handle(event)
        except GraphQLClientGraphQLMultiError as refused:
            if not {(error.extensions or {}).get("code") for error in refused.errors} <= PASSING:
                raise
        except ConnectionClosed as closed:
            if closed.rcvd and closed.rcvd.code in REFUSED_TOKEN:
                sys.exit(f"the gateway refuses the token: {closed.rcvd.reason}")
        except (OSError, WebSocketException) as error:
            print(error, file=sys.stderr)
        print("connecting again", file=sys.stderr, flush=True)
        await asyncio.sleep(1)


async def run(options: argparse.Namespace) -> None:
    token = os.environ.get("TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    socket = options.gateway.replace("http", "ws", 1)
    async with Client(options.gateway, headers, ws_url=socket, ws_connection_init_payload=headers) as client:
        for namespace, name, replicas in options.scale:
            await client.scale_deployment(namespace=namespace, name=name, replicas=replicas)
        await watch(client, options.namespace)


def size(text: str) -> tuple[str, str, int]:
    """``NAMESPACE/NAME=REPLICAS``; raises ValueError."""
    deployment, replicas = text.split("=")
    namespace, name = deployment.split("/")
    return namespace, name, int(replicas)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gateway", default="http://127.0.0.1:8000/graphql")
    parser.add_argument("--namespace", help="default: all")
    parser.add_argument("--scale", type=size, action="append", default=[], metavar="NAMESPACE/NAME=REPLICAS")
    try:
        asyncio.run(run(parser.parse_args()))
    except (GraphQLClientError, httpx.HTTPError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass

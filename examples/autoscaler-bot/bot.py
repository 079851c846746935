#!/usr/bin/env python3
"""Keeps a deployment at a size that a rule computes from the pods of a label selector: a small controller.

    bot.py NAMESPACE DEPLOYMENT SELECTOR          bot.py shop checkout app.kubernetes.io/name=web

Needs Python 3.11 or later and the package gql[websockets]. $GATEWAY is the address of another gateway than
ws://127.0.0.1:8000/graphql, $TOKEN the bearer token for a gateway that asks for one.
"""

import asyncio
import os
import sys
from pathlib import Path

from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from gql.transport.websockets import WebsocketsTransport

OPERATIONS = Path(__file__).with_name("operations.graphql").read_text(encoding="utf-8")
GATEWAY = os.environ.get("GATEWAY", "ws://127.0.0.1:8000/graphql")
HEADERS = {"Authorization": f"Bearer {os.environ['TOKEN']}"} if "TOKEN" in os.environ else {}


def rule(pods: set[str]) -> int:
    """One replica for every two pods, rounded up, from 1 to 10."""
    return max(1, min(10, (len(pods) + 1) // 2))


class Bot:
    """The state of the cluster as the two subscriptions tell it, and the patches that follow from it."""

    def __init__(self, namespace, target, labels):
        self.names = {"namespace": namespace, "target": target, "labels": labels}
        self.pods, self.since = set(), None  # uids, and the resource version at which the next stream resumes

    async def run(self):
        """Follow both subscriptions over one connection; connect again whenever it or one of them fails."""
        while True:
            self.begins, self.target = True, None
            transport = WebsocketsTransport(GATEWAY, init_payload=HEADERS)
            try:
                async with Client(transport=transport) as session, asyncio.TaskGroup() as subscriptions:
                    subscriptions.create_task(self.follow(session, "Pods", self.pods_event))
                    subscriptions.create_task(self.follow(session, "Target", self.target_event))
            except* (TransportError, TimeoutError) as failed:
                print("connecting again:", failed.exceptions[0].__cause__ or failed.exceptions[0], flush=True)
            await asyncio.sleep(1)

    def request(self, operation, **variables):
        return GraphQLRequest(OPERATIONS, operation_name=operation, variable_values=self.names | variables)

    async def follow(self, session, operation, handle):
        async for data in session.subscribe(self.request(operation, since=self.since)):
            handle(data["event"])
            await self.reconcile(session)
        raise TransportError(f"the subscription {operation} has ended")

    def pods_event(self, event):
        if self.begins and (event["type"], event["resourceVersion"]) != ("SYNCED", self.since):
            self.pods, self.since = set(), None
            print("reading the whole set of pods", flush=True)
        self.begins = False
        if event["type"] == "DELETED":
            self.pods.discard(event["object"]["metadata"]["uid"])
        elif event["type"] != "SYNCED":
            self.pods.add(event["object"]["metadata"]["uid"])
        if event["type"] == "SYNCED" or self.since:
            self.since = event["resourceVersion"]

    def target_event(self, event):
        self.target = event["object"] or self.target  # SYNCED has no object

    async def reconcile(self, session):
        """Patch, if the rule asks for it, on condition that the deployment is still at the version seen."""
        target, replicas = self.target, rule(self.pods)
        if self.begins or not self.since or not target or replicas == target["spec"]["replicas"]:
            return  # the whole set is not known yet, or the size is right
        self.target = None  # until the event of its next version, which follows a patch and a conflict alike
        print(f"{len(self.pods)} pods: {target['spec']['replicas']} → {replicas} replicas", flush=True)
        try:
            seen = target["metadata"]["resourceVersion"]
            await session.execute(self.request("Scale", replicas=replicas, seen=seen))
        except TransportQueryError as refused:
            if refused.errors[0]["extensions"]["code"] != "CONFLICT":
                raise
            print("changed by another client: deciding again on the newer version", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(Bot(*sys.argv[1:]).run())

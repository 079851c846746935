#!/usr/bin/env python3
"""Keeps a deployment at one replica for every N pods that a label selector matches: a small controller.

    bot.py --namespace shop --target checkout --pods app.kubernetes.io/name=web --per 2

Needs Python 3.11 or later and the package websockets. $TOKEN is the bearer token for a gateway that asks
for one.
"""

import argparse
import asyncio
import json
import math
import os
import sys
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

PODS = """subscription($namespace: String!, $labels: String!, $since: String) {
  pods(namespace: $namespace, labelSelector: $labels, resourceVersion: $since) {
    type resourceVersion object { metadata { uid } } } }"""
TARGET = """subscription($namespace: String!, $target: String!) {
  deployment(namespace: $namespace, name: $target) {
    type object { metadata { resourceVersion } spec { replicas } } } }"""
SCALE = """mutation($namespace: String!, $target: String!, $replicas: Int!, $seen: String!) {
  patchDeployment(namespace: $namespace, name: $target, resourceVersion: $seen,
    fieldManager: "autoscaler-bot", patch: { spec: { replicas: $replicas } }) { spec { replicas } } }"""
PASSING = {"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW"}
PASSING |= {"OUTCOME_UNKNOWN"}  # the next event tells what became of the patch


class Bot:
    """The state of the cluster as the subscriptions tell it, and the rule."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.pods: set[str] = set()
        self.since: str | None = None  # where the next stream of pods resumes
        self.begins = True
        self.target: dict[str, Any] | None = None
        self.tried = ""

    def restart(self) -> None:
        """Both streams begin anew."""
        self.begins, self.target, self.tried = True, None, ""

    def handle(self, stream: str, data: dict[str, Any]) -> None:
        if stream == "pods":
            self.pods_event(data["pods"])
        elif stream == "target" and data["deployment"]["type"] != "SYNCED":
            event = data["deployment"]
            self.target = None if event["type"] == "DELETED" else event["object"]

    def pods_event(self, event: dict[str, Any]) -> None:
        if self.begins and not (event["type"] == "SYNCED" and event["resourceVersion"] == self.since):
            self.pods, self.since = set(), None  # not resumed: everything comes afresh
        self.begins = False
        if event["type"] == "DELETED":
            self.pods.discard(event["object"]["metadata"]["uid"])
        elif event["type"] != "SYNCED":
            self.pods.add(event["object"]["metadata"]["uid"])
        if event["type"] == "SYNCED" or self.since is not None:
            self.since = event["resourceVersion"]

    def change(self) -> dict[str, Any] | None:
        """The variables of a patch, if one is due: at most one for each version of the deployment."""
        if self.since is None or self.target is None:
            return None  # the whole set is not known yet
        lowest, highest = self.options.min, self.options.max
        replicas = max(lowest, min(highest, math.ceil(len(self.pods) / self.options.per)))
        seen = self.target["metadata"]["resourceVersion"]
        if replicas == self.target["spec"]["replicas"] or seen == self.tried:
            return None
        self.tried = seen
        print(f"{len(self.pods)} pods: {self.target['spec']['replicas']} → {replicas} replicas", flush=True)
        return {"replicas": replicas, "seen": seen}


async def converse(socket: ClientConnection, bot: Bot) -> None:
    """Subscribe and patch over one websocket; returns when it is time to connect again."""
    scope = {"namespace": bot.options.namespace, "target": bot.options.target}

    async def send(name: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        await socket.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))

    token = os.environ.get("TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    await socket.send(json.dumps({"type": "connection_init", "payload": headers}))
    await socket.recv()
    bot.restart()
    await send("pods", PODS, namespace=bot.options.namespace, labels=bot.options.pods, since=bot.since)
    await send("target", TARGET, **scope)
    async for message in socket:
        answer: dict[str, Any] = json.loads(message)
        payload: Any = answer.get("payload") or {}
        if answer["type"] == "ping":
            await socket.send('{"type": "pong"}')
        if errors := payload if answer["type"] == "error" else payload.get("errors"):
            if is_passing(errors):
                return
        elif answer["type"] == "next":
            bot.handle(answer["id"], payload["data"])
        if change := bot.change():
            await send(change["seen"], SCALE, **scope, **change)


def is_passing(errors: list[dict[str, Any]]) -> bool:
    """Whether to connect again; false after a conflict. Any other error ends the bot."""
    codes = {error.get("extensions", {}).get("code") for error in errors}
    if codes == {"CONFLICT"}:
        print("changed by another client: deciding again on the newer version", flush=True)
        return False
    if codes <= PASSING:
        return True
    sys.exit("; ".join(error["message"] for error in errors))


async def run(options: argparse.Namespace) -> None:
    bot = Bot(options)
    async for socket in connect(options.gateway, subprotocols=[Subprotocol("graphql-transport-ws")]):
        try:
            await converse(socket, bot)
            await socket.close()
            await asyncio.sleep(1)
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in (4401, 4403):
                sys.exit(f"the gateway refuses the token: {closed.rcvd.reason}")
        print("connecting again", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gateway", default="ws://127.0.0.1:8000/graphql")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--target", required=True, help="the deployment to scale")
    parser.add_argument("--pods", required=True, help="the label selector of the pods to count")
    parser.add_argument("--per", type=int, default=2, help="pods for each replica")
    parser.add_argument("--min", type=int, default=1)
    parser.add_argument("--max", type=int, default=10)
    asyncio.run(run(parser.parse_args()))

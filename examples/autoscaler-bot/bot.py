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

PODS = """subscription($namespace: String!, $pods: String!, $since: String) {
  pods(namespace: $namespace, labelSelector: $pods, resourceVersion: $since) {
    type resourceVersion object { metadata { uid } } } }"""
TARGET = """subscription($namespace: String!, $target: String!) {
  deployment(namespace: $namespace, name: $target) {
    type object { metadata { resourceVersion } spec { replicas } } } }"""
SCALE = """mutation($namespace: String!, $target: String!, $replicas: Int!, $seen: String!) {
  patchDeployment(namespace: $namespace, name: $target, resourceVersion: $seen,
    fieldManager: "autoscaler-bot", patch: { spec: { replicas: $replicas } }) { spec { replicas } } }"""
PASSING = {"UPSTREAM_UNAVAILABLE", "UPSTREAM_TIMEOUT", "TOO_MANY_REQUESTS", "SUBSCRIBER_TOO_SLOW"}
PASSING |= {"OUTCOME_UNKNOWN"}  # the next event has the result of the patch


class Pods:
    """The UIDs of the pods that match the selector; the subscription resumes at ``since``."""

    def __init__(self) -> None:
        self.uids: set[str] = set()
        self.since: str | None = None
        self.begins = True

    def apply(self, event: dict[str, Any]) -> None:
        if self.begins and (event["type"], event["resourceVersion"]) != ("SYNCED", self.since):
            self.uids, self.since = set(), None  # not resumed: every pod is sent again
        self.begins = False
        if event["type"] == "SYNCED" or self.since is not None:
            self.since = event["resourceVersion"]
        if event["type"] != "SYNCED":
            change = self.uids.discard if event["type"] == "DELETED" else self.uids.add
            change(event["object"]["metadata"]["uid"])


async def subscribe(socket: ClientConnection, name: str, query: str, **variables: Any) -> None:
    payload = {"query": query, "variables": variables}
    await socket.send(json.dumps({"id": name, "type": "subscribe", "payload": payload}))


async def converse(socket: ClientConnection, options: argparse.Namespace, pods: Pods) -> None:
    """Scale whenever an event calls for it; returns when it is time to connect again."""
    target: dict[str, Any] | None = None
    tried = ""  # one patch at most for each version of the deployment
    async for message in socket:
        answer: dict[str, Any] = json.loads(message)
        payload: Any = answer.get("payload") or {}
        if answer["type"] == "ping":
            await socket.send('{"type": "pong"}')
        elif errors := payload if answer["type"] == "error" else payload.get("errors"):
            if is_passing(errors):
                return
        elif event := payload.get("data", {}).get("pods"):
            pods.apply(event)
        elif (event := payload.get("data", {}).get("deployment")) and event["type"] != "SYNCED":
            target = event["object"] if event["type"] != "DELETED" else None
        if target is None or pods.since is None:
            continue  # the whole set is not known yet
        seen, replicas = target["metadata"]["resourceVersion"], target["spec"]["replicas"]
        wanted = max(options.min, min(options.max, math.ceil(len(pods.uids) / options.per)))
        if wanted != replicas and seen != tried:
            tried = seen
            print(f"{len(pods.uids)} pods: {replicas} → {wanted} replicas", flush=True)
            await subscribe(socket, seen, SCALE, **vars(options), replicas=wanted, seen=seen)


def is_passing(errors: list[dict[str, Any]]) -> bool:
    """Whether to connect again; false after a conflict. Any other error ends the bot."""
    codes = {error.get("extensions", {}).get("code") for error in errors}
    if codes == {"CONFLICT"}:
        print("changed by another client: deciding again on the newer version", flush=True)
    elif not codes <= PASSING:
        sys.exit("; ".join(error["message"] for error in errors))
    return codes != {"CONFLICT"}


async def run(options: argparse.Namespace) -> None:
    token, pods = os.environ.get("TOKEN"), Pods()
    caller = {"Authorization": f"Bearer {token}"} if token else {}
    async for socket in connect(options.gateway, subprotocols=[Subprotocol("graphql-transport-ws")]):
        try:
            await socket.send(json.dumps({"type": "connection_init", "payload": caller}))
            await socket.recv()
            pods.begins = True
            await subscribe(socket, "pods", PODS, **vars(options), since=pods.since)
            await subscribe(socket, "target", TARGET, **vars(options))
            await converse(socket, options, pods)
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

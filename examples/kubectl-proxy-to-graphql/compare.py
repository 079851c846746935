#!/usr/bin/env python3
"""Five tasks, each through `kubectl proxy` and through kube-graphql, with the requests and bytes of each.

    compare.py REST [--gateway http://127.0.0.1:8000] [--namespace proxy-or-graphql]

REST is the address of `kubectl proxy`, or of the demo's API server. The script creates the namespace, and
deletes it at the end. It needs Python 3.11 or later and curl, and no packages.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "hello"},
    "spec": {
        "replicas": 0,  # no pods of its own, which come and go during the comparison
        "selector": {"matchLabels": {"app": "hello"}},
        "template": {
            "metadata": {"labels": {"app": "hello"}},
            "spec": {"containers": [{"name": "hello", "image": "registry.k8s.io/echoserver:1.10"}]},
        },
    },
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {},
    "spec": {"containers": [{"name": "hello", "image": "registry.k8s.io/echoserver:1.10"}]},
}
PODS = 10
WATCH_SECONDS = 2


@dataclass
class Meter:
    """Runs curl, and counts the requests and the bytes of their bodies, both ways."""

    requests: int = 0
    sent: int = 0
    received: int = 0

    def curl(self, method, url, body=None, media="application/json", seconds=30, accept="application/json"):
        text = "" if body is None else json.dumps(body)
        arguments = ["-sS", "-N", "-m", str(seconds), "-X", method, "-H", f"Accept: {accept}", url]
        if text:
            arguments += ["-H", f"Content-Type: {media}", "--data-binary", text]
        done = subprocess.run(["curl", *arguments], capture_output=True, check=False)
        # 28: the time of a watch is over
        if done.returncode not in (0, 28):
            sys.exit(f"{method} {url}: {done.stderr.decode().strip()}")
        self.requests += 1
        self.sent += len(text.encode())
        self.received += len(done.stdout)
        return done.stdout.decode()


class Proxy:
    """The tasks in REST, as `kubectl proxy` passes it on to the API server."""

    def __init__(self, url, namespace):
        self.core = f"{url}/api/v1/namespaces/{namespace}"
        self.apps = f"{url}/apis/apps/v1/namespaces/{namespace}/deployments"

    def create(self, meter):
        answer = json.loads(meter.curl("POST", self.apps, named(DEPLOYMENT, "made-by-rest")))
        return answer["spec"]["replicas"]

    def list_deployments(self, meter):
        answer = json.loads(meter.curl("GET", self.apps))
        return [[item["metadata"]["name"], item["spec"]["replicas"]] for item in answer["items"]]

    def list_pods(self, meter):
        answer = json.loads(meter.curl("GET", f"{self.core}/pods"))
        return sorted(item["metadata"]["name"] for item in answer["items"])

    def list_both(self, meter):
        return [self.list_deployments(meter), self.list_pods(meter)]

    def watch_pod(self, meter):
        query = "watch=1&fieldSelector=metadata.name%3Dwatched-0"
        lines = meter.curl("GET", f"{self.core}/pods?{query}", seconds=WATCH_SECONDS).splitlines()
        return [json.loads(lines[0])["object"]["metadata"]["name"]]

    def scale(self, meter):
        media = "application/merge-patch+json"
        answer = json.loads(meter.curl("PATCH", f"{self.apps}/hello/scale", {"spec": {"replicas": 3}}, media))
        return [answer["spec"]["replicas"]]


class GraphQL:
    """The same tasks in GraphQL."""

    def __init__(self, url, namespace):
        self.url = f"{url}/graphql"
        self.namespace = namespace

    def run(self, meter, query, **variables):
        body = {"query": query, "variables": {"n": self.namespace, **variables}}
        answer = json.loads(meter.curl("POST", self.url, body))
        if "errors" in answer:
            sys.exit("; ".join(error["message"] for error in answer["errors"]))
        return answer["data"]

    def create(self, meter):
        query = """mutation($n: String, $o: DeploymentInput!) {
            createDeployment(namespace: $n, object: $o) { spec { replicas } } }"""
        made = self.run(meter, query, o=named(DEPLOYMENT, "made-by-gql"))
        return made["createDeployment"]["spec"]["replicas"]

    def list_deployments(self, meter):
        query = """query($n: String) {
            deployments(namespace: $n) { items { metadata { name } spec { replicas } } } }"""
        return deployments(self.run(meter, query))

    def list_pods(self, meter):
        query = "query($n: String) { pods(namespace: $n) { items { metadata { name } status { phase } } } }"
        return pods(self.run(meter, query))

    def list_both(self, meter):
        query = """query($n: String) {
            deployments(namespace: $n) { items { metadata { name } spec { replicas } } }
            pods(namespace: $n) { items { metadata { name } status { phase } } } }"""
        data = self.run(meter, query)
        return [deployments(data), pods(data)]

    def watch_pod(self, meter):
        query = """subscription($n: String) {
            pod(namespace: $n, name: "watched-0") { type object { metadata { name } status { phase } } } }"""
        body = {"query": query, "variables": {"n": self.namespace}}
        stream = meter.curl("POST", self.url, body, seconds=WATCH_SECONDS, accept="text/event-stream")
        first = next(line for line in stream.splitlines() if line.startswith("data: "))
        return [json.loads(first.removeprefix("data: "))["data"]["pod"]["object"]["metadata"]["name"]]

    def scale(self, meter):
        query = """mutation($n: String) {
            scaleDeployment(namespace: $n, name: "hello", replicas: 3) { spec { replicas } } }"""
        return [self.run(meter, query)["scaleDeployment"]["spec"]["replicas"]]


TASKS = {
    "list deployments": "list_deployments",
    "list pods": "list_pods",
    "both lists": "list_both",
    "watch one pod": "watch_pod",
    "scale by PATCH": "scale",
    "create from a manifest": "create",
}


def compare(gateway, rest, namespace):
    """Run every task both ways, with equal answers; returns {task: (Meter of REST, Meter of GraphQL)}."""
    admin, core = Meter(), f"{rest}/api/v1/namespaces"
    sides = Proxy(rest, namespace), GraphQL(gateway, namespace)
    admin.curl("POST", core, {"metadata": {"name": namespace}})
    try:
        admin.curl("POST", sides[0].apps, DEPLOYMENT)
        for number in range(PODS):
            admin.curl("POST", f"{core}/{namespace}/pods", named(POD, f"watched-{number}"))
        return {task: run_both(method, sides) for task, method in TASKS.items()}
    finally:
        admin.curl("DELETE", f"{core}/{namespace}")


def run_both(method, sides):
    meters = Meter(), Meter()
    answers = [getattr(side, method)(meter) for side, meter in zip(sides, meters, strict=True)]
    if answers[0] != answers[1]:
        sys.exit(f"{method}: the answers differ: {answers}")
    return meters


def deployments(data):
    return [[item["metadata"]["name"], item["spec"]["replicas"]] for item in data["deployments"]["items"]]


def pods(data):
    return sorted(item["metadata"]["name"] for item in data["pods"]["items"])


def named(manifest, name):
    return {**manifest, "metadata": {"name": name}}


def table(results):
    """Markdown whose columns are aligned, so that it also reads well in a terminal."""
    rows = [("Task", "REST: requests", "bytes", "GraphQL: requests", "bytes")]
    for task, meters in results.items():
        cells = [(str(meter.requests), f"{meter.sent + meter.received:,}") for meter in meters]
        rows.append((task, *cells[0], *cells[1]))
    first, *others = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "|".join(["-" * (first + 2), *("-" * (width + 1) + ":" for width in others)])
    lines = [" | ".join([row[0].ljust(first), *map(str.rjust, row[1:], others)]) for row in rows]
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rest", help="the address of kubectl proxy")
    parser.add_argument("--gateway", default="http://127.0.0.1:8000")
    parser.add_argument("--namespace", default="proxy-or-graphql")
    options = parser.parse_args()
    print(table(compare(options.gateway, options.rest.rstrip("/"), options.namespace)))

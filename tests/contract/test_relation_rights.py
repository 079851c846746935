"""Related objects are read as the caller: a refused one is an error at its path, and the rest stands."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, bearer, core, grant, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.related import Application, create_application, owner
from tests.fixtures.waiting import wait_until

pytestmark = pytest.mark.cluster

NUMBERS = itertools.count()
NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"
READ = ["get", "list", "watch"]


@dataclass(frozen=True)
class Caller:
    """bob may read the pods and replica sets of the application, and its ConfigMap ``settings``."""

    api: API
    gateway: GatewayProcess
    application: Application

    async def execute(self, query: str) -> tuple[dict[str, Any], dict[str, str]]:
        """The data, and the code of the error at each path."""
        variables = {"n": self.application.namespace}
        answer = await self.gateway.execute(query, variables, headers=bearer("bob"))
        errors = answer.get("errors", [])
        return answer["data"], {
            ".".join(map(str, error["path"])): error["extensions"]["code"] for error in errors
        }


@pytest.fixture(params=["own informers", "shared informers"])
def caller(seeded_cluster: Backend, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Caller]:
    """With shared informers, the gateway's own identity is the administrator's."""
    api, space = seeded_cluster.api(), f"rights-of-bob-{next(NUMBERS)}"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    application = create_application(api, space)
    rules: list[Mapping[str, Any]] = [
        {"apiGroups": ["", "apps"], "resources": ["pods", "replicasets"], "verbs": READ},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["settings"], "verbs": ["get"]},
    ]
    for number, rule in enumerate(rules):
        grant(api, f"bob-{number}", "bob", rule, namespace=space)
    bob = seeded_cluster.api("bob")
    paths = [core("pods", space), core("configmaps", space, "settings")]
    wait_until(lambda: all(bob.request("GET", path).is_success for path in paths), "bob's roles")
    options = ["--share-informers"] if request.param == "shared informers" else []
    options += ["--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough"]
    with start_gateway(tmp_path, *options) as gateway:
        yield Caller(api, gateway, application)


def names(value: Any) -> list[str]:
    return [item["metadata"]["name"] for item in value["items"]]


async def test_the_visible_owners_stand_beside_the_error(caller: Caller) -> None:
    application, space = caller.application, caller.application.namespace
    secret = caller.api.get(core("secrets", space, "password"))
    hidden = {**owner(secret, "Secret", "v1"), "controller": False}
    body = pod("twice-owned", labels={})
    body["metadata"]["ownerReferences"] = [owner(application.replica_set, "ReplicaSet"), hidden]
    caller.api.create(core("pods", space), body)
    data, errors = await caller.execute(
        f"""query($n: String) {{
          pod(name: "twice-owned", namespace: $n) {{ owner {NAME} owners {NAMES} workload {NAME} }}
          pods(namespace: $n) {{ items {{ owners {NAMES} }} }} }}"""
    )
    assert data["pod"]["owner"]["metadata"]["name"] == "shop-1"
    assert names(data["pod"]["owners"]) == ["shop-1"]
    # the deployment above may not be read: the top that the caller may see
    assert data["pod"]["workload"]["metadata"]["name"] == "shop-1"
    assert [names(item["owners"]) for item in data["pods"]["items"]] == [["shop-1"], ["shop-1"]]
    assert errors["pod.owners"] == errors["pods.items.1.owners"] == "FORBIDDEN"
    assert "pods.items.0.owners" not in errors


async def test_dependents_of_the_visible_kinds_stand_beside_the_error(caller: Caller) -> None:
    data, errors = await caller.execute(
        f"""query($n: String) {{ replicaSet(name: "shop-1", namespace: $n) {{
          all: dependents(kinds: ["Pod", "Secret"]) {NAMES} dependents {NAMES}
          none: dependents(kinds: ["Secret"]) {NAMES} }} }}"""
    )
    found = data["replicaSet"]
    assert names(found["all"]) == names(found["dependents"]) == ["shop-1-a"]
    assert found["none"] is None
    assert errors == {"replicaSet.all": "FORBIDDEN", "replicaSet.none": "FORBIDDEN"}


async def test_a_refused_list_is_followed_by_the_objects_that_a_role_names(caller: Caller) -> None:
    space = caller.application.namespace
    for number in range(11):
        body = pod(f"p-{number:02}", labels={})
        body["spec"]["volumes"] = [
            {"name": "a", "configMap": {"name": "settings"}},
            {"name": "b", "configMap": {"name": f"hidden-{number}"}},
        ]
        caller.api.create(core("pods", space), body)
    data, errors = await caller.execute(
        f"""query($n: String) {{ pods(namespace: $n) {{ items {{
          metadata {{ name }} configMaps {NAMES} }} }} }}"""
    )
    found = {item["metadata"]["name"]: names(item["configMaps"]) for item in data["pods"]["items"]}
    assert found == {f"p-{number:02}": ["settings"] for number in range(11)} | {"shop-1-a": ["settings"]}
    assert errors == {f"pods.items.{index}.configMaps": "FORBIDDEN" for index in range(12)}


async def test_an_informer_of_others_gives_nothing_away(caller: Caller) -> None:
    everything = "subscription { nodes { type object { metadata { name labels } spec { podCIDR } } } }"
    query = "query($n: String) { pods(namespace: $n) { items { node { metadata { name } } } } }"
    async with caller.gateway.subscribe(everything, headers=bearer("admin")) as stream:
        await stream.until(lambda event: event["type"] == "SYNCED")
        data, errors = await caller.execute(query)
        assert data["pods"]["items"] == [{"node": None}]
        assert errors == {"pods.items.0.node": "FORBIDDEN"}
        answer = await caller.gateway.data(
            query, {"n": caller.application.namespace}, headers=bearer("admin")
        )
        assert answer["pods"]["items"][0]["node"]["metadata"]["name"] == caller.application.node


async def test_an_event_has_the_error_at_the_path_of_the_relation(caller: Caller) -> None:
    space = caller.application.namespace
    query = f"""subscription($n: String) {{ pods(namespace: $n) {{
      type object {{ metadata {{ name labels }} node {NAME} owner {NAME} }} }} }}"""
    async with caller.gateway.subscribe(query, {"n": space}, headers=bearer("bob")) as stream:
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["data"]["pods"]["type"] != "SYNCED":
            seen.append(await stream.result())
        caller.api.merge(core("pods", space, "shop-1-a"), {"metadata": {"labels": {"a": "b"}}})
        changed = await stream.result()
    for result in (seen[0], changed):
        found = result["data"]["pods"]["object"]
        assert (found["node"], found["owner"]["metadata"]["name"]) == (None, "shop-1")
        (error,) = result["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["pods", "object", "node"], "FORBIDDEN")
    assert changed["data"]["pods"]["object"]["metadata"]["labels"]["a"] == "b"

"""The filter of lists by relation, behind an API server with objects of the test."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
import pytest
from graphql import GraphQLError

from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.resolvers.context import RequestContext
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema
from schema.lowering import lower
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply

Object = dict[str, Any]


@cache
def schema() -> KubernetesSchema:
    model = lower(kubernetes_discovery(), kubernetes_documents())
    return KubernetesSchema(LazySchema(model, Resolvers(model)))


@dataclass
class Cluster:
    """Lists by the last part of their path; a missing one is refused with ``refusal``."""

    lists: Mapping[str, list[Object]]
    refusal: tuple[int, str] = (403, "Forbidden")
    metadata: Object = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    async def answer(self, request: Request) -> Reply:
        self.requests.append(request)
        plural = request.path.rpartition("/")[2]
        if plural not in self.lists:
            return status_reply(*self.refusal)
        metadata = {"resourceVersion": "5", **self.metadata}
        return json_reply(
            {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": self.lists[plural]}
        )

    async def execute(self, query: str) -> tuple[Any, list[GraphQLError]]:
        """The data as it goes over the wire, and the errors."""
        async with served_client(self.answer) as (client, _):
            context = RequestContext(client, InformerRegistry(grace_period=0))
            result = await schema().execute(query, context_value=context)
        return msgspec.json.decode(msgspec.json.encode(result.data)), list(result.errors or ())

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


def service(name: str, selector: Any, **metadata: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "a", **metadata}, "spec": {"selector": selector}}


def pod(name: str, app: str, **spec: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "a", "labels": {"app": app}}, "spec": spec}


def names(data: Any) -> list[str]:
    return [item["metadata"]["name"] for item in data["items"]]


WITHOUT_PODS = '(namespace: "a", whereRelated: [{ relation: "pods", exists: false }])'


async def test_a_list_of_many_megabytes_is_filtered_and_decoded_in_slices() -> None:
    padding = {"annotations": {"padding": "x" * 2000}}
    services = [service(f"s-{number}", {"app": f"app-{number % 500}"}, **padding) for number in range(4000)]
    cluster = Cluster(
        {"services": services, "pods": [pod(f"p-{number}", f"app-{number}") for number in range(250)]}
    )
    data, errors = await cluster.execute(
        f"{{ services{WITHOUT_PODS} {{ items {{ metadata {{ name annotations }} }} }} }}"
    )
    assert errors == []
    assert names(data["services"]) == [f"s-{number}" for number in range(4000) if number % 500 >= 250]
    assert data["services"]["items"][0]["metadata"]["annotations"] == padding["annotations"]
    assert cluster.paths == ["/api/v1/namespaces/a/services", "/api/v1/namespaces/a/pods"]


async def test_the_event_loop_runs_while_thousands_of_objects_are_filtered() -> None:
    services = [service(f"s-{number}", {"app": f"app-{number}"}) for number in range(5000)]
    cluster = Cluster(
        {"services": services, "pods": [pod(f"p-{number}", f"app-{number}") for number in range(5000)]}
    )
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += bool(len(cluster.requests) == 2)

    counting = asyncio.create_task(count())
    data, _ = await cluster.execute(f"{{ services{WITHOUT_PODS} {{ items {{ metadata {{ name }} }} }} }}")
    counting.cancel()
    assert names(data["services"]) == []
    assert turns >= 5


@pytest.mark.parametrize(
    ("relation", "selection", "expected"),
    [
        ("owner", "metadata { name }", ["metadata", "metadata"]),
        ("owner", "kind metadata { name } spec { type }", ["complete", "metadata"]),
        ("pods", "metadata { name }", ["complete", "metadata"]),
        ("ingresses", "metadata { name }", ["metadata", "complete"]),
        ("events", "metadata { name }", ["metadata", "complete"]),
    ],
)
async def test_only_metadata_is_requested_where_it_suffices(
    relation: str, selection: str, expected: list[str]
) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "u"}
    listed = service("one", {"app": "x"}, uid="s", ownerReferences=[owner])
    others = ("pods", "ingresses", "events", "deployments")
    cluster = Cluster({"services": [listed], **{plural: [] for plural in others}})
    where = f'whereRelated: [{{ relation: "{relation}", exists: false }}]'
    data, errors = await cluster.execute(f"{{ services({where}) {{ items {{ {selection} }} }} }}")
    assert errors == []
    assert names(data["services"]) == ["one"]
    forms = [
        "metadata" if "PartialObject" in item.headers["accept"] else "complete" for item in cluster.requests
    ]
    assert forms == expected


async def test_several_filters_read_complete_objects_of_a_kind_once() -> None:
    config_map = {"metadata": {"name": "c", "namespace": "a", "uid": "u"}}
    cluster = Cluster({"configmaps": [config_map], "pods": [], "replicasets": []})
    usual = ("deployments", "statefulsets", "daemonsets", "jobs", "cronjobs")
    more = ("services", "secrets", "serviceaccounts", "persistentvolumeclaims", "ingresses")
    cluster.lists = {**cluster.lists, **{plural: [] for plural in (*usual, *more)}}
    where = '[{ relation: "dependents", exists: false }, { relation: "usedBy", exists: false }]'
    data, errors = await cluster.execute(
        f"{{ configMaps(whereRelated: {where}) {{ items {{ metadata {{ name }} }} }} }}"
    )
    assert errors == []
    assert names(data["configMaps"]) == ["c"]
    assert cluster.paths.count("/api/v1/pods") == 1
    assert len(cluster.paths) == len(set(cluster.paths)) + 1, "config maps may have dependents of their kind"


async def test_objects_that_do_not_fit_the_schema_cost_no_further_list() -> None:
    odd = service("odd", {"app": "x"})
    odd["spec"]["ports"] = "many"
    cluster = Cluster({"services": [odd, service("even", {"app": "y"})], "pods": [pod("p", "y")]})
    data, errors = await cluster.execute(
        f"{{ services{WITHOUT_PODS} {{ items {{ metadata {{ name }} spec {{ ports {{ port }} }} }} }} }}"
    )
    assert names(data["services"]) == ["odd"]
    assert [error.extensions["code"] for error in errors if error.extensions] == ["UNEXPECTED_VALUE"]
    assert cluster.paths == ["/api/v1/namespaces/a/services", "/api/v1/namespaces/a/pods"]


@pytest.mark.parametrize("selector", [None, "text", [], {}, {"app": 1}, {"app": ["x"]}, {"-": "-"}])
async def test_a_malformed_selector_selects_nothing(selector: Any) -> None:
    cluster = Cluster({"services": [service("one", selector)], "pods": [pod("p", "x")]})
    data, errors = await cluster.execute(
        f"{{ services{WITHOUT_PODS} {{ items {{ metadata {{ name }} }} }} }}"
    )
    assert errors == []
    assert names(data["services"]) == ["one"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ((403, "Forbidden"), "FORBIDDEN"),
        ((500, "InternalError"), "UPSTREAM_UNAVAILABLE"),
        ((404, "NotFound"), "NOT_FOUND"),
    ],
)
async def test_related_objects_that_cannot_be_listed_make_the_list_an_error(
    refusal: tuple[int, str], code: str
) -> None:
    cluster = Cluster({"services": [service("one", {"app": "x"}), service("two", {"app": "y"})]}, refusal)
    data, errors = await cluster.execute(
        f"{{ services{WITHOUT_PODS} {{ items {{ metadata {{ name }} }} }} }}"
    )
    assert data == {"services": None}
    (error,) = errors
    assert error.path == ["services"]
    assert (error.extensions or {})["code"] == code


async def test_a_condition_that_is_known_without_the_refused_kind_is_met() -> None:
    uses: Object = {"volumes": [{"secret": {"secretName": "used"}}]}
    used = {"metadata": {"name": "used", "namespace": "a"}}
    cluster = Cluster({"secrets": [used], "pods": [pod("p", "x", **uses)], "ingresses": []})
    query = (
        '{ secrets(namespace: "a", whereRelated: [{ relation: "usedBy" }]) { items { metadata { name } } } }'
    )
    data, errors = await cluster.execute(query)
    assert errors == []
    assert names(data["secrets"]) == ["used"]
    data, errors = await cluster.execute(query.replace('"usedBy"', '"usedBy", exists: false'))
    assert names(data["secrets"]) == []
    cluster.lists = {**cluster.lists, "secrets": [used, {"metadata": {"name": "other", "namespace": "a"}}]}
    _, errors = await cluster.execute(query)
    assert [(error.extensions or {})["code"] for error in errors] == ["FORBIDDEN"]


async def test_the_count_of_remaining_objects_is_left_out() -> None:
    cluster = Cluster(
        {"services": [service("one", None), service("two", {"app": "x"})], "pods": [pod("p", "x")]},
        metadata={"continue": "more", "remainingItemCount": 7},
    )
    selection = "{ metadata { continue remainingItemCount resourceVersion } items { metadata { name } } }"
    data, _ = await cluster.execute(f"{{ services{WITHOUT_PODS} {selection} }}")
    metadata = {"continue": "more", "remainingItemCount": None, "resourceVersion": "5"}
    assert data["services"] == {"metadata": metadata, "items": [{"metadata": {"name": "one"}}]}


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (["a"], "/api/v1/namespaces/a/serviceaccounts"),
        (["b"], "/api/v1/namespaces/b/serviceaccounts"),
        (["a", "b"], "/api/v1/serviceaccounts"),
        (["../x"], None),
    ],
)
async def test_related_objects_are_listed_in_their_only_namespace_or_in_all(
    namespaces: Iterable[str], expected: str | None
) -> None:
    subjects = [{"kind": "ServiceAccount", "name": "s", "namespace": namespace} for namespace in namespaces]
    binding = {"metadata": {"name": "r", "namespace": "a"}, "subjects": subjects}
    cluster = Cluster({"rolebindings": [binding], "serviceaccounts": []})
    where = '[{ relation: "subjectObjects", exists: false }]'
    data, errors = await cluster.execute(
        f'{{ roleBindings(namespace: "a", whereRelated: {where}) {{ items {{ metadata {{ name }} }} }} }}'
    )
    assert errors == []
    assert names(data["roleBindings"]) == ["r"]
    assert cluster.paths[1:] == ([expected] if expected else [])

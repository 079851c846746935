"""``whereRelated``: lists of the objects that have related objects, or have none.

Covers ``gateway/resolvers/relations/whole_kinds.py``.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from tests.fixtures.api import core, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.related import Application, create_application, owner

NAMES = "{ items { metadata { name } } }"
WITHOUT_PODS = {"relation": "pods", "exists": False}
UNUSED = {"relation": "usedBy", "exists": False}

Condition = Mapping[str, Any]


def list_query(field: str, arguments: str = "", selection: str = NAMES) -> str:
    """``$n`` is the namespace of a namespaced kind."""
    if field in ("nodes", "persistentVolumes"):
        return f"query($w: [RelatedFilter!]) {{ found: {field}(whereRelated: $w{arguments}) {selection} }}"
    return f"""query($n: String, $w: [RelatedFilter!]) {{
      found: {field}(namespace: $n, whereRelated: $w{arguments}) {selection} }}"""


async def answer(
    gateway: GatewayProcess, namespace: str | None, query: str, *conditions: Condition, **options: Any
) -> dict[str, Any]:
    """The whole answer, with the trace of the requests to the API server."""
    variables = {"n": namespace, "w": list(conditions)}
    body = {"query": query, "variables": variables, "extensions": {"trace": True}}
    found: dict[str, Any] = (await gateway.request("POST", "/graphql", json=body, **options)).json()
    return found


async def traced(
    gateway: GatewayProcess,
    namespace: str | None,
    field: str,
    *conditions: Condition,
    arguments: str = "",
) -> tuple[list[str], list[str]]:
    """The names of the objects in the answer, and the paths of the requests to the API server."""
    found = await answer(gateway, namespace, list_query(field, arguments), *conditions)
    assert "errors" not in found, found["errors"]
    return names(found["data"]["found"]), [item["path"] for item in found["extensions"]["upstream"]]


def names(value: Any) -> list[str]:
    """The names of a list, without the object that a controller of Kubernetes adds to each namespace."""
    found = [item["metadata"]["name"] for item in value["items"]]
    return [name for name in found if name != "kube-root-ca.crt"]


async def test_services_without_pods(gateway: GatewayProcess, application: Application) -> None:
    space = f"/api/v1/namespaces/{application.namespace}"
    found, paths = await traced(gateway, application.namespace, "services", WITHOUT_PODS)
    assert found == ["other"]
    assert paths == [f"{space}/services", f"{space}/pods"]
    found, paths = await traced(gateway, application.namespace, "services", {"relation": "pods"})
    assert found == ["shop"]
    assert len(paths) == 2


async def test_config_maps_that_no_pod_uses(gateway: GatewayProcess, application: Application) -> None:
    space = f"/api/v1/namespaces/{application.namespace}"
    found, paths = await traced(gateway, application.namespace, "configMaps", UNUSED)
    assert found == ["unused"]
    assert paths == [f"{space}/configmaps", f"{space}/pods"]
    found, _ = await traced(gateway, application.namespace, "configMaps", {"relation": "usedBy"})
    assert found == ["files", "settings"]


async def test_relations_to_several_kinds_list_each_kind_once(
    gateway: GatewayProcess, application: Application
) -> None:
    found, paths = await traced(gateway, application.namespace, "secrets", UNUSED)
    assert found == []
    assert sorted(path.rpartition("/")[2] for path in paths) == [
        "ingresses",
        "pods",
        "secrets",
        "serviceaccounts",
    ]


async def test_claims_whose_volume_is_gone(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    space = own_application.namespace
    gone = {"relation": "persistentVolume", "exists": False}
    found, paths = await traced(gateway, space, "persistentVolumeClaims", gone)
    assert found == []
    assert paths == [f"/api/v1/namespaces/{space}/persistentvolumeclaims", "/api/v1/persistentvolumes"]
    api = backend.api()
    api.create(core("persistentvolumeclaims", space), _claim_without_volume())
    volume = f"api/v1/persistentvolumes/{own_application.volume}"
    api.merge(volume, {"metadata": {"finalizers": None}})
    api.delete(volume)
    query = list_query("persistentVolumeClaims", "", "{ items { metadata { name } spec { volumeName } } }")
    data = (await answer(gateway, space, query, gone))["data"]["found"]
    volumes = {item["metadata"]["name"]: item["spec"]["volumeName"] for item in data["items"]}
    assert volumes == {"data": own_application.volume, "pending": None}


def _claim_without_volume() -> dict[str, Any]:
    resources = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": resources, "storageClassName": ""}
    return {"metadata": {"name": "pending"}, "spec": spec}


@pytest.fixture(scope="module")
def plain(backend: Backend, application: Application) -> str:
    """A pod beside the application's, to which nothing but its namespace is related."""
    backend.api().create(core("pods", application.namespace), pod("plain", labels={"app": "plain"}))
    return "plain"


@pytest.mark.parametrize(
    ("relation", "with_related"),
    [
        ("node", ["shop-1-a"]),
        ("owner", ["shop-1-a"]),
        ("owners", ["shop-1-a"]),
        ("workload", ["shop-1-a"]),
        ("events", ["shop-1-a"]),
        ("services", ["shop-1-a"]),
        ("persistentVolumeClaims", ["shop-1-a"]),
        ("secrets", ["shop-1-a"]),
        ("inNamespace", ["plain", "shop-1-a"]),
        ("dependents", []),
        ("networkPolicies", []),
        ("spec.node", ["shop-1-a"]),
        ("spec.containers.envFrom.configMap", ["shop-1-a"]),
        ("spec.volumes.persistentVolumeClaim.claim", ["shop-1-a"]),
        ("spec.imagePullSecretObjects", ["shop-1-a"]),
    ],
)
async def test_every_rule_of_relations_filters_in_both_directions(
    gateway: GatewayProcess,
    application: Application,
    plain: str,
    relation: str,
    with_related: list[str],
) -> None:
    space = application.namespace
    found, _ = await traced(gateway, space, "pods", {"relation": relation})
    assert found == with_related
    rest, _ = await traced(gateway, space, "pods", {"relation": relation, "exists": False})
    assert sorted(found + rest) == [plain, "shop-1-a"]


async def test_owners_below_and_above(gateway: GatewayProcess, application: Application) -> None:
    space = application.namespace
    found, paths = await traced(gateway, space, "deployments", {"relation": "dependents", "exists": False})
    assert found == ["api", "web"]
    assert [path.rpartition("/")[2] for path in paths] == ["deployments", "replicasets"]
    found, paths = await traced(gateway, space, "pods", {"relation": "workload", "labelSelector": "app"})
    assert found == []
    assert [path.rpartition("/")[2] for path in paths] == ["pods", "replicasets", "deployments"]


async def test_cluster_scoped_objects_by_namespaced_ones(
    backend: Backend, gateway: GatewayProcess, application: Application
) -> None:
    backend.api().create(core("nodes"), {"metadata": {"name": f"{application.node}-idle"}})
    found, paths = await traced(gateway, None, "nodes", {"relation": "pods", "exists": False})
    assert f"{application.node}-idle" in found
    assert application.node not in found
    assert paths == ["/api/v1/nodes", "/api/v1/pods"]
    found, _ = await traced(gateway, None, "persistentVolumes", {"relation": "persistentVolumeClaim"})
    assert application.volume in found


async def test_a_label_selector_restricts_the_related_objects(
    gateway: GatewayProcess, application: Application
) -> None:
    space = application.namespace
    for labels, expected in (("app=shop", ["shop"]), ("app!=shop", []), ("missing", [])):
        condition = {"relation": "pods", "labelSelector": labels}
        whole = await answer(gateway, space, list_query("services", ""), condition)
        assert names(whole["data"]["found"]) == expected
        _, pods = whole["extensions"]["upstream"]
        # an informer of another test may answer, which selects by itself
        assert pods["cached"] or "labelSelector=" in pods["path"]
    found, _ = await traced(gateway, space, "services", {**WITHOUT_PODS, "labelSelector": "app!=shop"})
    assert found == ["other", "shop"]


async def test_a_label_selector_restricts_the_objects_of_an_informer(
    gateway: GatewayProcess, application: Application
) -> None:
    space = application.namespace
    async with gateway.subscribe("subscription { pods { object { spec { nodeName } } } }") as events:
        await events.result()
        for labels, expected in (("app=shop", ["shop"]), ("app!=shop", [])):
            condition = {"relation": "pods", "labelSelector": labels}
            whole = await answer(gateway, space, list_query("services", ""), condition)
            assert names(whole["data"]["found"]) == expected
            assert [item["cached"] for item in whole["extensions"]["upstream"]] == [False, True]


async def test_all_filters_must_hold_and_a_kind_is_listed_once(
    gateway: GatewayProcess, application: Application
) -> None:
    space = application.namespace
    related = {"relation": "pods", "labelSelector": "app=shop"}
    others = {"relation": "pods", "labelSelector": "app!=shop", "exists": False}
    found, paths = await traced(gateway, space, "services", related, others, {"relation": "ingresses"})
    assert found == ["shop"]
    assert sorted(path.rpartition("/")[2] for path in paths) == ["ingresses", "pods", "services"]
    found, _ = await traced(gateway, space, "services", related, {"relation": "ingresses", "exists": False})
    assert found == []
    found, paths = await traced(gateway, space, "services")
    assert found == ["other", "shop"]
    assert len(paths) == 1


async def test_the_selectors_of_the_list_apply_too(gateway: GatewayProcess, application: Application) -> None:
    space = application.namespace
    arguments = ', fieldSelector: "metadata.name=shop"'
    found, _ = await traced(gateway, space, "services", {"relation": "pods"}, arguments=arguments)
    assert found == ["shop"]
    found, _ = await traced(gateway, space, "services", WITHOUT_PODS, arguments=arguments)
    assert found == []
    found, paths = await traced(
        gateway, space, "services", WITHOUT_PODS, arguments=', labelSelector: "missing"'
    )
    assert found == []
    assert len(paths) == 1, "no object, no question"


@pytest.mark.parametrize(
    "selection",
    [
        "{ kind apiVersion items { kind apiVersion metadata { name } } }",
        "{ items { metadata { name } pods { items { metadata { name } } } } }",
        "{ items { metadata { name } yaml } }",
        "{ a: items { metadata { name } } items { spec { selector } metadata { name } } }",
        "{ __typename metadata { resourceVersion } items { metadata { name } health { status } } }",
    ],
)
async def test_every_selection_has_the_objects_that_an_unfiltered_list_has(
    gateway: GatewayProcess, application: Application, selection: str
) -> None:
    space = application.namespace
    whole = (await answer(gateway, space, list_query("services", "", selection)))["data"]["found"]
    found = await answer(gateway, space, list_query("services", "", selection), WITHOUT_PODS)
    assert "errors" not in found
    expected = [item for item in whole["items"] if item["metadata"]["name"] == "other"]
    assert found["data"]["found"]["items"] == expected
    for key in ("kind", "apiVersion", "__typename"):
        assert found["data"]["found"].get(key) == whole.get(key)


PAGE = "{ metadata { continue remainingItemCount } items { metadata { name } } }"


async def test_filters_apply_to_each_page(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    space = own_application.namespace
    for number in range(5):
        backend.api().create(core("configmaps", space), {"metadata": {"name": f"more-{number}"}})
    pages: list[list[str]] = []
    token = ""
    while True:
        query = list_query("configMaps", f', limit: 2, continue: "{token}"', PAGE)
        page = (await answer(gateway, space, query, {"relation": "usedBy"}))["data"]["found"]
        pages.append(names(page))
        assert page["metadata"]["remainingItemCount"] is None
        token = page["metadata"]["continue"]
        if not token:
            break
    assert len(pages) >= 4
    assert [] in pages
    assert list(itertools.chain.from_iterable(pages)) == ["files", "settings"]
    assert max(map(len, pages)) <= 2


@pytest.mark.parametrize("selection", [NAMES, "{ items { metadata { name } yaml } }"])
async def test_all_pages_list_the_related_kind_once(
    backend: Backend, gateway: GatewayProcess, own_application: Application, selection: str
) -> None:
    space = own_application.namespace
    for number in range(5):
        backend.api().create(core("configmaps", space), {"metadata": {"name": f"more-{number}"}})
    query = list_query("configMaps", ", limit: 2, allPages: true", selection)
    found = await answer(gateway, space, query, UNUSED)
    assert names(found["data"]["found"]) == [*(f"more-{number}" for number in range(5)), "unused"]
    paths = [item["path"] for item in found["extensions"]["upstream"]]
    assert sum("/configmaps?" in path for path in paths) >= 4
    assert [path for path in paths if "/configmaps?" not in path] == [f"/api/v1/namespaces/{space}/pods"]


@pytest.mark.parametrize("selection", [NAMES, "{ items { metadata { name } pods { items { kind } } } }"])
async def test_cached_lists_are_filtered_without_a_request(
    backend: Backend, shared_tapped_gateway: TappedGateway, namespace: str, selection: str
) -> None:
    create_application(backend.api(), namespace)
    gateway = shared_tapped_gateway.gateway
    services = "subscription { services { type object { spec { selector } } } }"
    pods = "subscription { pods { type object { spec { nodeName } } } }"
    async with gateway.subscribe(services) as first, gateway.subscribe(pods) as second:
        await first.synced()
        await second.synced()
        query = list_query("services", ', resourceVersion: "0"', selection)
        found = await answer(gateway, namespace, query, WITHOUT_PODS)
    assert names(found["data"]["found"]) == ["other"]
    upstream = found["extensions"]["upstream"]
    assert all(item["cached"] for item in upstream), upstream
    assert {item["path"].rpartition("/")[2] for item in upstream} == {"services", "pods"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"relation": "nonsense"}, "Service has no relation 'nonsense'; its relations are owner, owners, "),
        ({"relation": ""}, "Service has no relation ''"),
        ({"relation": "spec.pods"}, "Service has no relation 'spec.pods'"),
        ({"relation": "metadata.name"}, "Service has no relation 'metadata.name'"),
        ({"relation": "pods", "labelSelector": "a in ("}, "label selector"),
    ],
)
async def test_a_wrong_filter_is_a_bad_request_and_sends_none(
    gateway: GatewayProcess, condition: Condition, message: str
) -> None:
    found = await answer(gateway, "team-0", list_query("services"), condition)
    (error,) = found["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["path"] == ["found"]
    assert found["data"] == {"found": None}
    assert found["extensions"]["upstream"] == []


async def test_the_message_names_the_relations_of_the_kind(gateway: GatewayProcess) -> None:
    found = await answer(
        gateway, "team-0", list_query("horizontalPodAutoscalers"), {"relation": "scaleTarget"}
    )
    message = found["errors"][0]["message"]
    assert "owner, owners, dependents, events, inNamespace; inside of it: spec.scaleTarget" in message


async def test_there_may_be_ten_filters(gateway: GatewayProcess) -> None:
    found = await answer(gateway, "team-0", list_query("services"), *[WITHOUT_PODS] * 11)
    assert found["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "the limit is 10" in found["errors"][0]["message"]
    many = [
        {"relation": "pods", "labelSelector": f"missing-{number}", "exists": False} for number in range(10)
    ]
    found = await answer(gateway, "team-0", list_query("services"), *many)
    assert "errors" not in found


async def test_null_is_the_default_of_exists(gateway: GatewayProcess, application: Application) -> None:
    condition = {"relation": "pods", "exists": None, "labelSelector": None}
    found, _ = await traced(gateway, application.namespace, "services", condition)
    assert found == ["shop"]


async def test_an_object_of_the_same_name_is_not_the_owner(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api, space = backend.api(), own_application.namespace
    other = {
        "metadata": {**own_application.deployment["metadata"], "uid": "00000000-0000-0000-0000-000000000000"}
    }
    references = [owner(other, "Deployment")]
    api.create(core("configmaps", space), {"metadata": {"name": "stray", "ownerReferences": references}})
    found, _ = await traced(gateway, space, "configMaps", {"relation": "owner"})
    assert found == []

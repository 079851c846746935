"""Relations: related objects in the same request.

Covers ``gateway/resolvers/relations/answers.py``, ``gateway/resolvers/relations/events.py``,
``gateway/resolvers/relations/fields.py``, ``gateway/resolvers/relations/join.py``,
``gateway/resolvers/relations/listing.py``, ``gateway/resolvers/relations/loader.py``,
``gateway/resolvers/relations/reader.py`` and ``schema/selection/joined.py``.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.api import bearer, core, deployment, grouped, let_see_pods, pod
from tests.fixtures.backends import Backend, TappedGateway
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.related import Application, create_application
from tests.fixtures.waiting import wait_until


def named(value: Any) -> Any:
    """Names in place of objects and Lists."""
    if value is None:
        return None
    return [named(item) for item in value["items"]] if "items" in value else value["metadata"]["name"]


async def pod_of(gateway: GatewayProcess, application: Application, selection: str) -> Any:
    query = f'query($n: String) {{ pod(name: "shop-1-a", namespace: $n) {{ {selection} }} }}'
    return (await gateway.data(query, {"n": application.namespace}))["pod"]


NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"node {NAME}", "{namespace}-node"),
        (f"serviceAccount {NAME}", "shopkeeper"),
        (f"inNamespace {NAME}", "{namespace}"),
        (f"owner {NAME}", "shop-1"),
        (f"owners {NAMES}", ["shop-1"]),
        (f"workload {NAME}", "shop"),
        (f"services {NAMES}", ["shop"]),
        (f"configMaps {NAMES}", ["files", "settings"]),
        (f"secrets {NAMES}", ["password", "registry"]),
        (f"persistentVolumeClaims {NAMES}", ["data"]),
        (f"events {NAMES}", ["shop-1-a.started"]),
        (f"dependents {NAMES}", []),
    ],
)
async def test_a_pod_leads_to_its_neighbours(
    gateway: GatewayProcess, application: Application, field: str, expected: Any
) -> None:
    name = field.partition(" ")[0]
    if isinstance(expected, str):
        expected = expected.format(namespace=application.namespace)
    assert named((await pod_of(gateway, application, field))[name]) == expected


async def test_references_inside_of_an_object_have_twins(
    gateway: GatewayProcess, application: Application
) -> None:
    found = await pod_of(
        gateway,
        application,
        f"""spec {{
          node {NAME}
          imagePullSecretObjects {NAMES}
          containers {{
            envFrom {{ configMap {NAME} }}
            env {{ name valueFrom {{ secret {NAME} }} }}
          }}
          volumes {{
            persistentVolumeClaim {{ claim {{ spec {{ volume {NAME} }} }} }}
            configMapObject {NAME}
          }}
        }}""",
    )
    spec = found["spec"]
    assert named(spec["node"]) == application.node
    assert named(spec["imagePullSecretObjects"]) == ["registry"]
    (container,) = spec["containers"]
    assert named(container["envFrom"][0]["configMap"]) == "settings"
    assert named(container["env"][0]["valueFrom"]["secret"]) == "password"
    assert container["env"][1]["valueFrom"] is None
    assert named(spec["volumes"][0]["configMapObject"]) == "files"
    assert named(spec["volumes"][1]["persistentVolumeClaim"]["claim"]["spec"]["volume"]) == application.volume


async def test_the_ways_back(gateway: GatewayProcess, application: Application) -> None:
    data = await gateway.data(
        f"""query($n: String, $node: String!, $volume: String!) {{
          deployment(name: "shop", namespace: $n) {{ pods {NAMES} dependents {NAMES} }}
          replicaSet(name: "shop-1", namespace: $n) {{ dependents {NAMES} owner {NAME} }}
          service(name: "shop", namespace: $n) {{ pods {NAMES} ingresses {NAMES} }}
          used: configMap(name: "settings", namespace: $n) {{ usedBy {NAMES} }}
          unused: configMap(name: "unused", namespace: $n) {{ usedBy {NAMES} }}
          secret(name: "password", namespace: $n) {{
            usedBy {{ items {{ __typename metadata {{ name }} }} }}
          }}
          persistentVolumeClaim(name: "data", namespace: $n) {{ persistentVolume {NAME} usedBy {NAMES} }}
          persistentVolume(name: $volume) {{ persistentVolumeClaim {NAME} spec {{ claim {NAME} }} }}
          node(name: $node) {{ pods {NAMES} lease {NAME} }}
        }}""",
        {"n": application.namespace, "node": application.node, "volume": application.volume},
    )
    assert named(data["deployment"]["pods"]) == ["shop-1-a"]
    assert named(data["deployment"]["dependents"]) == ["shop-1"]
    assert named(data["replicaSet"]["dependents"]) == ["shop-1-a"]
    assert named(data["replicaSet"]["owner"]) == "shop"
    assert named(data["service"]["pods"]) == ["shop-1-a"]
    assert named(data["service"]["ingresses"]) == ["shop"]
    assert named(data["used"]["usedBy"]) == ["shop-1-a"]
    assert named(data["unused"]["usedBy"]) == []
    users = {(item["__typename"], item["metadata"]["name"]) for item in data["secret"]["usedBy"]["items"]}
    assert users == {("Pod", "shop-1-a"), ("Ingress", "shop")}
    assert named(data["persistentVolumeClaim"]["persistentVolume"]) == application.volume
    assert named(data["persistentVolumeClaim"]["usedBy"]) == ["shop-1-a"]
    assert named(data["persistentVolume"]["persistentVolumeClaim"]) == "data"
    assert named(data["persistentVolume"]["spec"]["claim"]) == "data"
    assert named(data["node"]["pods"]) == ["shop-1-a"]
    assert named(data["node"]["lease"]) is None


async def test_kinds_of_mixed_objects_have_their_own_fields(
    gateway: GatewayProcess, application: Application
) -> None:
    found = await pod_of(
        gateway,
        application,
        """owner { __typename ... on ReplicaSet { spec { replicas } } yaml }
           workload {
             __typename
             ... on Deployment { spec { replicas } }
             ... on StatefulSet { status { replicas } }
           }""",
    )
    assert found["owner"]["__typename"] == "ReplicaSet"
    assert found["owner"]["spec"] == {"replicas": 1}
    assert "kind: ReplicaSet" in found["owner"]["yaml"]
    assert found["workload"] == {"__typename": "Deployment", "spec": {"replicas": 1}}


async def test_dangling_references_are_null_without_an_error(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    api = backend.api()
    api.delete(f"api/v1/nodes/{own_application.node}")
    api.delete(f"apis/apps/v1/namespaces/{own_application.namespace}/replicasets/shop-1")
    found = await pod_of(gateway, own_application, f"node {NAME} owner {NAME} owners {NAMES} workload {NAME}")
    assert found == {"node": None, "owner": None, "owners": {"items": []}, "workload": None}


async def traced(gateway: GatewayProcess, query: str, variables: dict[str, Any]) -> tuple[Any, list[str]]:
    """The data, and the paths of the requests to the API server."""
    body = {"query": query, "variables": variables, "extensions": {"trace": True}}
    response = await gateway.request("POST", "/graphql", json=body)
    answer = response.json()
    assert "errors" not in answer, answer["errors"]
    return answer["data"], [item["path"] for item in answer["extensions"]["upstream"]]


async def test_few_objects_are_read_one_by_one(gateway: GatewayProcess, application: Application) -> None:
    query = f"query($n: String) {{ pods(namespace: $n) {{ items {{ a: node {NAME} b: node {NAME} }} }} }}"
    space = application.namespace
    _, paths = await traced(gateway, query, {"n": space})
    assert paths == [f"/api/v1/namespaces/{space}/pods", f"/api/v1/nodes/{application.node}"]


async def test_the_trace_describes_each_request(gateway: GatewayProcess, application: Application) -> None:
    query = f'query($n: String) {{ pod(name: "shop-1-a", namespace: $n) {{ node {NAME} }} }}'
    body = {"query": query, "variables": {"n": application.namespace}, "extensions": {"trace": True}}
    answer = (await gateway.request("POST", "/graphql", json=body)).json()
    (_, node) = answer["extensions"]["upstream"]
    assert node.keys() == {"verb", "path", "status", "milliseconds", "bytes", "cached"}
    assert (node["verb"], node["status"], node["cached"]) == ("GET", 200, False)
    assert node["bytes"] > 0
    assert node["milliseconds"] > 0
    assert "extensions" not in await gateway.execute(query, {"n": application.namespace})


async def test_many_objects_are_read_by_one_list(
    backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api = backend.api()
    for number in range(12):
        api.create(core("configmaps", namespace), {"metadata": {"name": f"own-{number}"}})
        volume = {"name": "v", "configMap": {"name": f"own-{number}"}}
        plain = pod(f"p-{number}", labels={})
        api.create(core("pods", namespace), {**plain, "spec": {**plain["spec"], "volumes": [volume]}})
    query = f"query($n: String) {{ pods(namespace: $n) {{ items {{ configMaps {NAMES} }} }} }}"
    data, paths = await traced(gateway, query, {"n": namespace})
    assert sorted(named(item["configMaps"])[0] for item in data["pods"]["items"]) == sorted(
        f"own-{number}" for number in range(12)
    )
    assert paths == [f"/api/v1/namespaces/{namespace}/{of}" for of in ("pods", "configmaps")]


async def test_many_selectors_are_searched_in_one_list(
    backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    api = backend.api()
    for number in range(6):
        api.create(grouped("apps/v1", "deployments", namespace), deployment(f"own-{number}"))
        api.create(core("pods", namespace), pod(f"p-{number}", labels={"app": f"own-{number}"}))
    query = f"""query($n: String) {{ deployments(namespace: $n) {{ items {{
      metadata {{ name }} pods {NAMES} }} }} }}"""
    data, paths = await traced(gateway, query, {"n": namespace})
    found = {item["metadata"]["name"]: named(item["pods"]) for item in data["deployments"]["items"]}
    assert found == {
        **{f"own-{number}": [f"p-{number}"] for number in range(6)},
        "api": [],
        "web": [],
    }
    assert paths == [
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        f"/api/v1/namespaces/{namespace}/pods",
    ]


async def test_relations_nest_and_cycle(gateway: GatewayProcess, application: Application) -> None:
    found = await pod_of(
        gateway,
        application,
        f"node {{ pods {{ items {{ node {{ pods {{ items {{ owner {NAME} }} }} }} }} }} }}",
    )
    (inner,) = found["node"]["pods"]["items"]
    assert named(inner["node"]["pods"]["items"][0]["owner"]) == "shop-1"


async def test_lists_take_a_label_selector_and_a_limit(
    gateway: GatewayProcess, application: Application
) -> None:
    found = await pod_of(
        gateway,
        application,
        f"""none: services(labelSelector: "app=none") {NAMES} one: configMaps(limit: 1) {NAMES}
            kinds: dependents(kinds: ["ConfigMap", "Deployment.apps"]) {NAMES}""",
    )
    assert {name: named(value) for name, value in found.items()} == {
        "none": [],
        "one": ["files"],
        "kinds": [],
    }


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (f'dependents(kinds: ["Nonsense"]) {NAMES}', "the cluster serves no kind Nonsense"),
        (f"services(limit: -1) {NAMES}", "limit is -1"),
        (f'configMaps(labelSelector: "a in (") {NAMES}', "label selector"),
    ],
)
async def test_a_wrong_argument_is_a_bad_request_at_its_path(
    gateway: GatewayProcess, application: Application, field: str, message: str
) -> None:
    query = f'query($n: String) {{ pod(name: "shop-1-a", namespace: $n) {{ metadata {{ name }} {field} }} }}'
    answer = await gateway.execute(query, {"n": application.namespace})
    (error,) = answer["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["path"] == ["pod", field.partition("(")[0]]
    assert answer["data"]["pod"]["metadata"]["name"] == "shop-1-a"


async def test_what_graphql_core_executes_has_the_same_relations(
    gateway: GatewayProcess, own_application: Application
) -> None:
    selection = f"""node {NAME} services {NAMES} workload {{ __typename yaml }}
      spec {{ containers {{ envFrom {{ configMap {NAME} }} }} }}"""
    compiled = await pod_of(gateway, own_application, selection)
    patch = f"""mutation($n: String) {{
      patchPod(name: "shop-1-a", namespace: $n, patch: {{ metadata: {{ annotations: {{ a: "b" }} }} }}) {{
        {selection} }} }}"""
    executed = (await gateway.data(patch, {"n": own_application.namespace}))["patchPod"]
    assert executed == compiled


async def test_a_subscription_resolves_relations_at_each_event(
    backend: Backend, gateway: GatewayProcess, own_application: Application
) -> None:
    query = f"""subscription($n: String) {{ pods(namespace: $n) {{
      type object {{ metadata {{ labels }} node {NAME} owner {NAME} }} resourceVersion }} }}"""
    api, space = backend.api(), own_application.namespace
    pod_path = core("pods", space, "shop-1-a")
    async with gateway.subscribe(query, {"n": space}) as stream:
        (initial,) = await stream.synced()
        assert named(initial["object"]["node"]) == own_application.node
        assert named(initial["object"]["owner"]) == "shop-1"
        # changes nothing that is selected
        api.merge(pod_path, {"metadata": {"annotations": {"a": "b"}}})
        # a change of only the related object fires nothing; the next event has its state
        api.delete(core("nodes", None, own_application.node))
        api.merge(pod_path, {"metadata": {"labels": {"new": "label"}}})
        event = await stream.event()
        assert event["type"] == "MODIFIED"
        assert event["object"]["metadata"]["labels"]["new"] == "label"
        assert event["object"]["node"] is None


async def test_the_initial_events_share_the_requests_for_related_objects(
    backend: Backend, tapped_gateway: TappedGateway, namespace: str
) -> None:
    api = backend.api()
    for number in range(12):
        api.create(core("configmaps", namespace), {"metadata": {"name": f"own-{number}"}})
        volume = {"name": "v", "configMap": {"name": f"own-{number}"}}
        plain = pod(f"p-{number}", labels={})
        api.create(core("pods", namespace), {**plain, "spec": {**plain["spec"], "volumes": [volume]}})
    query = f"subscription($n: String) {{ pods(namespace: $n) {{ type object {{ configMaps {NAMES} }} }} }}"
    async with tapped_gateway.gateway.subscribe(query, {"n": namespace}) as stream:
        events = await stream.synced()
    found = sorted(named(event["object"]["configMaps"])[0] for event in events)
    assert found == sorted(f"own-{number}" for number in range(12))
    requests = [item.target for item in tapped_gateway.tap.requests if "configmaps" in item.target]
    assert 1 <= len(requests) <= 3


@pytest.fixture(scope="module")
def passthrough(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path_factory.mktemp("passthrough"), *options) as started:
        yield started


@pytest.mark.cluster
async def test_what_the_caller_may_not_see_is_null_with_an_error(
    seeded_cluster: Backend, passthrough: GatewayProcess
) -> None:
    api, space = seeded_cluster.api(), "relations-of-alice"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    application = create_application(api, space)
    let_see_pods(api, "alice", space)
    wait_until(
        lambda: seeded_cluster.api("alice").request("GET", core("pods", space)).is_success, "alice's role"
    )
    query = f"""query($n: String) {{ pods(namespace: $n) {{ items {{
      metadata {{ name }} node {NAME} services {NAMES} configMaps {NAMES} owner {NAME}
      spec {{ containers {{ envFrom {{ configMap {NAME} }} }} }} }} }} }}"""
    answer = await passthrough.execute(query, {"n": application.namespace}, headers=bearer("alice"))
    (item,) = answer["data"]["pods"]["items"]
    assert item["metadata"]["name"] == "shop-1-a"
    assert [item[name] for name in ("node", "services", "configMaps", "owner")] == [None] * 4
    assert item["spec"]["containers"][0]["envFrom"][0]["configMap"] is None
    paths = {".".join(map(str, error["path"])) for error in answer["errors"]}
    at = "pods.items.0"
    assert paths == {
        f"{at}.node",
        f"{at}.services",
        f"{at}.configMaps",
        f"{at}.owner",
        f"{at}.spec.containers.0.envFrom.0.configMap",
    }
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}


@pytest.mark.cluster
async def test_an_answer_lists_a_hundred_errors_and_says_that_there_are_more(
    seeded_cluster: Backend, passthrough: GatewayProcess
) -> None:
    api, space = seeded_cluster.api(), "relations-refused"
    api.create(core("namespaces"), {"metadata": {"name": space}})
    for number in range(101):
        api.create(core("pods", space), pod(f"p-{number:03}", labels={}, node="node-1"))
    let_see_pods(api, "alice", space)
    wait_until(
        lambda: seeded_cluster.api("alice").request("GET", core("pods", space)).is_success, "alice's role"
    )
    query = f"query($n: String) {{ pods(namespace: $n) {{ items {{ metadata {{ name }} node {NAME} }} }} }}"
    answer = await passthrough.execute(query, {"n": space}, headers=bearer("alice"))
    assert [item["node"] for item in answer["data"]["pods"]["items"]] == [None] * 101
    *errors, more = answer["errors"]
    assert [error["path"] for error in errors] == [["pods", "items", index, "node"] for index in range(100)]
    assert more["path"] == ["pods"]
    assert more["message"].startswith("more related objects could not be read")
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}

"""Lists: paging, selectors, resource versions and selection sets."""

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

PODS_OF_TEAM_0 = ["app-0-00000", "app-0-00004", "app-0-00008", "app-2-00002", "app-2-00006"]


async def names(gateway: GatewayProcess, arguments: str, field: str = "pods") -> list[str]:
    data = await gateway.data(f"{{ list: {field}({arguments}) {{ items {{ metadata {{ name }} }} }} }}")
    return [item["metadata"]["name"] for item in data["list"]["items"]]


async def test_a_namespace_limits_the_list(gateway: GatewayProcess) -> None:
    assert await names(gateway, 'namespace: "team-0"') == PODS_OF_TEAM_0


async def test_no_namespace_means_all_of_them(gateway: GatewayProcess) -> None:
    data = await gateway.data("{ pods { items { metadata { namespace } } } }")
    assert {"team-0", "team-1"} <= {item["metadata"]["namespace"] for item in data["pods"]["items"]}


async def test_an_empty_list_is_a_list(gateway: GatewayProcess, namespace: str) -> None:
    query = """query($n: String) {
      pods(namespace: $n) { kind apiVersion metadata { resourceVersion } items { kind } } }"""
    pods = (await gateway.data(query, {"n": namespace}))["pods"]
    assert pods["items"] == []
    assert (pods["kind"], pods["apiVersion"]) == ("PodList", "v1")
    assert int(pods["metadata"]["resourceVersion"]) > 0


async def test_pages_add_up_to_the_whole_list(gateway: GatewayProcess) -> None:
    query = """query($token: String) { pods(namespace: "team-0", limit: 2, continue: $token) {
      metadata { continue remainingItemCount } items { metadata { name } } } }"""
    found: list[str] = []
    remaining: list[object] = []
    token = None
    while token != "":
        page = (await gateway.data(query, {"token": token}))["pods"]
        found += [item["metadata"]["name"] for item in page["items"]]
        remaining.append(page["metadata"]["remainingItemCount"])
        token = page["metadata"]["continue"] or ""
    assert found == PODS_OF_TEAM_0
    assert [int(str(count)) if count is not None else None for count in remaining] == [3, 1, None]


async def test_an_unreadable_continue_token_is_a_bad_request(gateway: GatewayProcess) -> None:
    error = await gateway.error('{ pods(limit: 2, continue: "nonsense") { items { kind } } }')
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["extensions"]["kubernetes"]["reason"] == "BadRequest"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=app-0", ["app-0-00000", "app-0-00004", "app-0-00008"]),
        ("app==app-2,tier=web", ["app-2-00002"]),
        ("app!=app-0", ["app-2-00002", "app-2-00006"]),
        ("tier in (db)", ["app-0-00008", "app-2-00006"]),
        ("tier notin (db),app", ["app-0-00000", "app-0-00004", "app-2-00002"]),
        ("!tier", []),
    ],
)
async def test_label_selectors_select(gateway: GatewayProcess, selector: str, expected: list[str]) -> None:
    assert await names(gateway, f'namespace: "team-0", labelSelector: "{selector}"') == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=app-2-00002", ["app-2-00002"]),
        ("status.phase=Pending", ["app-0-00000"]),
        ("status.phase!=Pending,spec.nodeName=node-1", PODS_OF_TEAM_0[1:]),
    ],
)
async def test_field_selectors_select(gateway: GatewayProcess, selector: str, expected: list[str]) -> None:
    assert await names(gateway, f'namespace: "team-0", fieldSelector: "{selector}"') == expected


@pytest.mark.parametrize("argument", ['labelSelector: "a in"', 'fieldSelector: "spec.colour=red"'])
async def test_an_invalid_selector_is_a_bad_request(gateway: GatewayProcess, argument: str) -> None:
    error = await gateway.error(f"{{ pods({argument}) {{ items {{ kind }} }} }}")
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_resource_version_zero_is_accepted(gateway: GatewayProcess) -> None:
    assert await names(gateway, 'namespace: "team-0", resourceVersion: "0"') == PODS_OF_TEAM_0


@pytest.mark.parametrize("match", ["NOT_OLDER_THAN", "EXACT"])
async def test_a_list_at_a_resource_version(gateway: GatewayProcess, backend: Backend, match: str) -> None:
    version = backend.api().get(core("pods", "team-0"))["metadata"]["resourceVersion"]
    arguments = f'namespace: "team-0", resourceVersion: "{version}", resourceVersionMatch: {match}'
    assert await names(gateway, arguments) == PODS_OF_TEAM_0


async def test_an_exact_match_needs_a_resource_version(gateway: GatewayProcess) -> None:
    error = await gateway.error("{ pods(resourceVersionMatch: EXACT) { items { kind } } }")
    assert error["extensions"]["code"] in ("BAD_REQUEST", "INVALID")


async def test_cluster_scoped_kinds_have_no_namespace(gateway: GatewayProcess) -> None:
    assert {"team-0", "team-1"} <= set(await names(gateway, "allPages: true", field="namespaces"))
    error = await gateway.error('{ namespaces(namespace: "x") { items { kind } } }')
    assert "namespace" in error["message"]


async def test_aliases_fragments_and_directives(gateway: GatewayProcess) -> None:
    query = """
    query($with: Boolean!, $without: Boolean!) {
      first: pods(namespace: "team-0", limit: 1) { ...Named }
      second: pods(namespace: "team-1", limit: 1) { ...Named }
    }
    fragment Named on PodList {
      type: __typename
      items {
        ... on Pod { meta: metadata { id: name name } }
        spec @include(if: $with) { containers { called: name } }
        status @skip(if: $without) { phase }
      }
    }"""
    data = await gateway.data(query, {"with": False, "without": False})
    assert data["first"] == {
        "type": "PodList",
        "items": [
            {"meta": {"id": "app-0-00000", "name": "app-0-00000"}, "status": {"phase": "Pending"}},
        ],
    }
    data = await gateway.data(query, {"with": True, "without": True})
    assert data["second"]["items"] == [
        {
            "meta": {"id": "app-1-00001", "name": "app-1-00001"},
            "spec": {"containers": [{"called": "main"}, {"called": "sidecar"}]},
        }
    ]


async def test_one_failing_field_leaves_its_sibling_intact(gateway: GatewayProcess) -> None:
    query = """{ good: pod(name: "app-0-00000", namespace: "team-0") { kind }
                 bad: pod(name: "absent", namespace: "team-0") { kind } }"""
    answer = await gateway.execute(query)
    assert answer["data"] == {"good": {"kind": "Pod"}, "bad": None}
    assert [error["path"] for error in answer["errors"]] == [["bad"]]


async def test_values_keep_their_types(gateway: GatewayProcess) -> None:
    query = """{ deployment(name: "app-0", namespace: "team-0") {
      metadata { generation creationTimestamp annotations labels }
      spec { template { spec { containers { name resources { limits } } } } }
    } }"""
    found = (await gateway.data(query))["deployment"]
    assert found["metadata"]["labels"] == {"app": "app-0"}
    assert found["metadata"]["annotations"]["note"] == "first"
    assert int(found["metadata"]["generation"]) >= 1
    assert found["metadata"]["creationTimestamp"].endswith("Z")
    assert [container["name"] for container in found["spec"]["template"]["spec"]["containers"]] == [
        "main",
        "sidecar",
    ]


async def test_a_refused_list_leaves_its_neighbours(gateway: GatewayProcess) -> None:
    answer = await gateway.execute(
        """{ version { gitVersion } refused: pods(fieldSelector: "spec.no=such") { items { kind } }
        namespaces { items { metadata { name } } } }"""
    )
    assert answer["data"]["refused"] is None
    assert answer["data"]["version"]["gitVersion"]
    assert answer["data"]["namespaces"]["items"]
    (error,) = answer["errors"]
    assert error["path"] == ["refused"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_partial_list_of_a_caller_that_may_see_all_is_the_whole_list(gateway: GatewayProcess) -> None:
    query = "query($partial: Boolean) { deployments(partial: $partial) { items { metadata { uid } } } }"
    whole = await gateway.execute(query, {"partial": False})
    assert await gateway.execute(query, {"partial": True}) == whole
    assert whole["data"]["deployments"]["items"]
    error = await gateway.error("{ nodes(partial: true) { items { kind } } }")
    assert error["extensions"]["code"] == "BAD_REQUEST"

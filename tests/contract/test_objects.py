"""Single objects, and the root fields about the cluster.

Covers ``gateway/resolvers/cluster_fields.py``.
"""

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess


async def test_an_object_by_its_name(gateway: GatewayProcess) -> None:
    query = '{ pod(name: "app-0-00000", namespace: "team-0") { metadata { name } status { phase } } }'
    data = await gateway.data(query)
    assert data == {"pod": {"metadata": {"name": "app-0-00000"}, "status": {"phase": "Pending"}}}


async def test_an_absent_object_is_null_and_not_found(gateway: GatewayProcess) -> None:
    answer = await gateway.execute('{ pod(name: "absent", namespace: "team-0") { kind } }')
    assert answer["data"] == {"pod": None}
    (error,) = answer["errors"]
    assert error["path"] == ["pod"]
    assert error["extensions"]["code"] == "NOT_FOUND"
    kubernetes = error["extensions"]["kubernetes"]
    assert (kubernetes["status"], kubernetes["reason"]) == ("Failure", "NotFound")
    assert kubernetes["message"] == 'pods "absent" not found' == error["message"]
    assert kubernetes["details"]["name"] == "absent"


async def test_a_name_without_namespace_is_looked_up_in_the_default_one(gateway: GatewayProcess) -> None:
    error = await gateway.error('{ pod(name: "app-0-00000") { kind } }')
    assert error["extensions"]["code"] == "NOT_FOUND"


async def test_resource_version_zero_is_accepted(gateway: GatewayProcess) -> None:
    query = '{ pod(name: "app-0-00000", namespace: "team-0", resourceVersion: "0") { metadata { name } } }'
    assert (await gateway.data(query))["pod"]["metadata"]["name"] == "app-0-00000"


@pytest.mark.parametrize(
    "name", ["../../../version", "a/b", "a?b=c", "a%2Fb", "", ".", "..", "a#b", "a\\\\b"]
)
async def test_a_name_cannot_change_the_request_path(gateway: GatewayProcess, name: str) -> None:
    error = await gateway.error(f'{{ pod(name: "{name}", namespace: "team-0") {{ kind }} }}')
    assert error["extensions"]["code"] in ("BAD_REQUEST", "NOT_FOUND")
    error = await gateway.error(f'{{ pod(name: "app-0-00000", namespace: "{name or ".."}") {{ kind }} }}')
    assert error["extensions"]["code"] in ("BAD_REQUEST", "NOT_FOUND")


async def test_the_version_is_the_api_servers_own(gateway: GatewayProcess, backend: Backend) -> None:
    data = await gateway.data("{ version { gitVersion } }")
    assert data["version"]["gitVersion"] == backend.api().get("version")["gitVersion"]


async def test_resources_lists_the_discovery(gateway: GatewayProcess) -> None:
    query = "{ resources { group version kind name namespaced verbs shortNames fields } }"
    found = {
        (resource["group"], resource["name"]): resource
        for resource in (await gateway.data(query))["resources"]
    }
    deployments = found["apps", "deployments"]
    assert (deployments["version"], deployments["kind"]) == ("v1", "Deployment")
    assert deployments["namespaced"] is True
    assert deployments["shortNames"] == ["deploy"]
    assert {"list", "watch", "patch"} <= set(deployments["verbs"])
    assert {"deployments", "apps_v1_deployments", "patchDeployment"} <= set(deployments["fields"])
    assert found["", "namespaces"]["namespaced"] is False


async def test_an_object_of_any_kind(gateway: GatewayProcess) -> None:
    query = """{ object(apiVersion: "apps/v1", kind: "Deployment", name: "app-0", namespace: "team-0") {
      __typename kind metadata { name } ... on Deployment { spec { selector { matchLabels } } } } }"""
    assert (await gateway.data(query))["object"] == {
        "__typename": "Deployment",
        "kind": "Deployment",
        "metadata": {"name": "app-0"},
        "spec": {"selector": {"matchLabels": {"app": "app-0"}}},
    }

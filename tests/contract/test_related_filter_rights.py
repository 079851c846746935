"""``whereRelated`` as a caller that may not list everything: an answer is never a guess."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, bearer_token, core, fetch_token, grant, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.waiting import eventually

_NUMBERS = itertools.count()
_READ = ["get", "list", "watch"]

pytestmark = pytest.mark.cluster


@dataclass(frozen=True, slots=True)
class Tenant:
    """A caller that may read the services of two namespaces, and list the names of namespaces.

    Each namespace has the service ``empty`` without pods, and ``full`` with one.
    """

    gateway: GatewayProcess
    api: API
    user: str
    token: str
    namespaces: tuple[str, str]

    def allow(self, resource: str, namespace: str | None = None) -> None:
        """Let the caller read a resource of the core group."""
        name = self.user.replace(":", "-") + f"-{resource}"
        rule = {"apiGroups": [""], "resources": [resource], "verbs": _READ}
        grant(self.api, name, self.user, rule, namespace=namespace)

    async def services(self, arguments: str) -> dict[str, Any]:
        selection = "{ metadata { continue } items { metadata { namespace name } } }"
        query = f"{{ services({arguments}) {selection} }}"
        return await self.gateway.execute(query, headers=bearer_token(self.token))

    async def found(self, arguments: str) -> list[tuple[str, str]]:
        answer = await self.services(arguments)
        assert "errors" not in answer, answer
        items = answer["data"]["services"]["items"]
        return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]

    async def refusal(self, arguments: str) -> str:
        """The message of the only error, which is a refusal that leaves the list null."""
        answer = await self.services(arguments)
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"
        assert error["path"] == ["services"]
        assert answer["data"] == {"services": None}
        message: str = error["message"]
        return message


@pytest.fixture
def tenant(seeded_cluster: Backend, tmp_path: Path) -> Iterator[Tenant]:
    api, number = seeded_cluster.api(), next(_NUMBERS)
    first, second = namespaces = f"filtering-{number}-a", f"filtering-{number}-b"
    for namespace in namespaces:
        api.create(core("namespaces"), {"metadata": {"name": namespace}})
        api.create(core("pods", namespace), pod("one", labels={"app": "full"}))
        for name in ("empty", "full"):
            spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
            api.create(core("services", namespace), {"metadata": {"name": name}, "spec": spec})
    api.create(core("serviceaccounts", first), {"metadata": {"name": "caller"}})
    token = fetch_token(api, first, "caller")
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough")
    with start_gateway(tmp_path, *options) as gateway:
        tenant = Tenant(gateway, api, f"system:serviceaccount:{first}:caller", token, namespaces)
        tenant.allow("services", first)
        tenant.allow("services", second)
        tenant.allow("namespaces")
        yield tenant


async def test_a_related_kind_that_the_caller_may_not_list_makes_the_list_an_error(tenant: Tenant) -> None:
    first, _ = tenant.namespaces
    for exists in ("true", "false"):
        arguments = f'namespace: "{first}", whereRelated: [{{ relation: "pods", exists: {exists} }}]'
        message = await tenant.refusal(arguments)
        assert 'cannot list resource "pods"' in message
        assert "`whereRelated` needs the right to list them" in message
    tenant.allow("pods", first)

    async def sees_pods() -> bool:
        return "errors" not in await tenant.services(arguments)

    await eventually(sees_pods, "the role to take effect")
    assert await tenant.found(arguments) == [(first, "empty")]


async def test_an_answer_that_does_not_depend_on_the_refused_kind_stands(tenant: Tenant) -> None:
    first, _ = tenant.namespaces
    where = 'whereRelated: [{ relation: "pods", exists: false }]'
    arguments = f'namespace: "{first}", labelSelector: "missing", {where}'
    assert await tenant.found(arguments) == []


async def test_a_partial_list_covers_the_namespaces_with_both_rights(tenant: Tenant) -> None:
    first, second = tenant.namespaces
    partial = 'partial: true, whereRelated: [{ relation: "pods", exists: false }]'
    for page in ("", ", limit: 1"):
        assert 'cannot list resource "pods"' in await tenant.refusal(partial + page)
    tenant.allow("pods", second)

    async def sees_pods() -> bool:
        return "errors" not in await tenant.services(partial)

    await eventually(sees_pods, "the role to take effect")
    answer = await tenant.services(partial)
    assert answer["extensions"] == {"namespaces": {"services": [second]}}
    assert await tenant.found(partial) == [(second, "empty")]
    tenant.allow("pods", first)
    await eventually(lambda: _sees_both(tenant, partial), "the role to take effect")
    assert await tenant.found(f"{partial}, limit: 1") == [(first, "empty")]


async def _sees_both(tenant: Tenant, partial: str) -> bool:
    return len(await tenant.found(partial)) == 2


async def test_a_list_of_all_namespaces_needs_the_related_objects_of_all(tenant: Tenant) -> None:
    for namespace in tenant.namespaces:
        tenant.allow("pods", namespace)
    tenant.allow("services")
    arguments = 'whereRelated: [{ relation: "pods", exists: false }]'

    async def sees_services() -> bool:
        return "errors" not in await tenant.services("limit: 1")

    await eventually(sees_services, "the role to take effect")
    message = await tenant.refusal(arguments)
    assert 'cannot list resource "pods"' in message
    assert "at the cluster scope" in message

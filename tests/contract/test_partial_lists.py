"""``partial: true``: lists and subscriptions over all namespaces by callers that may see some of them.

Covers ``gateway/resolvers/partial_lists.py`` and ``gateway/resolvers/partial_watches.py``.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, bearer_token, core, fetch_token, grant, grouped, pod, remove_namespace
from tests.fixtures.backends import Backend, TappedGateway, as_new, write_kubeconfig
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.tap import Tap
from tests.fixtures.waiting import eventually

LIST = """query($limit: Int, $continue: String, $version: String, $partial: Boolean, $labels: String) {
    pods(partial: $partial, limit: $limit, continue: $continue, resourceVersion: $version,
         labelSelector: $labels) {
        metadata { resourceVersion continue }
        items { metadata { namespace name } spec { nodeName } }
    }
}"""
PARTIAL = {"partial": True}
WATCH = """subscription($v: String, $initial: Boolean) {
    pods(partial: true, resourceVersion: $v, sendInitialEvents: $initial) {
        type resourceVersion object { metadata { namespace name } }
    }
}"""
READ_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
_NUMBERS = itertools.count()


@dataclass(frozen=True, slots=True)
class Tenant:
    """A caller that may read the pods ``a``, ``b`` and ``c`` in each of two namespaces, and its gateway."""

    gateway: GatewayProcess
    tap: Tap
    api: API
    account: str
    token: str
    namespaces: tuple[str, str]

    @property
    def headers(self) -> dict[str, str]:
        return bearer_token(self.token)

    @property
    def pods(self) -> list[tuple[str, str]]:
        return [(namespace, name) for namespace in self.namespaces for name in "abc"]

    def allow(self, name: str, rule: dict[str, Any], namespace: str | None = None) -> str:
        """Give the caller one rule."""
        return grant(self.api, f"{self.account}-{name}", self.user, rule, namespace=namespace)

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespaces[0]}:{self.account}"


@dataclass(slots=True)
class Tenants:
    """The callers of one gateway; their namespaces exist before it starts."""

    shared: Tenant
    """For tests that change neither its rights nor its pods."""
    own: list[Tenant]
    """One for each other test."""


_CHANGING_TESTS = 3


@pytest.fixture(scope="module", params=["own informers", "shared informers"])
def tenants(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Tenants]:
    directory = tmp_path_factory.mktemp("tenants")
    with running_tenants(seeded_cluster, directory, request.param, 1 + _CHANGING_TESTS) as (first, *others):
        yield Tenants(first, others)


@contextmanager
def running_tenants(cluster: Backend, directory: Path, sharing: str, number: int) -> Iterator[list[Tenant]]:
    """That many tenants of one gateway, which is the administrator: this matters with shared informers."""
    api = cluster.api()
    callers = [create_caller(api, lists_namespaces=sharing == "own informers") for _ in range(number)]
    options = ["--share-informers"] if sharing == "shared informers" else []
    with cluster.tapped() as tap:
        kubeconfig = write_kubeconfig(directory / "kubeconfig", tap.url)
        options += ["--kubeconfig", str(kubeconfig), "--auth", "passthrough", "--grace-period", "0.2"]
        with start_gateway(directory / "gateway", *options) as gateway:
            yield [Tenant(gateway, tap, *caller) for caller in callers]
    for _, account, *_ in callers:
        for name in namespaces_of(account):
            remove_namespace(api, name)


def namespaces_of(account: str) -> tuple[str, str, str]:
    """The two namespaces whose pods the caller may read, and one that it may not."""
    return f"{account}-a", f"{account}-b", f"{account}-other"


def create_caller(api: API, *, lists_namespaces: bool) -> tuple[API, str, str, tuple[str, str]]:
    """Create the caller with its namespaces: the last fields of :class:`Tenant`."""
    account = f"tenant-{next(_NUMBERS)}"
    first, second, _ = namespaces_of(account)
    for namespace in namespaces_of(account):
        api.create(core("namespaces"), {"metadata": {"name": namespace}})
        for name in "abc":
            api.create(core("pods", namespace), pod(name, labels={"name": name}))
    api.create(core("serviceaccounts", first), {"metadata": {"name": account}})
    user = f"system:serviceaccount:{first}:{account}"
    for namespace in (first, second):
        grant(api, f"{account}-reads", user, READ_PODS, namespace=namespace)
    if lists_namespaces:
        names = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}
        grant(api, f"{account}-names", user, names)
    return api, account, fetch_token(api, first, account), (first, second)


@pytest.fixture
def tenant(tenants: Tenants, seeded_cluster: Backend) -> Iterator[Tenant]:
    tenant = tenants.shared
    with as_new(TappedGateway(tenant.gateway, tenant.tap), seeded_cluster):
        yield tenant


@pytest.fixture
def own_tenant(tenants: Tenants, seeded_cluster: Backend) -> Iterator[Tenant]:
    """A tenant for one test."""
    assert tenants.own, "_CHANGING_TESTS is the number of tests that use this fixture"
    tenant = tenants.own.pop()
    with as_new(TappedGateway(tenant.gateway, tenant.tap), seeded_cluster):
        yield tenant


def found(answer: dict[str, Any]) -> list[tuple[str, str]]:
    items = answer["data"]["pods"]["items"]
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]


pytestmark = pytest.mark.cluster


async def test_a_list_has_the_visible_namespaces_and_names_them(tenant: Tenant) -> None:
    answer = await tenant.gateway.execute(LIST, PARTIAL, headers=tenant.headers)
    assert "errors" not in answer
    assert found(answer) == tenant.pods
    assert answer["extensions"] == {"namespaces": {"pods": list(tenant.namespaces)}}
    assert answer["data"]["pods"]["metadata"]["resourceVersion"].isdigit()
    labels = {"labels": "name in (a,c)", **PARTIAL}
    some = await tenant.gateway.execute(LIST, labels, headers=tenant.headers)
    assert found(some) == [(namespace, name) for namespace in tenant.namespaces for name in "ac"]


async def test_without_partial_the_refusal_hints_at_it(tenant: Tenant) -> None:
    error = await tenant.gateway.error(LIST, headers=tenant.headers)
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "partial: true" in error["message"]
    assert "partial" not in error["extensions"]["kubernetes"]["message"]
    watch = "subscription { pods { type } }"
    async with tenant.gateway.subscribe(watch, params=tenant.headers) as stream:
        (error,) = await stream.errors()
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "partial: true" in error["message"]
    one = '{ pods(namespace: "kube-system") { items { kind } } }'
    assert "partial" not in (await tenant.gateway.error(one, headers=tenant.headers))["message"]


async def test_a_caller_that_may_see_all_gets_all(tenant: Tenant) -> None:
    answer = await tenant.gateway.execute(LIST, PARTIAL, headers=bearer_token("admin-token"))
    assert len(found(answer)) > len(tenant.pods)
    assert "extensions" not in answer
    assert [item.target for item in tenant.tap.requests if "rulesreviews" in item.target] == []


async def test_a_caller_that_may_see_none_is_refused(tenant: Tenant) -> None:
    account = f"{tenant.account}-without-rights"
    tenant.api.create(core("serviceaccounts", tenant.namespaces[0]), {"metadata": {"name": account}})
    token = fetch_token(tenant.api, tenant.namespaces[0], account)
    error = await tenant.gateway.error(LIST, PARTIAL, headers=bearer_token(token))
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_two_equal_fields_name_their_namespaces(tenant: Tenant) -> None:
    query = "{ a: pods(partial: true) { items { kind } } b: pods(partial: true) { items { kind } } }"
    answer = await tenant.gateway.execute(query, headers=tenant.headers)
    assert answer["extensions"]["namespaces"] == {key: list(tenant.namespaces) for key in "ab"}


async def test_pages_run_through_the_namespaces(tenant: Tenant) -> None:
    pages: list[list[tuple[str, str]]] = []
    token: str | None = None
    while True:
        variables = {**PARTIAL, "limit": 2, "continue": token}
        answer = await tenant.gateway.execute(LIST, variables, headers=tenant.headers)
        assert "errors" not in answer
        pages.append(found(answer))
        token = answer["data"]["pods"]["metadata"]["continue"]
        if not token:
            break
    assert [len(page) for page in pages] == [2, 2, 2]
    assert [item for page in pages for item in page] == tenant.pods
    foreign = {**PARTIAL, "limit": 2, "continue": "abc"}
    error = await tenant.gateway.error(LIST, foreign, headers=tenant.headers)
    assert error["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("sharing", ["own informers", "shared informers"])
async def test_repeated_lists_ask_for_the_rules_once(
    seeded_cluster: Backend, tmp_path: Path, sharing: str
) -> None:
    with running_tenants(seeded_cluster, tmp_path, sharing, 1) as (tenant,):
        for _ in range(3):
            await tenant.gateway.execute(LIST, PARTIAL, headers=tenant.headers)
        targets = [item.target for item in tenant.tap.requests]
        namespaces = len(tenant.api.get(core("namespaces"))["items"])
        assert 1 < len([target for target in targets if "rulesreviews" in target]) <= namespaces
        assert len([target for target in targets if target.endswith("/namespaces?limit=500")]) == 1


async def test_a_subscription_merges_the_visible_namespaces(own_tenant: Tenant) -> None:
    async with own_tenant.gateway.subscribe(WATCH, params=own_tenant.headers) as stream:
        first = await stream.result()
        assert first["extensions"] == {"namespaces": {"pods": list(own_tenant.namespaces)}}
        events = [first["data"]["pods"], *await stream.synced()]
        keys = [
            (item["object"]["metadata"]["namespace"], item["object"]["metadata"]["name"]) for item in events
        ]
        assert sorted(keys) == own_tenant.pods
        assert {item["resourceVersion"] for item in events} == {"0"}
        for namespace in reversed(own_tenant.namespaces):
            own_tenant.api.delete(core("pods", namespace, "a"))
            event = await stream.event()
            assert event["type"] == "DELETED"
            assert event["object"]["metadata"] == {"namespace": namespace, "name": "a"}
        assert len(own_tenant.tap.open_watches("pods")) == 2


async def test_a_partial_subscription_starts_afresh(tenant: Tenant) -> None:
    version = tenant.api.get(core("pods"))["metadata"]["resourceVersion"]
    async with tenant.gateway.subscribe(WATCH, {"v": version}, params=tenant.headers) as stream:
        assert len(await stream.synced()) == len(tenant.pods)
    variables = {"v": version, "initial": False}
    async with tenant.gateway.subscribe(WATCH, variables, params=tenant.headers) as stream:
        (error,) = await stream.errors()
    assert error["extensions"]["code"] == "GONE"
    async with tenant.gateway.subscribe(WATCH, {"initial": False}, params=tenant.headers) as stream:
        assert await stream.synced() == []


async def test_cached_parts_need_no_list(tenant: Tenant) -> None:
    watch = "subscription { pods(partial: true) { object { spec { nodeName } } type } }"
    async with tenant.gateway.subscribe(watch, params=tenant.headers) as stream:
        await stream.synced()
        reads = len([item for item in tenant.tap.requests if "/pods" in item.target])
        variables = {**PARTIAL, "version": "0", "limit": 2}
        answer = await tenant.gateway.execute(LIST, variables, headers=tenant.headers)
        assert found(answer) == tenant.pods
        assert len([item for item in tenant.tap.requests if "/pods" in item.target]) == reads


async def test_a_role_for_one_name_finds_its_namespaces(own_tenant: Tenant) -> None:
    other = own_tenant.namespaces[0].removesuffix("-a") + "-other"
    own_tenant.allow("one", {**READ_PODS, "resourceNames": ["b"]}, other)
    query = LIST.replace("labelSelector: $labels", "fieldSelector: $labels")
    variables = {**PARTIAL, "labels": "metadata.name=b"}
    answer = await own_tenant.gateway.execute(query, variables, headers=own_tenant.headers)
    expected = [*own_tenant.namespaces, other]
    assert found(answer) == [(namespace, "b") for namespace in expected]
    assert answer["extensions"]["namespaces"]["pods"] == expected


async def test_more_namespaces_than_requests_are_refused(
    tenant: Tenant, seeded_cluster: Backend, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig), "--auth", "passthrough", "--share-informers")
    with start_gateway(tmp_path / "limited", *options, "--max-upstream-requests", "1") as gateway:
        error = await gateway.error(LIST, PARTIAL, headers=tenant.headers)
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"
        async with gateway.subscribe(WATCH, params=tenant.headers) as stream:
            (error,) = await stream.errors()
        assert error["extensions"]["code"] == "QUERY_TOO_COMPLEX"


async def test_a_revoked_namespace_is_left_out_at_once(own_tenant: Tenant) -> None:
    first, second = own_tenant.namespaces
    binding = grouped("rbac.authorization.k8s.io/v1", "rolebindings", second, f"{own_tenant.account}-reads")
    listed = await own_tenant.gateway.execute(LIST, PARTIAL, headers=own_tenant.headers)
    assert len(found(listed)) == 6
    own_tenant.api.delete(binding)

    async def reduced() -> bool:
        answer = await own_tenant.gateway.execute(LIST, PARTIAL, headers=own_tenant.headers)
        assert "errors" not in answer
        return {namespace for namespace, _ in found(answer)} == {first}

    await eventually(reduced, "the revoked namespace to be left out")
    answer = await own_tenant.gateway.execute(LIST, PARTIAL, headers=own_tenant.headers)
    assert answer["extensions"]["namespaces"]["pods"] == [first]


async def test_access_reviews_find_the_namespaces_of_a_caller_with_incomplete_rules(
    seeded_cluster: Backend, tmp_path: Path
) -> None:
    """The Node authorizer cannot list the rights of a node, so that the API server answers ``incomplete``."""
    api, number = seeded_cluster.api(), next(_NUMBERS)
    node, secret = f"system:node:incomplete-{number}", "correct-horse-battery-staple"
    visible = f"incomplete-{number}"
    namespaces = visible, f"{visible}-other"
    for namespace in namespaces:
        api.create(core("namespaces"), {"metadata": {"name": namespace}})
        api.create(core("pods", namespace), pod("a", labels={}))
    grant(api, "reads", node, READ_PODS, namespace=visible)
    (tmp_path / "secret").write_text(secret)
    headers = {**bearer_token(secret), "X-Remote-User": node, "X-Remote-Group": "system:nodes"}
    with seeded_cluster.tapped() as tap:
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", tap.url)
        options = ("--kubeconfig", str(kubeconfig), "--auth", "impersonate")
        with start_gateway(
            tmp_path / "gateway", *options, "--proxy-secret-file", str(tmp_path / "secret")
        ) as gateway:
            answer = await gateway.execute(LIST, PARTIAL, headers=headers)
            assert "errors" not in answer
            assert answer["extensions"]["namespaces"] == {"pods": [visible]}
            assert found(answer) == [(visible, "a")]
            reviews = [item for item in tap.requests if item.target.endswith("selfsubjectrulesreviews")]
            assert len(reviews) == 1
            error = await gateway.error(LIST, headers=headers)
            assert error["extensions"]["code"] == "FORBIDDEN"
            async with gateway.subscribe(WATCH, headers=headers) as stream:
                events = await stream.synced()
            assert [event["object"]["metadata"]["namespace"] for event in events] == [visible]
    for namespace in namespaces:
        remove_namespace(api, namespace)

"""The namespaces in which a caller has a right: candidates, rules reviews, and access reviews."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import QueryTooComplex
from gateway.identity import visible_namespaces
from gateway.identity.access import Access, AccessReviews
from gateway.identity.visible_namespaces import VisibleNamespaces
from gateway.kube.client import KubeClient
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply
from tests.schema.models import gadget_resource

GADGETS = Access.to("list", gadget_resource())


def rule(**more: Any) -> dict[str, Any]:
    return {"verbs": ["list"], "apiGroups": ["example.io"], "resources": ["gadgets"], **more}


class Cluster:
    """An API server with namespaces; ``rules`` by namespace, ``listers`` are tokens that may list them."""

    def __init__(self) -> None:
        self.namespaces = ["default", "shop", "team-a", "team-b"]
        self.rules: dict[str, list[dict[str, Any]]] = {}
        self.incomplete = False
        self.refuses_rules = False
        self.allowed: set[str] = set()
        self.listers = {"Bearer bob"}
        self.requests: Counter[str] = Counter()
        self.in_flight = self.most_in_flight = 0

    async def reply(self, request: Request) -> Reply:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= 1
        what = request.path.partition("?")[0].rpartition("/")[2]
        self.requests[what] += 1
        match what:
            case "namespaces" if request.headers.get("authorization", "") in self.listers:
                items = [{"metadata": {"name": name}} for name in self.namespaces]
                return json_reply({"metadata": {"resourceVersion": "1"}, "items": items})
            case "selfsubjectrulesreviews" if not self.refuses_rules:
                namespace = json.loads(request.body)["spec"]["namespace"]
                rules = self.rules.get(namespace, [])
                return json_reply({"status": {"resourceRules": rules, "incomplete": self.incomplete}}, 201)
            case "selfsubjectaccessreviews":
                attributes = json.loads(request.body)["spec"]["resourceAttributes"]
                return json_reply({"status": {"allowed": attributes["namespace"] in self.allowed}}, 201)
        return status_reply(403, "Forbidden")


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def gateway(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with served_client(cluster.reply) as (client, _):
        yield client


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def find(client: KubeClient, access: Access = GADGETS, **options: Any) -> tuple[str, ...]:
    return await VisibleNamespaces(AccessReviews(), **options).find(client, access, "default")


@pytest.mark.parametrize(
    ("granted", "visible"),
    [
        (rule(), True),
        (rule(verbs=["*"], apiGroups=["*"], resources=["*"]), True),
        (rule(verbs=["get", "watch"]), False),
        (rule(apiGroups=[""]), False),
        (rule(resources=["gadgets/status"]), False),
        (rule(resourceNames=["one"]), False),
    ],
)
async def test_rules_are_matched_as_rbac_does(
    cluster: Cluster, gateway: KubeClient, granted: dict[str, Any], visible: bool
) -> None:
    cluster.rules["team-b"] = [granted]
    assert await find(gateway.as_bearer("bob")) == (("team-b",) if visible else ())
    assert cluster.requests["selfsubjectaccessreviews"] == 0


async def test_a_rule_for_a_name_grants_that_name(cluster: Cluster, gateway: KubeClient) -> None:
    cluster.rules["shop"] = [rule(resourceNames=["one"])]
    one = Access.to("list", gadget_resource(), name="one")
    assert await find(gateway.as_bearer("bob"), one) == ("shop",)


@pytest.mark.parametrize("refused", [False, True], ids=["incomplete", "refused"])
async def test_access_reviews_take_the_place_of_unknown_rules(
    cluster: Cluster, gateway: KubeClient, refused: bool
) -> None:
    cluster.incomplete, cluster.refuses_rules = not refused, refused
    cluster.allowed = {"team-a"}
    assert await find(gateway.as_bearer("bob")) == ("team-a",)
    assert cluster.requests["selfsubjectrulesreviews"] == 1
    assert cluster.requests["selfsubjectaccessreviews"] == len(cluster.namespaces)


async def test_the_gateway_lists_the_candidates_for_a_caller_that_may_not(
    cluster: Cluster, gateway: KubeClient
) -> None:
    cluster.listers = {""}
    cluster.rules["team-a"] = [rule()]
    assert await find(gateway.as_bearer("bob")) == ()
    assert await find(gateway.as_bearer("bob"), gateway=gateway) == ("team-a",)


async def test_without_a_list_the_candidates_are_the_home_and_named_namespaces(
    cluster: Cluster, gateway: KubeClient
) -> None:
    cluster.listers = set()
    names = {"verbs": ["get"], "apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["team-b"]}
    cluster.rules = {"default": [rule(), names], "team-a": [rule()], "team-b": [rule()]}
    assert await find(gateway.as_bearer("bob"), gateway=gateway) == ("default", "team-b")


async def test_answers_are_kept_for_ten_seconds_and_shared(cluster: Cluster, gateway: KubeClient) -> None:
    cluster.rules["team-a"] = [rule(), rule(verbs=["watch"])]
    time, bob = Time(), gateway.as_bearer("bob")
    namespaces = VisibleNamespaces(AccessReviews(), now=time)
    await asyncio.gather(*(namespaces.find(bob, GADGETS, "default") for _ in range(20)))
    sent = cluster.requests.total()
    assert sent == 1 + len(cluster.namespaces)
    watch = Access.to("watch", gadget_resource())
    for time.now in (0.0, 9.9):
        assert await namespaces.find(bob, watch, "default") == ("team-a",)
    assert cluster.requests.total() == sent
    time.now = 10.0
    cluster.rules.clear()
    assert await namespaces.find(bob, GADGETS, "default") == ()


async def test_few_reviews_run_at_once(cluster: Cluster, gateway: KubeClient) -> None:
    cluster.namespaces = [f"team-{number}" for number in range(100)]
    await find(gateway.as_bearer("bob"))
    assert cluster.most_in_flight <= 8


async def test_the_number_of_candidates_is_bounded(
    cluster: Cluster, gateway: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visible_namespaces, "MAX_CANDIDATES", 3)
    with pytest.raises(QueryTooComplex, match="4 namespaces"):
        await find(gateway.as_bearer("bob"))
    assert cluster.requests["selfsubjectrulesreviews"] == 1

"""``drainNode`` exists where a node can be cordoned, and its pods listed and evicted."""

import pytest

from schema.model import Model
from schema.resources import Resource
from tests.schema.documents import built, lower_all, resource

NODES = resource("v1", "Node", verbs=("get", "patch"))
PODS = resource("v1", "Pod", verbs=("get", "list"), subresources={"eviction": ("create",)})


def model(*resources: Resource) -> Model:
    return lower_all(resources)


def is_served(*resources: Resource) -> bool:
    subscription = built(model(*resources)).subscription_type
    return subscription is not None and "drainNode" in subscription.fields


def test_nodes_pods_and_evictions_are_enough() -> None:
    assert is_served(NODES, PODS)


@pytest.mark.parametrize(
    "resources",
    [
        (NODES,),
        (PODS,),
        (resource("v1", "Node", verbs=("get",)), PODS),
        (NODES, resource("v1", "Pod", verbs=("get", "list"))),
        (NODES, resource("v1", "Pod", verbs=("get",), subresources={"eviction": ("create",)})),
        (NODES, resource("v1", "Pod", verbs=("list",), subresources={"eviction": ()})),
        (resource("example.io/v1", "Node"), PODS),
    ],
    ids=["no pods", "no nodes", "no cordon", "no eviction", "no list", "no create", "another group"],
)
def test_a_missing_right_of_the_api_leaves_it_out(resources: tuple[Resource, ...]) -> None:
    assert not is_served(*resources)

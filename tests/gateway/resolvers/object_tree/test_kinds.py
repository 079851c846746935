"""The kinds whose objects an object may own, and kinds by name."""

from dataclasses import replace

import pytest

from gateway.errors import BadArgument
from gateway.resolvers.object_tree.kinds import KindFinder
from schema.lowering import lower
from tests.schema.documents import discovery_of, document, resource, served

NODES = replace(resource("v1", "Node"), namespaced=False)
MODEL = lower(
    found := discovery_of(
        resource("a.io/v1", "Gadget"),
        resource("a.io/v1", "Deployment"),
        resource("b.io/v1", "Gadget"),
        resource("metrics.k8s.io/v1", "PodMetrics", "podmetrics", verbs=("get", "list")),
        resource("apps/v1beta1", "Deployment", preferred=False),
        resource("apps/v1", "Deployment"),
        resource("v1", "Event"),
        resource("events.k8s.io/v1", "Event"),
        resource("v1", "Pod"),
        resource("v1", "Review", verbs=("create",)),
        NODES,
    ),
    {item: document() for item in found.group_versions},
)
FINDER = KindFinder(MODEL)


def test_built_in_kinds_come_first_each_in_its_preferred_version() -> None:
    names = [f"{item.resource.kind.api_version} {item.resource.kind.kind}" for item in FINDER.listed]
    assert names == [
        "v1 Pod",
        "v1 Node",
        "apps/v1 Deployment",
        "a.io/v1 Gadget",
        "a.io/v1 Deployment",
        "b.io/v1 Gadget",
    ]


def test_only_a_cluster_scoped_object_owns_cluster_scoped_ones() -> None:
    pod, node = served(MODEL, "v1", "Pod"), served(MODEL, "v1", "Node")
    assert FINDER.owned_by(node) == FINDER.listed
    assert [item for item in FINDER.listed if item not in FINDER.owned_by(pod)] == [node]


@pytest.mark.parametrize(
    ("kind", "api_version", "found"),
    [
        ("Deployment", None, "apps/v1"),
        ("Deployment", "apps/v1beta1", "apps/v1beta1"),
        ("Deployment", "a.io/v1", "a.io/v1"),
        ("Gadget", "b.io/v1", "b.io/v1"),
        ("PodMetrics", None, "metrics.k8s.io/v1"),
    ],
)
def test_a_kind_is_the_built_in_one_unless_a_version_is_given(
    kind: str, api_version: str | None, found: str
) -> None:
    assert FINDER.find(kind, api_version) == served(MODEL, found, kind)


@pytest.mark.parametrize(
    ("kind", "api_version", "message"),
    [
        ("Gadget", None, "several groups have a kind Gadget: a.io, b.io; give apiVersion"),
        ("Gadget", "c.io/v1", "no kind Gadget in c.io/v1"),
        ("Review", None, "no kind Review;"),
    ],
)
def test_an_ambiguous_or_unknown_kind_is_refused(kind: str, api_version: str | None, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        FINDER.find(kind, api_version)

"""Discovery documents become resources; a malformed entry does not affect the others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.discovery import Discovery, MalformedDiscovery, parse_aggregated, parse_legacy
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource, Subresource

EVERY = ["create", "delete", "get", "list", "patch", "update", "watch"]
SAME_GROUP_VERSION = {"group": "", "version": ""}


def entry(plural: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {**SAME_GROUP_VERSION, "kind": kind},
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": EVERY,
        **more,
    }


def group(name: str, **versions: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "versions": [
            {"version": version, "resources": resources, "freshness": "Current"}
            for version, resources in versions.items()
        ],
    }


def document(*groups: Any) -> bytes:
    return json.dumps({"kind": "APIGroupDiscoveryList", "items": groups}).encode()


def parsed(*groups: Any) -> Discovery:
    return parse_aggregated(document(), document(*groups))


def test_all_keys_of_a_resource_entry_are_parsed() -> None:
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    deployments = entry(
        "deployments",
        "Deployment",
        shortNames=["deploy"],
        categories=["all"],
        subresources=[
            {"subresource": "scale", "responseKind": scale, "verbs": ["get", "patch"]},
            {"subresource": "status", "responseKind": {**SAME_GROUP_VERSION, "kind": "Deployment"}},
            {"subresource": "log", "verbs": ["get"]},
        ],
    )

    discovery = parsed(group("apps", v1=[deployments]))

    kind = GroupVersionKind("apps", "v1", "Deployment")
    assert discovery.problems == ()
    assert discovery.resources == (
        Resource(
            gvr=GroupVersionResource("apps", "v1", "deployments"),
            kind=kind,
            namespaced=True,
            singular="deployment",
            verbs=frozenset(EVERY),
            preferred=True,
            short_names=("deploy",),
            categories=("all",),
            subresources=(
                Subresource("scale", GroupVersionKind(**scale), frozenset({"get", "patch"})),
                Subresource("status", kind, frozenset()),
                Subresource("log", None, frozenset({"get"})),
            ),
        ),
    )


def test_core_comes_first_and_versions_keep_the_order_of_preference() -> None:
    core = document({"versions": [{"version": "v1", "resources": [entry("pods", "Pod")]}]})
    scalers = entry("horizontalpodautoscalers", "HorizontalPodAutoscaler")
    others = document(group("autoscaling", v2=[scalers], v1=[scalers, entry("scalers", "Scaler")]))

    discovery = parse_aggregated(core, others)

    assert [item.api_version for item in discovery.group_versions] == [
        "v1",
        "autoscaling/v2",
        "autoscaling/v1",
    ]
    assert [(str(item.gvr), item.preferred) for item in discovery.resources] == [
        ("pods.v1", True),
        ("horizontalpodautoscalers.v2.autoscaling", True),
        ("horizontalpodautoscalers.v1.autoscaling", False),
        ("scalers.v1.autoscaling", True),
    ]


def test_a_malformed_resource_does_not_affect_the_others() -> None:
    discovery = parsed(
        group("a.io", v1=[{"resource": 5}, entry("goods", "Good"), entry("bads", "")]),
        {"metadata": {"name": "b.io"}, "versions": "none"},
        "not a group",
        group("c.io", v1=[entry("fines", "Fine", subresources=[7]), entry("fines", "Again")]),
    )

    assert [item.gvr.resource for item in discovery.resources] == ["goods", "fines"]
    assert [item.where for item in discovery.problems] == [
        "a.io/v1",
        "a.io/v1",
        "discovery",
        "discovery",
        "c.io/v1",
        "c.io/v1",
    ]


def test_a_stale_group_version_keeps_its_resources_and_is_a_problem() -> None:
    stale = group("metrics.k8s.io", v1beta1=[entry("nodes", "NodeMetrics")])
    stale["versions"][0]["freshness"] = "Stale"

    discovery = parsed(stale)

    assert [str(item.gvr) for item in discovery.resources] == ["nodes.v1beta1.metrics.k8s.io"]
    assert [item.where for item in discovery.problems] == ["metrics.k8s.io/v1beta1"]


def stale(name: str, version: str) -> dict[str, Any]:
    """The entry of an aggregated API server that is down (1.36 lists no resources)."""
    return {"metadata": {"name": name}, "versions": [{"version": version, "freshness": "Stale"}]}


def names(discovery: Discovery) -> list[tuple[str, bool]]:
    return [(str(resource.gvr), resource.preferred) for resource in discovery.resources]


def test_a_group_version_without_an_answer_keeps_its_resources_and_its_place() -> None:
    first, last = group("a.io", v1=[entry("as", "A")]), group("z.io", v1=[entry("zs", "Z")])
    before = parsed(first, group("m.io", v1=[entry("ms", "M")]), last)

    discovery = parsed(first, stale("m.io", "v1"), last)

    assert names(discovery) == [("as.v1.a.io", True), ("zs.v1.z.io", True)]
    assert discovery.unanswered == {GroupVersion("m.io", "v1")}
    kept = discovery.keeping(before)
    assert (kept.resources, kept.group_versions) == (before.resources, before.group_versions)


def test_a_vanished_group_version_that_is_kept_has_its_former_place() -> None:
    v1, v2 = [entry("ms", "M")], [entry("ms", "M"), entry("ns", "N")]
    before = parsed(group("a.io", v1=[entry("as", "A")]), group("m.io", v2=v2, v1=v1))

    kept = parsed(group("new.io", v1=[]), group("a.io", v1=[entry("as", "A")]), group("m.io", v1=v1)).keeping(
        before, [GroupVersion("m.io", "v2")]
    )

    assert names(kept) == [
        ("as.v1.a.io", True),
        ("ms.v2.m.io", True),
        ("ns.v2.m.io", True),
        ("ms.v1.m.io", False),
    ]
    assert [item.group for item in kept.group_versions] == ["new.io", "a.io", "m.io", "m.io"]


def test_a_version_without_an_answer_stays_the_preferred_one() -> None:
    before = parsed(group("m.io", v2=[entry("ms", "M")], v1=[entry("ms", "M")]))
    now = group("m.io", v2=[], v1=[entry("ms", "M")])
    now["versions"][0]["freshness"] = "Stale"

    assert names(parsed(now).keeping(before)) == [("ms.v2.m.io", True), ("ms.v1.m.io", False)]


def test_an_entry_that_only_has_subresources_is_skipped_silently() -> None:
    parent = {"resource": "scalers", "responseKind": {}, "verbs": [], "subresources": []}

    assert parsed(group("a.io", v1=[parent])) == Discovery((), (GroupVersion("a.io", "v1"),))


@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b"\xff", b"[]", b'{"items": 3}', b'{"items":' + b"[" * 9999]
)
def test_a_document_that_is_not_discovery_raises_its_own_error(broken: bytes) -> None:
    with pytest.raises(MalformedDiscovery):
        parse_aggregated(document(), broken)
    with pytest.raises(MalformedDiscovery):
        parse_legacy(broken if broken != b'{"items": 3}' else b"", b"{}", {})


def legacy(resources: list[dict[str, Any]]) -> bytes:
    return json.dumps({"kind": "APIResourceList", "resources": resources}).encode()


def test_legacy_lists_equal_aggregated_discovery() -> None:
    scale = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    deployments = entry(
        "deployments",
        "Deployment",
        shortNames=["deploy"],
        subresources=[{"subresource": "scale", "responseKind": scale, "verbs": ["get", "patch"]}],
    )
    nodes = entry("nodes", "Node", scope="Cluster")
    core = document({"versions": [{"version": "v1", "resources": [nodes]}]})
    modern = parse_aggregated(core, document(group("apps", v1=[deployments], v1beta1=[])))

    common = {"namespaced": True, "verbs": EVERY}
    old = parse_legacy(
        b'{"kind": "APIVersions", "versions": ["v1"]}',
        json.dumps(
            {
                "groups": [
                    {
                        "name": "apps",
                        "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                        "preferredVersion": {"version": "v1"},
                    }
                ]
            }
        ).encode(),
        {
            GroupVersion("", "v1"): legacy([{"name": "nodes", "kind": "Node", "verbs": EVERY}]),
            GroupVersion("apps", "v1"): legacy(
                [
                    {"name": "deployments/scale", **common, **scale, "verbs": ["get", "patch"]},
                    {"name": "deployments", "kind": "Deployment", "shortNames": ["deploy"], **common},
                ]
            ),
            GroupVersion("apps", "v1beta1"): legacy([]),
        },
    )

    assert old == modern


def test_a_missing_or_malformed_legacy_list_affects_only_its_group_version() -> None:
    groups = {"groups": [{"name": "a.io", "versions": [{"version": "v1"}]}, {"versions": []}]}

    discovery = parse_legacy(
        b'{"versions": ["v1", "v2"]}',
        json.dumps(groups).encode(),
        {
            GroupVersion("", "v1"): b"503",
            GroupVersion("a.io", "v1"): legacy([{"name": "goods", "kind": "Good"}, {"name": "odd"}]),
        },
    )

    assert [item.kind.kind for item in discovery.resources] == ["Good"]
    assert [item.where for item in discovery.problems] == ["discovery", "v1", "v2", "a.io/v1"]


KEYS = ["items", "metadata", "name", "versions", "version", "resources", "resource", "responseKind"]
json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(items=st.lists(json_values, max_size=3))
def test_any_entry_is_read_or_reported_and_never_raises(items: list[Any]) -> None:
    parsed(*items)

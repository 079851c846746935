"""From request paths to resources."""

import pytest

from gateway.demo.apiserver.catalog import Catalog, table_of
from schema.resources import GroupVersion

CATALOG = Catalog()
CORE, APPS = GroupVersion("", "v1"), GroupVersion("apps", "v1")


@pytest.mark.parametrize(
    ("group_version", "path", "target"),
    [
        (CORE, "pods", ("pods", "", "", "")),
        (CORE, "namespaces/n/pods", ("pods", "n", "", "")),
        (CORE, "namespaces/n/pods/a", ("pods", "n", "a", "")),
        (CORE, "namespaces/n/pods/a/log", ("pods", "n", "a", "log")),
        (CORE, "namespaces/n", ("namespaces", "", "n", "")),
        (CORE, "namespaces/n/status", ("namespaces", "", "n", "status")),
        (CORE, "nodes/a/status", ("nodes", "", "a", "status")),
        (APPS, "namespaces/n/deployments/a/scale", ("deployments", "n", "a", "scale")),
    ],
)
def test_a_path_leads_to_a_resource(
    group_version: GroupVersion, path: str, target: tuple[str, str, str, str]
) -> None:
    found = CATALOG.target(group_version, path)
    assert found is not None
    assert (found.resource.gvr.resource, found.namespace, found.name, found.subresource) == target


@pytest.mark.parametrize(
    ("group_version", "path"),
    [
        (CORE, "deployments"),
        (APPS, "pods"),
        (CORE, "pods/a"),
        (CORE, "namespaces/n/nodes"),
        (CORE, "namespaces/n/pods/"),
        (CORE, "namespaces/n/pods/a/other"),
        (CORE, "namespaces/n/pods/a/log/more"),
        (CORE, ""),
    ],
)
def test_no_resource_is_served_at_another_path(group_version: GroupVersion, path: str) -> None:
    assert CATALOG.target(group_version, path) is None


def test_versions_of_a_resource_share_a_table() -> None:
    tables = {
        str(item.gvr): table_of(item)
        for item in CATALOG.resources.values()
        if item.gvr.resource in ("events", "horizontalpodautoscalers")
    }
    assert tables["events.v1"] == tables["events.v1.events.k8s.io"] == "events"
    assert (
        tables["horizontalpodautoscalers.v1.autoscaling"] == tables["horizontalpodautoscalers.v2.autoscaling"]
    )
    assert CATALOG.resource("events").gvr.group == ""
    with pytest.raises(KeyError):
        CATALOG.resource("others")


def test_a_custom_group_is_added_behind_the_recorded_ones_and_removed() -> None:
    catalog = Catalog()
    recorded = [item["metadata"].get("name", "") for item in catalog.groups]
    entry = {
        "resource": "gadgets",
        "responseKind": {"kind": "Gadget"},
        "scope": "Namespaced",
        "verbs": ["get"],
    }
    for name in ("b.io", "a.io"):
        versions = [{"version": version, "resources": [entry]} for version in ("v2", "v1")]
        catalog.replace_group(name, {"metadata": {"name": name}, "versions": versions})
    assert [item["metadata"].get("name", "") for item in catalog.groups] == [*recorded, "a.io", "b.io"]
    preferred = [
        item.gvr.version for item in catalog.resources.values() if item.preferred and item.gvr.group == "a.io"
    ]
    assert preferred == ["v2"]
    catalog.replace_group("a.io", None)
    assert not catalog.serves(GroupVersion("a.io", "v1"))
    assert catalog.serves(GroupVersion("b.io", "v1"))

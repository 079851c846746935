"""Groups, versions, kinds and resources in Kubernetes' own spelling."""

import pytest

from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, is_builtin_group
from tests.schema.documents import resource


@pytest.mark.parametrize(
    ("api_version", "group_version", "path"),
    [
        ("v1", GroupVersion("", "v1"), "api/v1"),
        ("apps/v1", GroupVersion("apps", "v1"), "apis/apps/v1"),
        ("cert-manager.io/v1", GroupVersion("cert-manager.io", "v1"), "apis/cert-manager.io/v1"),
    ],
)
def test_an_api_version_is_read_and_written(api_version: str, group_version: GroupVersion, path: str) -> None:
    assert GroupVersion.parse(api_version) == group_version
    assert (group_version.api_version, group_version.path) == (api_version, path)
    kind = GroupVersionKind(group_version.group, group_version.version, "Pod")
    assert (kind.group_version, kind.api_version) == (group_version, api_version)


def test_a_resource_is_spelled_as_by_kubectl() -> None:
    assert str(GroupVersionResource("", "v1", "pods")) == "pods.v1"
    assert str(GroupVersionResource("apps", "v1", "deployments")) == "deployments.v1.apps"


@pytest.mark.parametrize(
    ("group", "builtin"),
    [("", True), ("apps", True), ("metrics.k8s.io", True), ("example.io", False), ("k8s.io.example", False)],
)
def test_built_in_groups_have_no_dot_or_end_in_k8s_io(group: str, builtin: bool) -> None:
    assert is_builtin_group(group) is builtin


def test_a_subresource_is_found_by_its_name() -> None:
    pods = resource("v1", "Pod", subresources={"log": ("get",)})
    log = pods.subresource("log")
    assert log is not None
    assert log.verbs == {"get"}
    assert pods.subresource("exec") is None

from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadArgument
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.kube.paths import resource_path
from schema.resources import GroupVersionKind, GroupVersionResource, Resource


def resource(group: str, plural: str, *, namespaced: bool = True) -> Resource:
    return Resource(
        gvr=GroupVersionResource(group, "v1", plural),
        kind=GroupVersionKind(group, "v1", "Kind"),
        namespaced=namespaced,
        singular="",
        verbs=frozenset(),
        preferred=True,
    )


PODS = resource("", "pods")
DEPLOYMENTS = resource("apps", "deployments")
NODES = resource("", "nodes", namespaced=False)
ROLES = resource("rbac.authorization.k8s.io", "clusterroles", namespaced=False)


def test_paths_of_collections_objects_and_subresources() -> None:
    assert resource_path(PODS) == "api/v1/pods"
    assert resource_path(PODS, "team-1") == "api/v1/namespaces/team-1/pods"
    assert resource_path(PODS, "team-1", "web", "log") == "api/v1/namespaces/team-1/pods/web/log"
    assert resource_path(DEPLOYMENTS, "a", "b") == "apis/apps/v1/namespaces/a/deployments/b"
    assert resource_path(NODES, None, "node-1") == "api/v1/nodes/node-1"
    assert resource_path(ROLES, name="system:node").endswith("/clusterroles/system:node")


@pytest.mark.parametrize(
    "arguments",
    [
        (NODES, "default"),
        (PODS, None, "web"),
        (PODS, "default", None, "log"),
        (PODS, ""),
        (PODS, "Team"),
        (PODS, "a" * 64),
        (PODS, "-a"),
        (PODS, "a\n"),
        (PODS, ".."),
        (PODS, "a", ""),
        (PODS, "a", "."),
        (PODS, "a", ".."),
        (PODS, "a", "b/log"),
        (PODS, "a", "%2e%2e"),
        (PODS, "a", "\ud800"),
        (PODS, "a", "b", ".."),
    ],
)
def test_invalid_arguments_are_refused(arguments: tuple[Resource, str | None]) -> None:
    with pytest.raises(BadArgument):
        resource_path(*arguments)


CLIENT = KubeClient.connect(ClusterConfig(server="http://host:6443/prefix"))
ANYTHING = st.one_of(
    st.text(),
    st.text(st.sampled_from("./%?#\\:@;&=+ab\r\n\t\x00é")),
    st.sampled_from(["..", "%2e%2e", "a?b", "//"]),
)


@given(
    namespace=st.one_of(ANYTHING, st.from_regex(r"\A[a-z0-9-]{1,63}\Z")), name=ANYTHING, subresource=ANYTHING
)
def test_no_argument_reaches_another_path_or_adds_a_query(
    namespace: str, name: str, subresource: str
) -> None:
    try:
        path = resource_path(PODS, namespace, name, subresource)
    except BadArgument:
        return
    url = httpx.URL(f"https://host:6443/prefix/{path}")
    assert (url.host, url.port, url.query, url.fragment) == ("host", 6443, b"", "")
    segments = url.raw_path.decode().split("/")
    expected = ["", "prefix", "api", "v1", "namespaces", namespace, "pods", name, subresource]
    assert [unquote(segment) for segment in segments] == expected


@given(path=ANYTHING)
def test_client_sends_nothing_outside_its_own_server(path: str) -> None:
    try:
        target = CLIENT._target(f"api/{path}", None)
    except BadArgument:
        return
    assert all("!" <= character <= "~" for character in target)
    url = httpx.URL(f"http://host:6443{target}")
    assert (url.host, url.port, url.query, url.fragment) == ("host", 6443, b"", "")
    assert url.raw_path.startswith(b"/prefix/api/")

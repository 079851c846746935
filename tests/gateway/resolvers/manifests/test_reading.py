"""From the objects of a manifest to targets, before any request is sent."""

from dataclasses import replace
from typing import cast

import pytest

from gateway.errors import BadArgument, Conflict, Forbidden, Status, UpstreamUnavailable
from gateway.kube.client import KubeClient
from gateway.resolvers.manifests.reading import Target, check_objects, ends_run, error_of, place_of, target_of
from gateway.resolvers.manifests.resources import ResourceFinder
from schema.filters import Filters
from schema.manifests import ManifestObject, parse_manifest
from schema.model import Verb
from tests.schema.documents import resource

MAPS = resource("v1", "ConfigMap")
NODES = replace(resource("v1", "Node"), namespaced=False)
FINDER = ResourceFinder(
    cast("KubeClient", None), Verb.APPLY, {item.kind: item for item in (MAPS, NODES)}, Filters()
)


def parsed(kind: str, namespace: str = "", name: str = "a") -> ManifestObject:
    text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: '{name}', namespace: '{namespace}'}}\n"
    return parse_manifest(text).objects[0]


@pytest.mark.parametrize(
    ("own", "argument", "place"),
    [("x", None, "x"), ("x", "x", "x"), ("", "y", "y"), ("", None, "default")],
)
def test_the_namespace_is_the_object_s_then_the_argument_s_then_the_context_s(
    own: str, argument: str | None, place: str
) -> None:
    target = Target.of(parsed("ConfigMap", own), MAPS, argument, "default")
    assert (target.namespace, target.path) == (place, f"api/v1/namespaces/{place}/configmaps/a")
    assert target.body["metadata"]["namespace"] == place


def test_two_namespaces_contradict_each_other() -> None:
    with pytest.raises(BadArgument, match="ConfigMap a is of the namespace x, and not of y"):
        Target.of(parsed("ConfigMap", "x"), MAPS, "y", "default")


def test_a_cluster_scoped_object_loses_its_namespace() -> None:
    target = Target.of(parsed("Node", "x"), NODES, "y", "default")
    assert (target.namespace, target.path) == (None, "api/v1/nodes/a")
    assert "namespace" not in target.body["metadata"]
    assert place_of(parsed("Node", "x"), FINDER, "y")["namespace"] is None
    assert place_of(parsed("ConfigMap"), FINDER, "y")["namespace"] == "y"


@pytest.mark.parametrize("name", ["a/b", "..", "a%b"])
def test_a_name_that_is_no_part_of_a_path_is_refused_with_its_line(name: str) -> None:
    with pytest.raises(BadArgument, match="line 1: "):
        check_objects([parsed("ConfigMap", name=name)], FINDER, None, "default")


def test_a_kind_that_is_not_served_yet_is_left_for_later() -> None:
    check_objects([parsed("Gadget")], FINDER, None, "default")
    with pytest.raises(BadArgument, match="serves no kind Gadget in v1"):
        target_of(parsed("Gadget"), FINDER, None, "default")
    assert place_of(parsed("Gadget", "x"), FINDER, None)["namespace"] == "x"


def test_only_an_error_of_the_connection_or_of_the_credentials_ends_the_run() -> None:
    assert ends_run(UpstreamUnavailable("down"))
    assert not ends_run(Forbidden(Status(403)))


def test_an_error_has_the_causes_of_its_status() -> None:
    causes = [{"field": "spec.a"}]
    error = error_of(Conflict(Status(409, "Conflict", "no", details={"causes": causes})))
    assert error == {"code": "CONFLICT", "message": "no", "causes": causes}
    assert error_of(BadArgument("no"))["causes"] == []

"""Related objects as they were received."""

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.resolvers.relations.found import Outcome, found_in
from tests.schema.documents import resource

DEPLOYMENTS = resource("apps/v1", "Deployment")


def test_an_object_of_a_list_gets_its_kind() -> None:
    found = found_in(
        DEPLOYMENTS, b'{"metadata": {"name": "a", "namespace": "n", "labels": {"b": "1"}}, "spec": {}}'
    )
    assert (found.name, found.namespace, found.labels) == ("a", "n", {"b": "1"})
    decoded = found.decoded()
    assert (decoded["apiVersion"], decoded["kind"], decoded["spec"]) == ("apps/v1", "Deployment", {})
    assert Outcome([found]).plain_items() == [decoded]


def test_metadata_alone_has_the_kind_of_its_object() -> None:
    body = b'{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "a"}}'
    found = found_in(DEPLOYMENTS, body)
    assert (found.decoded()["kind"], found.decoded()["apiVersion"]) == ("Deployment", "apps/v1")
    assert (found.namespace, found.labels) == ("", {})


@pytest.mark.parametrize("body", [b"[]", b'{"metadata": 1}', b"{"])
def test_another_body_is_an_upstream_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        found_in(DEPLOYMENTS, body)

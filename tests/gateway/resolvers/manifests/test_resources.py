"""From the kind of a manifest's object to its resource."""

import json

import pytest

from gateway.errors import BadArgument
from gateway.resolvers.manifests.resources import ResourceFinder, resources_by_kind
from schema.filters import Filters
from schema.model import Verb
from schema.resources import GroupVersion, GroupVersionKind
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply
from tests.schema.documents import lower_all, resource

PODS = resource("v1", "Pod")
GADGET = GroupVersionKind("example.io", "v1", "Gadget")
LISTED = {
    "kind": "APIResourceList",
    "groupVersion": "example.io/v1",
    "resources": [
        {
            "name": "gadgets",
            "singularName": "gadget",
            "kind": "Gadget",
            "namespaced": True,
            "verbs": ["patch", "create"],
        }
    ],
}


async def test_discovery_adds_kinds_that_the_schema_lacks() -> None:
    async def answer(request: Request) -> Reply:
        assert request.target == "/apis/example.io/v1"
        return json_reply(LISTED)

    async with served_client(answer) as (client, server):
        finder = ResourceFinder(client, Verb.APPLY, {PODS.kind: PODS}, Filters())
        kinds = [PODS.kind, GADGET, GADGET]
        assert finder.find(GADGET) is None
        assert finder.unknown_group_versions(kinds) == [GroupVersion("example.io", "v1")]
        assert await finder.discover_kind(GADGET, 60)
        assert finder.unknown_group_versions(kinds) == []
        found = finder.find(GADGET)
    assert found is not None
    assert found.gvr.resource == "gadgets"
    assert len(server.requests) == 1


async def test_a_group_version_that_is_not_served_adds_nothing() -> None:
    async def answer(_: Request) -> Reply:
        return status_reply(404, "NotFound")

    async with served_client(answer) as (client, _):
        finder = ResourceFinder(client, Verb.APPLY, {}, Filters())
        await finder.discover(GADGET.group_version)
        assert finder.find(GADGET) is None
        assert not await finder.discover_kind(GADGET, 0)


async def test_a_kind_that_does_not_serve_the_verb_is_refused() -> None:
    async def answer(_: Request) -> Reply:
        return json_reply(json.loads(json.dumps(LISTED).replace('"create"', '"get"')))

    async with served_client(answer) as (client, _):
        finder = ResourceFinder(client, Verb.APPLY, {}, Filters())
        await finder.discover(GADGET.group_version)
        with pytest.raises(
            BadArgument, match="needs the verbs patch, create, and the gateway serves get, patch"
        ):
            finder.find(GADGET)


def test_of_several_resources_with_one_kind_the_first_counts() -> None:
    model = lower_all([PODS, resource("v1", "Pod", "otherpods")])
    assert resources_by_kind(model)[PODS.kind].gvr.resource == "pods"

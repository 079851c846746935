"""``undoDeployment`` while another client changes the deployment."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import Conflict
from gateway.informers import InformerRegistry
from gateway.resolvers.context import Info, RequestContext
from gateway.resolvers.rollouts import undo_rollout
from schema.building import RootField
from schema.resources import GroupVersionKind, GroupVersionResource, Resource
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply

DEPLOYMENTS = Resource(
    gvr=GroupVersionResource("apps", "v1", "deployments"),
    kind=GroupVersionKind("apps", "v1", "Deployment"),
    singular="deployment",
    namespaced=True,
    verbs=frozenset({"get", "list", "patch"}),
    preferred=True,
)


def template(image: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    }


class Changing:
    """An API server at which another client changes the spec or the status before the first PATCH."""

    def __init__(self, *, changes_spec: bool) -> None:
        self.changes_spec = changes_spec
        self.generation, self.version, self.image = 1, 1, "image:2"
        self.patches: list[Any] = []

    async def answer(self, request: Request) -> Reply:
        if request.method == "PATCH":
            return self.patch(request)
        if "replicasets" in request.target:
            return json_reply(
                {"metadata": {"resourceVersion": "1"}, "items": [self.revision(1), self.revision(2)]}
            )
        return json_reply(self.deployment())

    def patch(self, request: Request) -> Reply:
        self.patches.append(request.body)
        self.version += 1
        if len(self.patches) == 1:
            if self.changes_spec:
                self.generation, self.image = self.generation + 1, "image:1"
            return status_reply(409, "Conflict", "the object has been modified")
        return json_reply(self.deployment())

    def deployment(self) -> dict[str, Any]:
        metadata = {"name": "web", "uid": "u", "generation": self.generation}
        metadata["resourceVersion"] = str(self.version)
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template(self.image)}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}

    def revision(self, number: int) -> dict[str, Any]:
        owner = {"kind": "Deployment", "name": "web", "uid": "u", "controller": True}
        metadata = {
            "name": f"web-{number}",
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [owner],
        }
        return {"metadata": metadata, "spec": {"template": template(f"image:{number}")}}


async def undo(server: Changing) -> None:
    async with served_client(server.answer) as (client, _):
        root = cast("RootField", SimpleNamespace(served=SimpleNamespace(resource=DEPLOYMENTS)))
        context = RequestContext(client, InformerRegistry())
        await undo_rollout(root, cast("Info", SimpleNamespace(context=context)), name="web")


async def test_a_change_of_the_status_does_not_fail_the_undo() -> None:
    server = Changing(changes_spec=False)
    await undo(server)
    assert len(server.patches) == 2


async def test_an_undo_does_not_undo_the_undo_of_another_client() -> None:
    server = Changing(changes_spec=True)
    with pytest.raises(Conflict):
        await undo(server)
    assert len(server.patches) == 1

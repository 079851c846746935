"""The root fields of a query run concurrently, those of a mutation serially."""

import asyncio

import pytest

from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema
from tests.fixtures.waiting import DEADLINE
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve
from tests.schema.models import small_model

QUERY = """{ a: gadget(name: "a") { kind } b: gadget(name: "b") { kind } c: gadgets { items { kind } } }"""
MUTATION = """mutation {
  a: deleteGadget(name: "a") { status } b: deleteGadget(name: "b") { status } }"""


class Server:
    """Counts how many requests it has at a time; a GET is answered when ``together`` of them are there."""

    def __init__(self, together: int) -> None:
        self.together = together
        self.present = self.most = 0
        self.all_there = asyncio.Event()

    async def answer(self, request: Request) -> Reply:
        self.present += 1
        self.most = max(self.most, self.present)
        if self.present >= self.together:
            self.all_there.set()
        await (self.all_there.wait() if request.method == "GET" else asyncio.sleep(0.01))
        self.present -= 1
        return json_reply(
            {"apiVersion": "v1", "kind": "Status", "status": "Success", "metadata": {}, "items": []}
        )


async def run(server: Server, document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    model = small_model()
    schema = KubernetesSchema(LazySchema(model, Resolvers(model)))
    async with (
        serve(server.answer) as loopback,
        KubeClient.connect(ClusterConfig(server=loopback.url)) as client,
        asyncio.timeout(DEADLINE),
    ):
        result = await schema.execute(document, context_value=RequestContext(client, InformerRegistry()))
    assert not result.errors


async def test_root_fields_of_a_query_run_concurrently(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(together=3)
    await run(server, QUERY, monkeypatch)
    assert server.most == 3


async def test_root_fields_of_a_mutation_run_serially(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(together=2)
    await run(server, MUTATION, monkeypatch)
    assert server.most == 1

"""An operation's limits: upstream requests, requests in flight, bytes of the response.

Covers ``gateway/resolvers/compiling.py`` and ``gateway/resolvers/context.py``.
"""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest
from graphql import ExecutionResult

from gateway.concurrency import Turnstile
from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.concurrency_limits import ConcurrencyLimits, InProgress
from gateway.resolvers.context import RequestContext, Shared
from gateway.resolvers.limits import Limits
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve
from tests.schema.models import small_model

ITEMS = [{"kind": "Gadget", "apiVersion": "v1", "metadata": {"name": "x" * 100}}] * 100


class CountingServer:
    """Answers every GET with a list; counts requests, and the most that are present at a time."""

    def __init__(self) -> None:
        self.requests = self.present = self.most = 0

    async def answer(self, request: Request) -> Reply:
        self.requests += 1
        self.present += 1
        self.most = max(self.most, self.present)
        await asyncio.sleep(0.01)
        self.present -= 1
        metadata = {"resourceVersion": "1", "continue": "next" if "limit" in request.params else ""}
        return json_reply({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": ITEMS})


@pytest.fixture
def server() -> CountingServer:
    return CountingServer()


@pytest.fixture
async def client(server: CountingServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[KubeClient]:
    monkeypatch.setenv("NO_PROXY", "*")
    async with (
        serve(server.answer) as loopback,
        KubeClient.connect(ClusterConfig(server=loopback.url)) as client,
    ):
        yield client


def schema() -> KubernetesSchema:
    model = small_model()
    return KubernetesSchema(LazySchema(model, Resolvers(model)))


async def run(client: KubeClient, query: str, limits: Limits | None = None) -> ExecutionResult:
    context = RequestContext(client, InformerRegistry(), shared=Shared(limits=limits or Limits()))
    result = await schema().execute(query, context_value=context)
    return ExecutionResult(result.data, result.errors)


def codes(result: ExecutionResult) -> set[str]:
    return {str((error.extensions or {}).get("code")) for error in result.errors or ()}


def different_lists(count: int) -> str:
    return " ".join(
        f'a{number}: gadgets(labelSelector: "x{number}!=1") {{ kind }}' for number in range(count)
    )


async def test_too_many_lists_are_refused_before_any_request(
    client: KubeClient, server: CountingServer
) -> None:
    result = await run(client, f"{{ ...F }} fragment F on Query {{ {different_lists(101)} }}")
    assert result.data is None
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert result.errors
    (error,) = result.errors
    assert "101" in error.message
    assert "100 (--max-upstream-requests)" in error.message
    assert server.requests == 0


async def test_skipped_fields_are_not_counted(client: KubeClient, server: CountingServer) -> None:
    result = await run(
        client, f"{{ kept: gadgets {{ kind }} ... @skip(if: true) {{ {different_lists(150)} }} }}"
    )
    assert result.errors is None
    assert server.requests == 1


async def test_identical_aliases_are_read_once(client: KubeClient, server: CountingServer) -> None:
    aliases = " ".join(f"a{number}: gadgets {{ items {{ kind }} }}" for number in range(150))
    result = await run(client, f"{{ {aliases} other: gadgets {{ kind }} }}")
    assert result.errors is None
    assert result.data is not None
    assert list(result.data) == [*(f"a{number}" for number in range(150)), "other"]
    assert len({msgspec.json.encode(result.data[f"a{number}"]) for number in range(150)}) == 1
    assert server.requests <= 2


async def test_few_requests_of_an_operation_are_in_flight_at_once(
    client: KubeClient, server: CountingServer
) -> None:
    result = await run(client, f"{{ {different_lists(20)} }}")
    assert result.errors is None
    assert (server.requests, server.most) == (20, 4)


async def test_few_requests_of_an_identity_are_in_flight_at_once(
    client: KubeClient, server: CountingServer
) -> None:
    context = RequestContext(
        client, InformerRegistry(), shared=Shared(limits=Limits(in_flight_per_identity=6))
    )
    query = f"{{ {different_lists(8)} }}"
    queries = [query.replace("x", f"y{number}") for number in range(5)]
    served = schema()
    results = await asyncio.gather(*(served.execute(item, context_value=context) for item in queries))
    assert [result.errors for result in results] == [None] * 5
    assert server.most == 6


async def test_pages_count_as_upstream_requests(client: KubeClient, server: CountingServer) -> None:
    result = await run(client, "{ gadgets(allPages: true) { kind } }", Limits(max_upstream_requests=3))
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert server.requests == 3


async def test_each_mutation_counts(client: KubeClient, server: CountingServer) -> None:
    deletions = " ".join(f'a{number}: deleteGadget(name: "a") {{ status }}' for number in range(101))
    result = await run(client, f"mutation {{ {deletions} }}")
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert server.requests == 0


@pytest.mark.parametrize("fields", ["items { metadata { name } }", "items { yaml }"])
async def test_a_large_response_is_refused_as_a_whole(
    client: KubeClient, server: CountingServer, fields: str
) -> None:
    aliases = " ".join(f"a{number}: gadgets {{ {fields} }}" for number in range(50))
    result = await run(client, f"{{ {aliases} }}", Limits(max_response=100_000))
    assert result.data is None
    assert result.errors
    (error,) = result.errors
    assert (error.extensions or {})["code"] == "QUERY_TOO_COMPLEX"
    assert "100000 bytes, the limit (--max-response)" in error.message
    assert server.requests <= 2


@pytest.mark.parametrize("field", ["gadgets { kind }", "nothing", "gadgets { kind } }"])
async def test_a_large_document_does_not_block_the_event_loop(client: KubeClient, field: str) -> None:
    """Counts the loop's turns meanwhile: validation on the loop would leave none."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    result = await run(client, "{" + f" {field}" * 1500 + " }", Limits(max_aliases=1500))
    counting.cancel()
    assert turns > 5 or field.endswith("}")
    assert codes(result) <= {"BAD_REQUEST"}


async def test_aliases_of_yaml_are_written_once_and_refused_while_the_response_is_built(
    client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0

    def counting(value: object) -> str:
        nonlocal written
        written += 1
        return "x" * 1000

    monkeypatch.setattr("schema.building.computed_fields.to_yaml", counting)
    query = "{ gadgets { items {" + " ".join(f"a{number}: yaml" for number in range(50)) + "} } }"
    result = await run(client, query, Limits(max_response=220_000))
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert result.data is None
    # each of the 100 objects takes 50 kB
    assert written == 5


async def test_aliases_of_yaml_within_the_limit_are_complete(client: KubeClient) -> None:
    query = "{ gadgets { items {" + " ".join(f"a{number}: yaml" for number in range(50)) + "} } }"
    result = await run(client, query)
    assert result.errors is None
    assert result.data
    items = msgspec.json.decode(msgspec.json.encode(result.data))["gadgets"]["items"]
    assert len(items) == 100
    assert {len(item) for item in items} == {50}
    assert len({text for item in items for text in item.values()}) == 1


async def test_fields_with_the_same_request_share_one_response(
    client: KubeClient, server: CountingServer
) -> None:
    shared = Shared(limits=Limits(max_aliases=300))
    # all selections are compiled in one turn of the event loop
    shared.large_lists.turns = Turnstile(3600)
    context = RequestContext(client, InformerRegistry(), shared=shared)
    aliases = " ".join(
        f"a{number}: gadgets {{ items {{ b{number}: metadata {{ name }} }} }}" for number in range(150)
    )
    result = await schema().execute(f"{{ {aliases} }}", context_value=context)
    assert result.errors is None
    assert server.requests <= 2


async def test_an_operation_over_its_limit_does_not_fail_the_request_of_another(
    client: KubeClient, server: CountingServer
) -> None:
    """Both operations join one queued request."""
    shared, served = Shared(limits=Limits(max_upstream_requests=1, max_response=10)), schema()
    greedy = RequestContext(client, InformerRegistry(), shared=shared)
    modest = RequestContext(client, InformerRegistry(), shared=replace(shared, limits=Limits()))
    query = "{ gadgets(allPages: true, limit: 7) { items { kind } } }"
    refused, answered = await asyncio.gather(
        served.execute(query, context_value=greedy),
        served.execute("{ gadgets(limit: 7) { items { kind } } }", context_value=modest),
    )
    assert codes(ExecutionResult(refused.data, refused.errors)) == {"QUERY_TOO_COMPLEX"}
    assert answered.errors is None


async def test_parts_of_a_refused_response_are_freed(client: KubeClient) -> None:
    """Without a collection: the refusal's traceback would keep them until the next one."""
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        query = "{ gadgets { items {" + " ".join(f"a{number}: yaml" for number in range(700)) + "} } }"
        result = await run(client, query, Limits(max_response=8_000_000))
        assert codes(result) == {"QUERY_TOO_COMPLEX"}
        del result
        assert tracemalloc.get_traced_memory()[0] < 3 << 20
    finally:
        tracemalloc.stop()
        gc.enable()


async def test_errors_count_as_parts_of_the_response(
    client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ITEMS", [{"metadata": {"name": ["not a name"]}}] * 100)
    query = (
        "{ gadgets { items { metadata {" + " ".join(f"a{number}: name" for number in range(100)) + "} } } }"
    )
    result = await run(client, query, Limits(max_response=1_000_000))
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert len(result.errors or ()) == 1


async def test_a_wide_selection_of_a_non_null_list_is_answered(client: KubeClient) -> None:
    fields = " ".join(f"kind{number}: kind" for number in range(400))

    result = await run(client, f"{{ resources {{ {fields} }} }}", Limits(max_aliases=401))

    assert result.errors is None
    assert b'"kind399":"Gadget"' in msgspec.json.encode(result.data)


@pytest.mark.parametrize("depth", [14, 45])
async def test_fragments_that_multiply_the_fields_are_refused(
    client: KubeClient, server: CountingServer, depth: int
) -> None:
    doubled = " ".join(
        f"fragment F{level} on Query {{ ...F{level + 1} ... {{ ...F{level + 1} }} }}"
        for level in range(depth)
    )
    query = f"{{ ...F0 }} {doubled} fragment F{depth} on Query {{ gadgets {{ kind }} }}"
    result = await run(client, query)
    assert codes(result) == {"QUERY_TOO_COMPLEX"}
    assert result.errors
    assert f"{2 * 2**depth if depth < 30 else 'more than 1000000000'} fields" in result.errors[0].message
    assert "the limit is 10000 (--max-tokens)" in result.errors[0].message
    assert server.requests == 0


async def test_large_documents_are_not_kept(client: KubeClient) -> None:
    shared = Shared(limits=Limits(max_aliases=3000))
    served, context = schema(), RequestContext(client, InformerRegistry(), shared=shared)
    for number in range(3):
        aliases = " ".join(f"alias{number}_{index}: __typename" for index in range(3000))
        assert (await served.execute(f"{{ {aliases} }}", context_value=context)).errors is None
    assert len(served._documents) == 0
    assert (await served.execute("{ __typename }", context_value=context)).errors is None
    assert len(served._documents) == 1


@pytest.mark.parametrize(
    ("operation", "code"),
    [("{ gadgets { kind } }", "QUERY_TOO_COMPLEX"), ("mutation { %s }", "OUTCOME_UNKNOWN")],
)
async def test_an_operation_ends_at_its_time_limit(client: KubeClient, operation: str, code: str) -> None:
    delete = 'deleteGadget(name: "a") { status }'
    waiting = asyncio.Event()

    async def never(_: Request) -> Reply:
        await waiting.wait()
        return json_reply({})

    async with (
        serve(never) as loopback,
        KubeClient.connect(ClusterConfig(server=loopback.url)) as unanswered,
    ):
        query = operation % delete if "%" in operation else operation
        result = await run(unanswered, query, Limits(timeout=0.05))
        assert result.data is None
        assert codes(result) == {code}
        assert result.errors
        assert "more than 0.05 s, the limit (--operation-timeout)" in result.errors[0].message
        assert unanswered.in_flight == 0
        waiting.set()


async def test_places_are_free_after_a_refusal_a_failure_and_a_cancellation(
    client: KubeClient, server: CountingServer
) -> None:
    progress = InProgress(ConcurrencyLimits(operations_per_identity=2))
    context = RequestContext(client, InformerRegistry(), shared=Shared(in_progress=progress))
    served = schema()

    async def execute(query: str) -> set[str]:
        result = await served.execute(query, context_value=context)
        return codes(ExecutionResult(result.data, result.errors))

    assert await execute("{ nothing }") == {"BAD_REQUEST"}
    assert await execute("{") == {"BAD_REQUEST"}
    cancelled = asyncio.create_task(execute("{ gadgets { kind } }"))
    while not server.present:  # noqa: ASYNC110 (a counter of the server)
        await asyncio.sleep(0.001)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert len(progress.operations) == 0
    together = await asyncio.gather(*(execute(f"{{ {different_lists(2)} }}") for _ in range(3)))
    assert sorted(map(sorted, together)) == [[], [], ["TOO_MANY_REQUESTS"]]
    assert len(progress.operations) == 0

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.kube.lists import fetch_list, list_pages
from gateway.kube.received import ReceivedObject
from schema.resources import GroupVersionKind
from tests.gateway.kube.conftest import Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve, status_reply

POD = GroupVersionKind("", "v1", "Pod")
Object = dict[str, Any]


def pod(name: str, version: int = 1, **more: Any) -> Object:
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, **more}}


def paged(pages: list[list[Object]], *, gone_at: int | None = None) -> Any:
    """A handler that answers a LIST page by page; the continue token is the page number."""

    async def answer(request: Request) -> Reply:
        if "limit" not in request.params:
            return listing([item for page in pages for item in page], "200")
        number = int(request.params.get("continue", "0"))
        if number == gone_at:
            return status_reply(410, "Expired", "The provided continue parameter is too old")
        more = {"continue": str(number + 1)} if number + 1 < len(pages) else {}
        return listing(pages[number], "100", **more)

    return answer


def listing(items: list[Object] | None, version: str, **metadata: str) -> Reply:
    metadata = {"resourceVersion": version, **metadata}
    return json_reply({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})


def names(objects: Iterable[ReceivedObject]) -> list[str]:
    return [item.header.metadata.name for item in objects]


async def test_a_list_is_fetched_page_by_page(connect: Connect) -> None:
    async with serve(paged([[pod("a"), pod("b")], [pod("c")]])) as server:
        client = connect(server.url)
        pages = [page async for page in list_pages(client, "api/v1/pods", {"labelSelector": "x"}, kind=POD)]
        await client.aclose()
    assert [names(page.objects) for page in pages] == [["a", "b"], ["c"]]
    assert [page.continue_token for page in pages] == ["1", ""]
    assert [request.params["labelSelector"] for request in server.requests] == ["x", "x"]
    assert server.requests[0].params["limit"] == "500"


async def test_a_list_that_expires_between_pages_is_fetched_again(connect: Connect) -> None:
    async with serve(paged([[pod("a")], [pod("b")]], gone_at=1)) as server:
        client = connect(server.url)
        whole = await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    assert names(whole.objects) == ["a", "b"]
    assert whole.resource_version == "200"


async def test_large_objects_reduce_the_size_of_the_next_page(connect: Connect) -> None:
    big = {**pod("a"), "data": "x" * (5 << 20)}
    async with serve(paged([[big, big], [pod("b")], [pod("c")]])) as server:
        client = connect(server.url)
        await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    limits = [int(request.params["limit"]) for request in server.requests]
    assert limits[0] == 500
    assert 10 <= limits[1] < 250
    assert limits[2] > limits[1]


async def test_items_get_the_kind_that_a_list_omits(connect: Connect) -> None:
    own = {"apiVersion": "example.com/v1", "kind": "Own", **pod("own")}
    async with serve(paged([[pod("a"), own]])) as server:
        client = connect(server.url)
        (bare, complete) = (await fetch_list(client, "api/v1/pods", {}, kind=POD)).objects
        await client.aclose()
    assert json.loads(bare.object) == {"kind": "Pod", "apiVersion": "v1", **pod("a")}
    assert json.loads(complete.object) == own


async def test_null_items_are_an_empty_list(connect: Connect) -> None:
    async def answer(_: Request) -> Reply:
        return listing(None, "3")

    async with serve(answer) as server:
        client = connect(server.url)
        whole = await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()
    assert (whole.objects, whole.resource_version) == ([], "3")


@pytest.mark.parametrize("body", [b"[]", b"{}", b"nonsense", b'{"metadata":{},"items":[1]}'])
async def test_malformed_list_is_a_protocol_error(connect: Connect, body: bytes) -> None:
    async def answer(_: Request) -> Reply:
        return Reply(200, body)

    async with serve(answer) as server:
        client = connect(server.url)
        with pytest.raises(UpstreamProtocolError):
            await fetch_list(client, "api/v1/pods", {}, kind=POD)
        await client.aclose()


async def test_decoding_a_page_of_500_objects_yields_to_the_event_loop(connect: Connect) -> None:
    page = [{**pod(f"p{number}"), "data": "x" * 8192} for number in range(500)]
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serve(paged([page])) as server:
        client = connect(server.url)
        body = (await client.get("api/v1/pods", {"limit": "500"})).body
        task = asyncio.create_task(other())
        pages = list_pages(CannedList(body), "", {}, kind=POD)  # type: ignore[arg-type]  # only its get is used
        assert len((await anext(pages)).objects) == 500
        task.cancel()
        await client.aclose()
    assert turns >= 3


class CannedList:
    """A client that answers without waiting: only the decoder yields to the event loop."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def get(self, *_: Any, **__: Any) -> "CannedList":
        return self

"""LIST requests, and ``allPages``: a complete answer even if continue tokens expire."""

import asyncio
import json
from typing import Any

import pytest

from gateway.errors import BadArgument, Gone, Status, UpstreamProtocolError
from gateway.resolvers.large_lists import LargeLists
from gateway.resolvers.limits import Budget, Limits
from gateway.resolvers.lists import Building, ListRequest, answer_all_pages
from schema.model import Scalar
from schema.resources import GroupVersionKind
from schema.selection import Field, Leaf, ListField, ListSelection, Node, NonNull, Repeated, Selection

KIND = GroupVersionKind("", "v1", "Thing")
ITEM = Node("Thing", (Field("name", "name", Leaf(Scalar.STRING)),))
METADATA = Node(
    "ListMeta",
    (
        Field("resourceVersion", "resourceVersion", Leaf(Scalar.STRING)),
        Field("continue", "continue", Leaf(Scalar.STRING)),
        Field("remainingItemCount", "remainingItemCount", Leaf(Scalar.INT64)),
    ),
)
FIELDS = (
    Field("metadata", "metadata", METADATA),
    Field("items", "items", NonNull(Repeated(NonNull(ITEM)))),
)
SELECTION = ListSelection(
    tuple(
        ListField(
            part, Selection(Node("ThingList", (part,))), Selection(ITEM) if part.key == "items" else None
        )
        for part in FIELDS
    )
)


class Pages:
    """An API server with seven things; tokens expire as configured, a fresh one continues at version 99."""

    def __init__(self, *, expire_before: dict[int, str] | None = None) -> None:
        self.requests: list[dict[str, str]] = []
        self.expire_before = expire_before or {}

    async def fetch(self, parameters: dict[str, str]) -> bytes:
        self.requests.append(parameters)
        token, limit = parameters.get("continue", ""), int(parameters["limit"])
        start = int(token.rpartition("-")[2] or 0)
        request = len(self.requests)
        if request in self.expire_before:
            fresh = self.expire_before[request].format(start=start)
            raise Gone(Status(410, "Expired", "too old", continue_token=fresh))
        version = "99" if token.startswith("fresh") else str(10 + request)
        end = min(start + limit, 7)
        items = [{"name": str(number), "other": "x" * 100} for number in range(start, end)]
        metadata: dict[str, Any] = {"resourceVersion": version}
        if end < 7:
            metadata |= {"continue": f"t-{end}", "remainingItemCount": 7 - end}
        return json.dumps(
            {"kind": "ThingList", "apiVersion": "v1", "metadata": metadata, "items": items}
        ).encode()


def building() -> Building:
    return Building(Budget(Limits(), asyncio.Semaphore()), LargeLists())


async def gather(
    pages: Pages, request: ListRequest, selection: ListSelection | None = SELECTION
) -> dict[str, Any]:
    answer = await answer_all_pages(pages.fetch, request, selection, KIND, building())
    if selection is None:
        return answer  # type: ignore[no-any-return]  # plain JSON, for graphql-core
    decoded: dict[str, Any] = json.loads(bytes(answer.value))
    return decoded


def names(answer: dict[str, Any]) -> list[str]:
    return [item["name"] for item in answer["items"]]


ALL = [str(number) for number in range(7)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100, None])
async def test_all_pages_are_one_list(limit: int | None) -> None:
    answer = await gather(Pages(), ListRequest(limit=limit))

    assert names(answer) == ALL
    assert answer["metadata"] == {"resourceVersion": "11", "continue": None, "remainingItemCount": None}
    assert set(answer["items"][0]) == {"name"}


async def test_a_selection_that_is_not_compiled_gets_whole_objects() -> None:
    answer = await gather(Pages(), ListRequest(limit=3), None)

    assert names(answer) == ALL
    assert answer["metadata"] == {"resourceVersion": "11"}
    assert list(answer["items"])[6] == {"kind": "Thing", "apiVersion": "v1", "name": "6", "other": "x" * 100}


async def test_the_limit_is_the_size_of_a_page_and_500_by_default() -> None:
    for limit, expected in ((3, "3"), (None, "500")):
        pages = Pages()
        await gather(pages, ListRequest(limit=limit))
        assert {parameters["limit"] for parameters in pages.requests} == {expected}


async def test_a_resource_version_is_for_the_first_page_and_selectors_are_for_all() -> None:
    pages = Pages()
    request = ListRequest(
        limit=4, resource_version="5", resource_version_match="Exact", label_selector="a=b", all_pages=True
    )

    await gather(pages, request)

    first, second = pages.requests
    assert (first["resourceVersion"], first["resourceVersionMatch"]) == ("5", "Exact")
    assert second == {"labelSelector": "a=b", "limit": "4", "continue": "t-4"}


async def test_an_expired_list_starts_again_and_is_of_one_version() -> None:
    pages = Pages(expire_before={3: "fresh-{start}"})

    answer = await gather(pages, ListRequest(limit=2))

    assert names(answer) == ALL
    assert answer["metadata"]["resourceVersion"] == "14"
    assert [parameters.get("continue", "") for parameters in pages.requests] == [
        "",
        "t-2",
        "t-4",
        "",
        "t-2",
        "t-4",
        "t-6",
    ]


async def test_a_list_that_expires_again_continues_with_the_fresh_token() -> None:
    pages = Pages(expire_before={2: "fresh-{start}", 5: "fresh-{start}", 7: "fresh-{start}"})

    answer = await gather(pages, ListRequest(limit=2))

    assert names(answer) == ALL
    assert answer["metadata"]["resourceVersion"] == "13"
    tokens = [parameters.get("continue", "") for parameters in pages.requests]
    assert tokens == ["", "t-2", "", "t-2", "t-4", "fresh-4", "t-6", "fresh-6"]


async def test_a_list_from_a_continue_argument_continues_with_the_fresh_token() -> None:
    pages = Pages(expire_before={2: "fresh-{start}"})

    answer = await gather(pages, ListRequest(limit=2, continue_token="t-3"))

    assert names(answer) == ALL[3:]
    assert [parameters["continue"] for parameters in pages.requests] == ["t-3", "t-5", "fresh-5"]


@pytest.mark.parametrize(
    ("expire_before", "token"),
    [
        ({1: "fresh-0"}, None),
        ({1: "fresh-3"}, "t-3"),
        ({2: "fresh-5", 3: "fresh-5"}, "t-3"),
        ({2: ""}, "t-3"),
    ],
    ids=["the first page", "the continue argument", "a fresh token", "no fresh token"],
)
async def test_a_list_that_cannot_continue_is_gone(expire_before: dict[int, str], token: str | None) -> None:
    with pytest.raises(Gone) as raised:
        await gather(Pages(expire_before=expire_before), ListRequest(limit=2, continue_token=token))
    assert raised.value.status.continue_token == expire_before[max(expire_before)]


@pytest.mark.parametrize("page", [b"[]", b"{", b'{"metadata": {"resourceVersion": 1}, "items": []}'])
async def test_a_page_that_is_not_a_list_is_a_protocol_error(page: bytes) -> None:
    async def fetch(_parameters: dict[str, str]) -> bytes:
        return page

    with pytest.raises(UpstreamProtocolError):
        await answer_all_pages(fetch, ListRequest(), SELECTION, KIND, building())


async def test_items_that_do_not_fit_are_read_again_as_plain_json() -> None:
    body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": [{"name": 5}]}).encode()

    async def fetch(_parameters: dict[str, str]) -> bytes:
        return body

    answer = await answer_all_pages(fetch, ListRequest(), SELECTION, KIND, building())

    assert list(answer["items"]) == [{"kind": "Thing", "apiVersion": "v1", "name": 5}]


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        ({}, None),
        ({"resource_version": ""}, None),
        ({"resource_version": "0"}, 0),
        ({"resource_version": "0", "limit": 5}, 0),
        ({"resource_version": "0", "resource_version_match": "NotOlderThan"}, 0),
        ({"resource_version": "0", "continue_token": "t"}, None),
        ({"resource_version": "0", "resource_version_match": "Exact"}, None),
        ({"resource_version": "12"}, 12),
        ({"resource_version": "12", "resource_version_match": "NotOlderThan"}, 12),
        ({"resource_version": "12", "resource_version_match": "Exact"}, None),
        ({"resource_version": "12", "limit": 5}, None),
        ({"resource_version": "12", "limit": 0}, 12),
        ({"resource_version": "12", "limit": 5, "all_pages": True}, 12),
        ({"resource_version": "abc"}, None),
        ({"resource_version": "٣"}, None),
        ({"resource_version": "9" * 30}, None),
    ],
)
def test_the_minimum_version_of_a_cache_that_may_answer(
    arguments: dict[str, Any], version: int | None
) -> None:
    assert ListRequest(**arguments).minimum_version == version


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(BadArgument, match="limit is -1"):
        ListRequest(limit=-1)

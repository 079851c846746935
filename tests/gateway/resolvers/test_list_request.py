"""Which lists a cache may answer: those that Kubernetes' own watch cache would."""

from typing import Any

import pytest

from gateway.errors import BadArgument
from gateway.resolvers.list_request import ListRequest


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
def test_how_old_a_cache_may_be(arguments: dict[str, Any], version: int | None) -> None:
    assert ListRequest(**arguments).cached_version == version


def test_a_limit_below_nothing_is_refused() -> None:
    with pytest.raises(BadArgument, match="limit is -1"):
        ListRequest(limit=-1)

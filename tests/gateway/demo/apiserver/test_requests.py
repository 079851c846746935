"""The parameters of requests: refusals in the words of the API server."""

from typing import Any

import pytest

from gateway.demo.apiserver.requests import (
    ListOptions,
    parse_list_options,
    parse_version,
    parse_write_options,
)
from gateway.demo.apiserver.statuses import ApiError


def test_parameters_have_their_types() -> None:
    query = {"limit": "5", "watch": "1", "allowWatchBookmarks": "false", "timeoutSeconds": "9"}
    assert parse_list_options(query) == ListOptions(watch=True, limit=5, timeout_seconds=9)
    assert parse_list_options({}) == ListOptions()


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"limit": "x"}, 400, 'parsing "x"'),
        ({"resourceVersionMatch": "Exact"}, 422, "unless resourceVersion is provided"),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422, "forbidden for resourceVersion"),
        ({"resourceVersionMatch": "Other", "resourceVersion": "1"}, 422, 'Unsupported value: "Other"'),
        ({"resourceVersionMatch": "Exact", "continue": "c"}, 422, "when continue is provided"),
        ({"sendInitialEvents": "true"}, 422, "forbidden for list"),
        ({"watch": "true", "sendInitialEvents": "true"}, 422, "requires setting resourceVersionMatch"),
        ({"watch": "true", "resourceVersionMatch": "Exact"}, 422, "forbidden for watch unless"),
    ],
)
def test_contradictory_parameters_are_refused(query: dict[str, str], code: int, message: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_list_options(query)
    assert caught.value.code == code
    assert message in str(caught.value)


def test_options_of_a_write_have_defaults() -> None:
    options = parse_write_options({"fieldValidation": "", "force": "true"}, "PatchOptions")
    assert (options.dry_run, options.field_validation, options.force) == (False, "Warn", True)
    assert parse_write_options({"dryRun": "All"}, "PatchOptions").dry_run


@pytest.mark.parametrize(
    "query", [{"dryRun": "Some"}, {"fieldValidation": "Loose"}, {"fieldManager": "x" * 129}]
)
def test_unsupported_options_of_a_write_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="PatchOptions") as caught:
        parse_write_options(query, "PatchOptions")
    assert caught.value.code == 422


@pytest.mark.parametrize(
    ("text", "version"), [("", 0), ("0", 0), ("007", 7), (str(2**64 - 1), 2**64 - 1), ("0" * 30 + "1", 1)]
)
def test_a_resource_version_is_an_unsigned_number(text: str, version: int) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["-1", "x", "1.0", "\u0663", str(2**64), "9" * 5000])
def test_another_version_is_refused_with_500_or_for_a_list_with_400(text: str) -> None:
    codes: list[Any] = []
    for listing in (False, True):
        with pytest.raises(ApiError) as caught:
            parse_version(text, listing=listing)
        codes.append(caught.value.code)
    assert codes == [500, 400]

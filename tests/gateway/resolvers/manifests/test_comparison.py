"""Whether an apply has changed an object."""

from typing import Any

import pytest

from gateway.resolvers.manifests.comparison import Before, has_changed, version_of


def managed(
    manager: str, operation: str = "Apply", subresource: str = "", fields: str = "f:spec"
) -> dict[str, Any]:
    return {
        "manager": manager,
        "operation": operation,
        "subresource": subresource,
        "apiVersion": "v1",
        "fieldsV1": {fields: {}},
    }


def live(version: str = "1", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": "a",
        "resourceVersion": version,
        "generation": int(version),
        **more.pop("metadata", {}),
    }
    return {"metadata": metadata, "spec": {"a": 1}, **more}


def changed(before: dict[str, Any], after: dict[str, Any], *, has_status: bool = True) -> bool:
    return has_changed(Before.of(before), after, "me", has_status=has_status)


@pytest.mark.parametrize(
    "after",
    [
        live("2"),
        live("2", status={"phase": "Running"}),
        live(metadata={"managedFields": [managed("other")]}),
        live(metadata={"managedFields": [managed("me", "Update")]}),
        live(metadata={"managedFields": [managed("me", subresource="status")]}),
    ],
    ids=["the version", "the status", "another manager", "an update", "the manager's status"],
)
def test_what_an_apply_does_not_own_is_no_change(after: dict[str, Any]) -> None:
    assert not changed(live(), after)


@pytest.mark.parametrize(
    "after",
    [live(spec={"a": 2}), live(metadata={"labels": {}}), live(metadata={"managedFields": [managed("me")]})],
    ids=["the spec", "the metadata", "the manager's own fields"],
)
def test_the_content_is_a_change_even_of_the_same_version(after: dict[str, Any]) -> None:
    assert changed(live(), after)


def test_without_a_subresource_the_status_is_content() -> None:
    assert changed(live(), live(status={}), has_status=False)


def test_without_the_object_the_version_decides() -> None:
    assert has_changed(Before("1"), live("2"), "me", has_status=True)
    assert not has_changed(Before("2"), live("2", spec={}), "me", has_status=True)


@pytest.mark.parametrize("content", [{}, {"metadata": None}, {"metadata": {"resourceVersion": None}}])
def test_an_object_without_a_version_has_an_empty_one(content: dict[str, Any]) -> None:
    assert version_of(content) == ""

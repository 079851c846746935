"""The four kinds of patches, as the real API server applies them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.apiserver.patches import PatchError, apply_json_patch, apply_merge_patch
from tests.gateway.demo.cluster.workloads import WEB
from tests.gateway.demo.demo_client import APPS, DemoCluster, deployment

keys = st.sampled_from("abcd")
leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["x", "y"])
values = st.recursive(
    leaves, lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3)
)
documents = st.dictionaries(keys, values, max_size=4)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that makes the one of the other."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            patch[key] = difference(before, value)
        elif before != value or type(before) is not type(value):
            patch[key] = value
    return patch


@given(documents, documents)
def test_a_merge_patch_makes_any_document_of_any_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    old, new = without_nulls(old), without_nulls(new)
    assert apply_merge_patch(old, difference(old, new)) == new


@given(documents, documents)
def test_a_merge_patch_changes_neither_of_its_arguments(old: dict[str, Any], patch: dict[str, Any]) -> None:
    before = repr((old, patch))
    once = apply_merge_patch(old, patch)
    assert repr((old, patch)) == before
    assert apply_merge_patch(once, patch) == once


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a", "value": 1}], {"a": 1, "list": [1, 2]}),
        ([{"op": "add", "path": "/list/-", "value": 3}], {"list": [1, 2, 3]}),
        ([{"op": "add", "path": "/list/0", "value": 3}], {"list": [3, 1, 2]}),
        ([{"op": "remove", "path": "/list/0"}], {"list": [2]}),
        ([{"op": "replace", "path": "/list", "value": []}], {"list": []}),
        ([{"op": "move", "from": "/list/0", "path": "/a"}], {"a": 1, "list": [2]}),
        ([{"op": "copy", "from": "/list", "path": "/a~1b"}], {"a/b": [1, 2], "list": [1, 2]}),
        ([{"op": "test", "path": "/list", "value": [1, 2]}], {"list": [1, 2]}),
        ([{"op": "test", "path": "/none", "value": None}], {"list": [1, 2]}),
        ([{"op": "replace", "path": "", "value": {}}], {}),
    ],
)
def test_json_patch_operations(operations: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    document = {"list": [1, 2]}
    assert apply_json_patch(document, operations) == expected
    assert document == {"list": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/list/0", "value": True},
        {"op": "test", "path": "/none/x", "value": None},
        {"op": "test", "path": "/none", "value": 1},
        {"op": "test", "path": "/list/2", "value": None},
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": "/list/2"},
        {"op": "remove", "path": "/list/01"},
        {"op": "add", "path": "/list/3", "value": 1},
        {"op": "add", "path": "/none/x", "value": 1},
        {"op": "add", "path": "list", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "frobnicate", "path": "/a"},
        {"op": "move", "path": "/a", "from": "/none"},
    ],
)
def test_a_json_patch_that_cannot_be_done_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(PatchError):
        apply_json_patch({"list": [1, 2]}, [operation])


async def test_a_failed_json_patch_is_invalid(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    response = await bare.patch(WEB, "json", [{"op": "test", "path": "/spec/replicas", "value": 9}])
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    patched = await bare.patched(WEB, "json", [{"op": "replace", "path": "/spec/replicas", "value": 9}])
    assert patched["spec"]["replicas"] == 9


async def test_null_in_a_merge_patch_takes_a_key_away(bare: DemoCluster) -> None:
    value = deployment("web")
    value["metadata"]["labels"] = {"a": "1", "b": "2"}
    await bare.create(f"{APPS}/deployments", value)
    patched = await bare.patched(WEB, "merge", {"metadata": {"labels": {"a": None}}})
    assert patched["metadata"]["labels"] == {"b": "2"}


@pytest.mark.parametrize("kind", ["merge", "strategic"])
async def test_a_patch_that_leaves_a_wrong_type_is_invalid(bare: DemoCluster, kind: str) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    response = await bare.patch(WEB, kind, {"spec": {"replicas": "many"}})
    status = response.json()
    assert (response.status_code, status["details"]["causes"][0]["field"]) == (422, "patch")


async def test_a_patch_of_another_version_conflicts(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    patch = {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}
    response = await bare.patch(WEB, "merge", patch)
    assert (response.status_code, response.json()["reason"]) == (409, "Conflict")


def containers(value: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["image"] for item in value["spec"]["template"]["spec"]["containers"]}


def containers_patch(*items: dict[str, Any], **directives: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(items), **directives}}}}


async def test_a_strategic_patch_merges_containers_by_name(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    patched = await bare.patched(
        WEB,
        "strategic",
        containers_patch({"name": "side", "image": "side:1"}, {"name": "main", "image": "nginx:2"}),
    )
    assert containers(patched) == {"side": "side:1", "main": "nginx:2"}
    gone = await bare.patched(WEB, "strategic", containers_patch({"name": "main", "$patch": "delete"}))
    assert containers(gone) == {"side": "side:1"}
    whole = containers_patch({"$patch": "replace"}, {"name": "new", "image": "new:1"})
    assert containers(await bare.patched(WEB, "strategic", whole)) == {"new": "new:1"}


async def test_new_items_come_first_unless_an_order_is_given(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    patched = await bare.patched(WEB, "strategic", containers_patch({"name": "side", "image": "side:1"}))
    assert list(containers(patched)) == ["side", "main"]
    order = [{"name": "main"}, {"name": "side"}, {"name": "third"}]
    directive = {"$setElementOrder/containers": order}
    third = containers_patch({"name": "third", "image": "third:1"}, **directive)
    assert list(containers(await bare.patched(WEB, "strategic", third))) == ["main", "side", "third"]


async def test_the_other_directives_of_a_strategic_patch(bare: DemoCluster) -> None:
    value = deployment("web")
    value["metadata"]["finalizers"] = ["example.com/a", "example.com/b"]
    await bare.create(f"{APPS}/deployments", value)
    retain = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert (await bare.patched(WEB, "strategic", retain))["spec"]["strategy"] == {"type": "Recreate"}
    deletion = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}}
    assert (await bare.patched(WEB, "strategic", deletion))["metadata"]["finalizers"] == ["example.com/b"]
    added = {"metadata": {"finalizers": ["example.com/c"]}}
    patched = await bare.patched(WEB, "strategic", added)
    assert patched["metadata"]["finalizers"] == ["example.com/c", "example.com/b"]


async def test_an_item_without_its_merge_key_is_refused(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    response = await bare.patch(WEB, "strategic", containers_patch({"image": "nginx:2"}))
    assert response.status_code == 500
    assert "does not contain declared merge key: name" in response.json()["message"]

"""The difference of two objects: changed fields, masked Secrets, and a diff that ``patch`` applies."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.object_diff import compare_objects
from schema.yaml_output import to_yaml


def changes(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    diff = compare_objects({"spec": before}, {"spec": after}, "x")
    return [(change.path, change.before, change.after) for change in diff.changes]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("spec.a", 1, 2)]),
        ({"a": 1}, {}, [("spec.a", 1, None)]),
        ({}, {"a.b/c": {"d": 1}}, [('spec["a.b/c"]', None, {"d": 1})]),
        ({"a": 1}, {"a": True}, [("spec.a", 1, True)]),
        ({"l": [1, 2]}, {"l": [1]}, [("spec.l", [1, 2], [1])]),
        ({"l": [{"x": 1}]}, {"l": [{"x": 2}]}, [("spec.l[0].x", 1, 2)]),
        ({"l": [{"x": 1}]}, {"l": []}, [("spec.l", [{"x": 1}], [])]),
        (
            {"l": [{"name": "a", "x": 1}]},
            {"l": [{"name": "b"}, {"name": "a", "x": 2}]},
            [('spec.l[name="a"].x', 1, 2), ('spec.l[name="b"]', None, {"name": "b"})],
        ),
        (
            {"l": [{"name": "a"}, {"name": "b"}]},
            {"l": [{"name": "b"}, {"name": "a"}]},
            [("spec.l", [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}])],
        ),
        (
            {"l": [{"name": "a"}, {"name": "a"}]},
            {"l": [{"name": "a"}]},
            [("spec.l", [{"name": "a"}] * 2, [{"name": "a"}])],
        ),
    ],
)
def test_a_change_has_the_path_of_the_deepest_field(
    before: Any, after: Any, expected: list[tuple[str, Any, Any]]
) -> None:
    assert changes(before, after) == expected


def test_fields_that_the_server_sets_are_left_out() -> None:
    metadata = {
        "resourceVersion": "1",
        "generation": 1,
        "managedFields": [],
        "uid": "a",
        "creationTimestamp": "t",
    }
    other = {key: f"{value}x" for key, value in metadata.items()}
    assert (
        compare_objects(
            {"metadata": {**metadata, "name": "a"}}, {"metadata": {**other, "name": "a"}}, "x"
        ).unified
        == ""
    )


def test_a_secret_is_masked_and_the_arguments_stay() -> None:
    meta = {"apiVersion": "v1", "kind": "Secret"}
    before = {**meta, "metadata": {}, "data": {"same": "s3cret", "differs": "old1", "gone": "old2"}}
    after = {**meta, "metadata": {}, "data": {"same": "s3cret", "differs": "new1", "more": "new2"}}
    diff = compare_objects(before, after, "x")
    assert {change.path: (change.before, change.after) for change in diff.changes} == {
        "data.differs": ("*** (before)", "*** (after)"),
        "data.gone": ("***", None),
        "data.more": (None, "***"),
    }
    assert not any(value in diff.unified for value in ("s3cret", "old", "new"))
    assert before["data"] == {"same": "s3cret", "differs": "old1", "gone": "old2"}


LINES = st.lists(st.sampled_from([{"a": 1}, {"b": "x"}, "c", "d", 5]), max_size=30)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
@given(LINES, LINES)
def test_the_unified_diff_leads_from_one_text_to_the_other(
    tmp_path_factory: pytest.TempPathFactory, before: list[Any], after: list[Any]
) -> None:
    old, new = ({"metadata": {"name": "a"}, "spec": lines} for lines in (before, after))
    diff = compare_objects(old, new, "x").unified
    directory: Path = tmp_path_factory.mktemp("patched")
    file = directory / "object.yaml"
    file.write_text(to_yaml(old))
    if diff:
        subprocess.run(
            ["patch", "--silent", "--fuzz=0", str(file)], input=diff.encode(), check=True, capture_output=True
        )
    assert file.read_text() == to_yaml(new)


def test_a_comparison_of_many_different_lines_is_one_block() -> None:
    before, after = ({"data": [f"{name}{number}" for number in range(5000)]} for name in "ab")
    diff = compare_objects({**before, "metadata": {}}, {**after, "metadata": {}}, "x")
    assert diff.unified.count("\n@@") == 1
    assert diff.unified.count("\n-") == diff.unified.count("\n+") - 1 == 5000

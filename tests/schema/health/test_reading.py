"""Typed reads of an object's JSON: absent and null are the same, and another type is unreadable."""

from typing import Any

import pytest

from schema.health.reading import Reader, Unreadable

OBJECT: dict[str, Any] = {
    "spec": {"replicas": 3, "paused": True, "name": "web", "empty": None},
    "status": {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Done", "observedGeneration": 2},
            {"type": "Failed", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ]
    },
    "metadata": {"generation": "7"},
}
READER = Reader(OBJECT)


def test_values_have_their_types() -> None:
    assert READER.integer("spec", "replicas") == 3
    assert READER.text("spec", "name") == "web"
    assert READER.flag("spec", "paused") is True


@pytest.mark.parametrize("path", [("spec", "other"), ("spec", "empty"), ("other", "below", "it")])
def test_absent_and_null_are_the_default(path: tuple[str, ...]) -> None:
    assert READER.value(*path) is None
    assert READER.text(*path, default="x") == "x"
    assert READER.integer(*path, default=1) == 1
    assert READER.optional_integer(*path) is None
    assert READER.flag(*path) is False
    assert list(READER.objects(*path)) == []


@pytest.mark.parametrize(
    ("read", "path"),
    [
        ("text", ("spec", "replicas")),
        ("integer", ("spec", "name")),
        ("integer", ("spec", "paused")),
        ("flag", ("spec", "name")),
        ("value", ("spec", "name", "below")),
    ],
)
def test_a_value_of_another_type_is_named(read: str, path: tuple[str, ...]) -> None:
    with pytest.raises(Unreadable, match=r"^spec\.\w+ is not "):
        getattr(READER, read)(*path)


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_only_an_object_is_read(value: object) -> None:
    with pytest.raises(Unreadable, match="the object is no JSON object"):
        Reader(value)


@pytest.mark.parametrize(("value", "generation"), [("7", 7), (7, 7), (None, None), ("9" * 19, int("9" * 19))])
def test_a_generation_may_be_a_string(value: object, generation: int | None) -> None:
    assert Reader({"generation": value}).generation("generation") == generation


@pytest.mark.parametrize("value", ["-1", "", "x", "9" * 20, "\u0663"])
def test_other_strings_are_no_generation(value: str) -> None:
    with pytest.raises(Unreadable):
        Reader({"generation": value}).generation("generation")


def test_items_of_a_list_are_objects_with_their_place() -> None:
    (reader,) = Reader({"list": [{"name": 1}]}).objects("list")
    with pytest.raises(Unreadable, match=r"^list\.0\.name is not a string$"):
        reader.text("name")
    with pytest.raises(Unreadable, match=r"^list\.0 is no JSON object$"):
        list(Reader({"list": ["text"]}).objects("list"))


def test_conditions_are_found_by_type_and_status() -> None:
    ready = READER.true_condition("Other", "Ready")
    assert ready is not None
    assert (ready.reason, ready.observed_generation, ready.is_true, ready.is_false) == (
        "Done",
        2,
        True,
        False,
    )
    assert READER.true_condition("Failed") is None
    failed = READER.false_condition("Failed")
    assert failed is not None
    assert failed.since == "2026-01-01T00:00:00Z"
    assert list(READER.conditions) == ["Ready", "Failed"]


@pytest.mark.parametrize("conditions", ["text", [1], [{"status": "True"}], [{"type": []}]])
def test_malformed_conditions_are_unreadable(conditions: object) -> None:
    with pytest.raises(Unreadable, match=r"status\.conditions"):
        len(Reader({"status": {"conditions": conditions}}).conditions)

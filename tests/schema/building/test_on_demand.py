"""A mapping builds each value on its first lookup."""

import pytest

from schema.building.on_demand import OnDemand


def build(key: str, source: int) -> str:
    return f"{key}{source}"


def test_keys_are_known_without_building() -> None:
    mapping = OnDemand({"a": 1, "b": 2}, build)
    assert list(mapping) == ["a", "b"]
    assert len(mapping) == 2
    assert "a" in mapping
    assert "c" not in mapping
    assert mapping.built == {}


def test_a_lookup_builds_one_value_once() -> None:
    calls: list[str] = []

    def counted(key: str, source: int) -> object:
        calls.append(key)
        return object()

    mapping = OnDemand({"a": 1, "b": 2}, counted)
    assert mapping["a"] is mapping["a"]
    assert calls == ["a"]


def test_a_key_without_a_source_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        OnDemand({"a": 1}, build)["b"]


def test_a_copy_has_all_values() -> None:
    mapping = OnDemand({"a": 1, "b": 2}, build)
    assert mapping.copy() == {"a": "a1", "b": "b2"}
    assert mapping.built == mapping.copy()


def test_a_value_that_was_built_meanwhile_is_kept() -> None:
    mapping: OnDemand[int, object]

    def racing(key: str, source: int) -> object:
        mapping.built.setdefault(key, "the other thread's")
        return "this thread's"

    mapping = OnDemand({"a": 1}, racing)
    assert mapping["a"] == "the other thread's"

"""The field that the API server names, as a place in the arguments of a mutation."""

from typing import Any

import pytest
from graphql import GraphQLInputField, GraphQLInputObjectType, GraphQLInt, GraphQLList, GraphQLString
from hypothesis import given
from hypothesis import strategies as st

from schema.input_paths import Written, input_path, operation_path
from schema.model import Scalar
from schema.scalars import SCALARS

JSON = SCALARS[Scalar.JSON]
STRING_MAP = SCALARS[Scalar.STRING_MAP]
PORT = GraphQLInputObjectType(
    "PortInput",
    {
        "name": GraphQLInputField(GraphQLString),
        "port": GraphQLInputField(GraphQLInt),
        "port_name": GraphQLInputField(GraphQLString, out_name="port-name"),
    },
)
SPEC = GraphQLInputObjectType(
    "SpecInput",
    {
        "replicas": GraphQLInputField(GraphQLInt),
        "ports": GraphQLInputField(GraphQLList(PORT)),
        "finalizers": GraphQLInputField(GraphQLList(GraphQLString)),
        "labels": GraphQLInputField(STRING_MAP),
        "any": GraphQLInputField(JSON),
    },
)
OBJECT = GraphQLInputObjectType("ObjectInput", {"spec": GraphQLInputField(SPEC)})
GIVEN: dict[str, Any] = {
    "spec": {
        "replicas": 1,
        "ports": [{"name": "a", "port": 80}, {"port": 81, "port-name": "x"}],
        "finalizers": ["a/b", "c"],
        "labels": {"a.b/c": "x"},
        "any": {"m": {"a.b/c": [{"d": 1}]}},
    }
}


def place(field: str, type_: Any = OBJECT, value: Any = GIVEN, what: Written = Written.OBJECT) -> Any:
    return input_path("object", type_, value, field, what)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("spec.replicas", ["spec", "replicas"]),
        (".spec.replicas", ["spec", "replicas"]),
        ("spec.ports[1].port", ["spec", "ports", 1, "port"]),
        ("spec.ports[1].port-name", ["spec", "ports", 1, "port_name"]),
        ('.spec.ports[port=81,protocol="TCP"].port-name', ["spec", "ports", 1, "port_name"]),
        ('.spec.ports[name="a"]', ["spec", "ports", 0]),
        ('.spec.finalizers[="c"]', ["spec", "finalizers", 1]),
        ("spec.labels[a.b/c]", ["spec", "labels", "a.b/c"]),
        (".spec.labels.a.b/c", ["spec", "labels", "a.b/c"]),
        ("spec.labels[new.key]", ["spec", "labels", "new.key"]),
        ("spec.any.m.a.b/c[0].d", ["spec", "any", "m", "a.b/c", 0, "d"]),
        ("spec.any.m.a.b/c[0].e", ["spec", "any", "m", "a.b/c", 0, "e"]),
        ("spec.ports.port", ["spec", "ports"]),
        ("spec.replicas.deeper", ["spec", "replicas"]),
        ("spec.ports[7].port", ["spec", "ports", 7, "port"]),
    ],
)
def test_a_field_has_a_place_in_the_object(field: str, path: list[str | int]) -> None:
    assert place(field) == ["object", *path]


@pytest.mark.parametrize(
    "field", ["", "<nil>", "spec.unknown", "status.phase", '.spec.ports[name="z"]', "..", "["]
)
def test_a_field_outside_of_the_object_has_none(field: str) -> None:
    assert place(field) is None


def test_a_required_value_that_is_missing_has_a_place() -> None:
    assert place("spec.replicas", value={}) == ["object", "spec", "replicas"]
    assert place("spec.ports[0].name", value={}) == ["object", "spec", "ports", 0, "name"]


def test_json_has_the_apis_own_keys() -> None:
    assert place("spec.ports[1].port-name", JSON) == ["object", "spec", "ports", 1, "port-name"]
    assert place("spec.labels[a.b/c]", JSON) == ["object", "spec", "labels", "a.b/c"]
    assert place("spec.new.field", JSON) == ["object", "spec", "new", "field"]


def test_a_patch_has_no_place_for_what_it_leaves_alone() -> None:
    patch = {"spec": {"replicas": 3, "ports": [{"port": 1}]}}
    for what in (Written.MERGE_PATCH, Written.STRATEGIC_PATCH):
        assert place("spec.replicas", value=patch, what=what) == ["object", "spec", "replicas"]
        assert place("spec.labels[a]", value=patch, what=what) is None
    at = ["object", "spec", "ports"]
    # a merge patch replaces the list as a whole
    assert place("spec.ports[0].name", value=patch, what=Written.MERGE_PATCH) == [*at, 0, "name"]
    assert place("spec.ports[0].name", value=patch, what=Written.STRATEGIC_PATCH) == at


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("spec.replicas", ["operations", 1, "value"]),
        ("spec.ports[0].name", ["operations", 2, "value", 0, "name"]),
        ("metadata.annotations[a/b]", ["operations", 3]),
        ("spec.template", ["operations", 4]),
        ("metadata.finalizers[1]", ["operations", 5, "value"]),
        ("status", None),
        ("<nil>", None),
    ],
)
def test_a_field_has_a_place_in_the_last_operation_that_changes_it(field: str, path: Any) -> None:
    operations = [
        {"op": "add", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": -1},
        {"op": "replace", "path": "/spec/ports", "value": [{"name": ""}]},
        {"op": "remove", "path": "/metadata/annotations/a~1b"},
        {"op": "replace", "path": "/spec/template/spec/nodeName", "value": "x"},
        {"op": "add", "path": "/metadata/finalizers/-", "value": "x"},
    ]
    assert operation_path(operations, field) == path


@given(st.text(), st.sampled_from(Written))
def test_any_text_has_a_place_or_none(field: str, what: Written) -> None:
    for type_ in (OBJECT, JSON):
        found = place(field, type_, what=what)
        assert found is None or found[0] == "object"
    operation_path([{"op": "add", "path": "/spec", "value": GIVEN["spec"]}], field)


values = st.recursive(
    st.none() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.from_regex(r"[a-z.]{1,4}", fullmatch=True).filter(
                lambda key: not key.startswith(".") and not key.endswith(".") and ".." not in key
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(values)
def test_every_value_in_json_is_found_by_the_apis_path(value: Any) -> None:
    for path, inner in _below(value, []):
        text = "".join(f"[{key}]" for key in path)
        if path:
            found = input_path("object", JSON, value, text, Written.OBJECT)
            assert found == ["object", *path], inner


def _below(value: Any, path: list[str | int]) -> Any:
    yield path, value
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield from _below(inner, [*path, key])

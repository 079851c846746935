"""``fieldOwners``: the paths in managedFields, written as the API server's conflicts write them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.field_owners import field_paths, read_field_owners

ODD_TEXT = "a\u00a0\u200b\x7fé\x00\U000e0001日"
CONTAINERS: dict[str, Any] = {
    ".": {},
    'k:{"name":"app"}': {
        ".": {},
        "f:image": {},
        "f:ports": {'k:{"protocol":"TCP","containerPort":80}': {".": {}, "f:name": {}}},
    },
}
DEPLOYMENT = {
    "f:metadata": {
        "f:labels": {"f:app": {}, "f:app.kubernetes.io/name": {}},
        "f:finalizers": {".": {}, 'v:"example.com/keep"': {}},
    },
    "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": CONTAINERS}}},
}


def test_paths_are_in_the_order_of_the_fields_and_places_of_their_own_are_paths() -> None:
    app = 'spec.template.spec.containers[name="app"]'
    assert field_paths(DEPLOYMENT) == [
        "metadata.labels.app",
        "metadata.labels.app.kubernetes.io/name",
        "metadata.finalizers",
        'metadata.finalizers[="example.com/keep"]',
        "spec.replicas",
        "spec.template.spec.containers",
        app,
        f"{app}.image",
        f'{app}.ports[containerPort=80,protocol="TCP"]',
        f'{app}.ports[containerPort=80,protocol="TCP"].name',
    ]


@pytest.mark.parametrize(
    ("element", "path"),
    [
        ("i:3", "[3]"),
        ("v:true", "[=true]"),
        ("v:null", "[=null]"),
        ("v:12345678901234567890", "[=12345678901234567890]"),
        ("v:1.25", "[=1.25]"),
        ("v:80.0", "[=80]"),
        ("v:0.0", "[=0]"),
        ("v:1e5", "[=100000]"),
        ("v:1234567.5", "[=1.2345675e+06]"),
        ("v:1.5e22", "[=1.5e+22]"),
        ("v:-0.00001", "[=-1e-05]"),
        ('v:[1,"a"]', '[=[1,"a"]]'),
        ('v:{"a":1}', "[=a=1]"),
        ('k:{"b":"\\u0007\\"\\\\","a":false}', '[a=false,b="\\a\\"\\\\"]'),
        ("v:" + json.dumps(ODD_TEXT), '[="a\\u00a0\\u200b\\x7fé\\x00\\U000e0001日"]'),
    ],
)
def test_a_value_is_written_as_gos_formatter_writes_it(element: str, path: str) -> None:
    assert field_paths({"f:spec": {element: {}}}) == [f"spec{path}"]


def test_elements_of_a_later_version_are_left_out() -> None:
    assert field_paths({"f:a": {"x:later": {"f:b": {}}, "f:c": {}}}) == ["a.c"]


def owners_of(managed_fields: Any) -> list[dict[str, Any]]:
    (owners,) = read_field_owners([msgspec.Raw(msgspec.json.encode(managed_fields))])
    return owners


def test_an_entry_without_a_value_has_null() -> None:
    entry = {"manager": "m", "operation": "Update", "subresource": "", "fieldsV1": {}}
    owner: dict[str, Any] = {
        "manager": "m",
        "operation": "Update",
        "subresource": None,
        "time": None,
        "paths": [],
    }

    assert owners_of([entry]) == [owner]
    assert owners_of([{**entry, "fieldsV1": None}]) == [owner]
    assert owners_of(None) == owners_of([]) == []


@pytest.mark.parametrize(
    "managed_fields",
    [
        {},
        "text",
        [1],
        [{"manager": 1}],
        [{"fieldsV1": []}],
        [{"fieldsV1": {"f:a": 1}}],
        [{"fieldsV1": {"k:[]": {}}}],
        [{"fieldsV1": {"v:nonsense": {}}}],
        [{"fieldsV1": {"f:a": {"f:b": None}}}],
    ],
)
def test_other_json_is_refused(managed_fields: Any) -> None:
    with pytest.raises(msgspec.DecodeError):
        owners_of(managed_fields)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
elements = st.one_of(
    st.text().map(lambda name: f"f:{name}"),
    st.dictionaries(st.text(), values, min_size=1, max_size=3).map(lambda keys: f"k:{json.dumps(keys)}"),
    values.map(lambda value: f"v:{json.dumps(value)}"),
    st.integers(0, 99).map(lambda index: f"i:{index}"),
)
paths = st.lists(elements, min_size=1, max_size=4).map(tuple)


def nested(owned: frozenset[tuple[str, ...]]) -> dict[str, Any]:
    """The paths as FieldsV1: an element of ``.`` where a path and a path below it are owned."""
    tree: dict[str, Any] = {}
    for path in owned:
        place = tree
        for element in path:
            place = place.setdefault(element, {})
        place["."] = {}
    return _without_lone_dots(tree)


def _without_lone_dots(tree: dict[str, Any]) -> dict[str, Any]:
    return {
        element: {} if below == {".": {}} else _without_lone_dots(below) for element, below in tree.items()
    }


@given(st.frozensets(paths, max_size=6))
def test_each_owned_path_is_one_text(owned: frozenset[tuple[str, ...]]) -> None:
    assert len(field_paths(nested(owned))) == len(owned)


@given(values)
def test_texts_are_printable(value: Any) -> None:
    (path,) = field_paths({f"v:{json.dumps(value)}": {}})

    if not isinstance(value, dict):  # the keys of an object are written as they are
        assert path.isprintable() or not isinstance(value, str)


@given(st.recursive(values, lambda inner: st.dictionaries(elements, inner, max_size=3)))
def test_any_json_is_read_or_refused(fields: Any) -> None:
    try:
        texts = [text for owner in owners_of([{"fieldsV1": fields}]) for text in owner["paths"]]
    except msgspec.DecodeError:
        return
    assert all(isinstance(text, str) for text in texts)

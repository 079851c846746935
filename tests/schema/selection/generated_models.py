"""Hypothesis strategies for models, and for JSON of a model's types."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from schema.building.object_types import LIST_META, OBJECT_META
from schema.model import (
    Definition,
    ListOf,
    Model,
    ObjectType,
    Property,
    Scalar,
    ServedResource,
    TypeExpression,
)
from schema.resources import GroupVersionKind, GroupVersionResource, Resource

Draw = Callable[[st.SearchStrategy[Any]], Any]

KIND = GroupVersionKind("example.io", "v1", "Thing")
THING = "Thing"
SERVED = ServedResource(
    Resource(GroupVersionResource("example.io", "v1", "things"), KIND, True, "thing", frozenset(), True),
    object=THING,
    list_name="ThingList",
    event_name="ThingEvent",
    pinned={},
)
TYPE_META = (Property("apiVersion", "apiVersion", Scalar.STRING), Property("kind", "kind", Scalar.STRING))
OBJECT_META_TYPE = ObjectType(
    OBJECT_META,
    "ObjectMeta",
    "ObjectMetaInput",
    (
        Property("name", "name", Scalar.STRING),
        Property("labels", "labels", Scalar.STRING_MAP),
        Property("annotations", "annotations", Scalar.STRING_MAP),
        Property("generation", "generation", Scalar.INT64),
        Property("creationTimestamp", "creationTimestamp", Scalar.DATE_TIME),
        Property("managedFields", "managedFields", ListOf(Scalar.JSON)),
    ),
)
LIST_META_TYPE = ObjectType(
    LIST_META,
    "ListMeta",
    "ListMetaInput",
    (
        Property("continue", "continue", Scalar.STRING),
        Property("resourceVersion", "resourceVersion", Scalar.STRING),
        Property("remainingItemCount", "remainingItemCount", Scalar.INT64),
    ),
)

# GraphQL name and Kubernetes' key: Python's keywords, msgspec's and our own words, keys that GraphQL forbids
NAMES = {
    "class": "class",
    "from": "from",
    "None": "None",
    "self": "self",
    "field0": "field0",
    "struct_config": "struct_config",
    "x_kubernetes_group": "x-kubernetes-group",
    "_ref": "$ref",
    "with_space": "with space",
    "_hash": "#",
    "dotted": "a.b/c",
    "umlaut": "größe",
    "typename": "__typename",
    "nameless": "",
    "quoted": 'say "x"',
}


PARTS = ["T0", "T1", "T2"]


def expressions(ids: list[str]) -> st.SearchStrategy[TypeExpression]:
    single = st.one_of(st.sampled_from(Scalar), st.sampled_from([Definition(id_) for id_ in ids]))
    listed = st.builds(ListOf, single)
    return st.one_of(single, single, listed, st.builds(ListOf, listed))


EXPRESSIONS = expressions(PARTS)


@st.composite
def models(draw: st.DrawFn, *, compilable: bool = True) -> Model:
    """One kind, ``Thing``, and types that it may have parts of, recursive ones included."""
    names = [name for name in NAMES if not (compilable and '"' in NAMES[name])]
    objects = [OBJECT_META_TYPE, LIST_META_TYPE]
    several = st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=5)
    for id_ in [THING, *PARTS]:
        properties = tuple(Property(NAMES[name], name, draw(EXPRESSIONS)) for name in draw(several))
        if id_ == THING:
            metadata = Property("metadata", "metadata", Definition(OBJECT_META))
            objects.append(ObjectType(id_, id_, id_, (*TYPE_META, metadata, *properties), "", kinds=(KIND,)))
        else:
            objects.append(ObjectType(id_, id_, f"{id_}Input", properties))
    return Model({item.id: item for item in objects}, (SERVED,))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
INTEGERS = {
    Scalar.INT: st.integers(-(2**31), 2**31 - 1),
    Scalar.INT64: st.integers(-(2**63), 2**63 - 1),
}
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS[Scalar.INT64] | st.floats(-1e9, 1e9, width=32) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
LEAVES: dict[Scalar, st.SearchStrategy[Any]] = {
    Scalar.STRING: TEXT,
    Scalar.BOOLEAN: st.booleans(),
    Scalar.INT: INTEGERS[Scalar.INT],
    Scalar.FLOAT: st.floats(allow_nan=False, allow_infinity=False) | INTEGERS[Scalar.INT],
    Scalar.INT64: INTEGERS[Scalar.INT64],
    Scalar.DATE_TIME: st.sampled_from(["2026-01-31T09:30:00Z", "2026-01-31T09:30:00.123456Z"]),
    Scalar.BASE64: st.sampled_from(["", "aGk="]),
    Scalar.QUANTITY: st.sampled_from(["100m", "1.5Gi", "2e3"]),
    Scalar.INT_OR_STRING: INTEGERS[Scalar.INT] | TEXT,
    Scalar.STRING_MAP: st.dictionaries(st.sampled_from(["app", "tier", ""]), st.none() | TEXT, max_size=2),
    Scalar.JSON: JSON_VALUES,
}
MISFITS = st.sampled_from(
    [
        "",
        "12",
        "x",
        True,
        False,
        0,
        7,
        -1.0,
        1.5,
        2**31,
        -(2**63) - 1,
        2**70,
        {},
        {"app": 1},
        [],
        [None],
        [[{}]],
    ]
)


class Vocabulary:
    """The properties that a case uses: all of a small type, a few of a large one."""

    def __init__(self, draw: Draw, model: Model, most: int = 6) -> None:
        self._draw = draw
        self._most = most
        self._chosen: dict[str, tuple[Property, ...]] = {}
        self.model = model

    def of(self, id_: str) -> tuple[Property, ...]:
        """The properties of ``model.objects[id_]`` that are used, chosen once."""
        if id_ not in self._chosen:
            properties = self.model.objects[id_].properties
            few = st.lists(st.sampled_from(properties), unique_by=lambda item: item.key, max_size=self._most)
            self._chosen[id_] = properties if len(properties) <= self._most else tuple(self._draw(few))
        return self._chosen[id_]


class Objects:
    """Draws JSON for the types of a model; with ``misfits``, sometimes a value of another type."""

    def __init__(self, draw: Draw, vocabulary: Vocabulary, *, misfits: bool) -> None:
        self._draw = draw
        self._vocabulary = vocabulary
        self._misfits = misfits

    def object(self, served: ServedResource) -> dict[str, Any]:
        """An object of that kind, as a GET answers."""
        kind = served.resource.kind
        drawn = self._object(served.object, 4)
        return {**drawn, "apiVersion": kind.api_version, "kind": kind.kind}

    def list(self, served: ServedResource) -> dict[str, Any]:
        """As the API server lists: no ``apiVersion`` and ``kind`` in the items of built-in kinds."""
        items = [self.object(served) for _ in range(self._draw(st.integers(0, 2)))]
        if self._draw(st.booleans()):
            items = [{key: item[key] for key in item if key not in ("apiVersion", "kind")} for item in items]
        kind = served.resource.kind
        return {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.api_version,
            "metadata": self._object(LIST_META, 4),
            "items": items,
        }

    def _object(self, id_: str, depth: int) -> dict[str, Any]:
        properties = self._vocabulary.of(id_) if depth > 0 else ()
        present = [item for item in properties if self._draw(st.integers(0, 3))]
        drawn = {item.key: self._value(item.type, depth) for item in present}
        if self._draw(st.booleans()):
            drawn["unknown"] = self._draw(JSON_VALUES)
        if self._draw(st.integers(0, 3)):
            drawn.pop("__typename", None)
        return drawn

    def _value(self, expression: TypeExpression, depth: int) -> Any:
        chance = self._draw(st.integers(0, 9))
        if chance == 0:
            return None
        if chance in (1, 2) and self._misfits:
            return self._draw(MISFITS)
        match expression:
            case Definition(id=id_):
                return self._object(id_, depth - 1)
            case ListOf(items=items):
                return [self._value(items, depth) for _ in range(self._draw(st.integers(0, 2)))]
            case scalar:
                return self._draw(LEAVES[scalar])

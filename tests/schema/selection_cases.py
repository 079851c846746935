"""Models, objects and documents by chance, and a schema whose root fields answer both ways.

``answer`` runs a document as the gateway does: compiled, and by graphql-core where the JSON does not fit;
``answer_by_execution`` runs it by graphql-core alone. The tests compare the two.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    execute_sync,
    parse,
)
from hypothesis import strategies as st

from gateway.execution.executor import CompiledExecutor
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
from schema.selection import Compiled, Selection, SelectionMismatch
from schema.selection_compile import compile_list, compile_object
from schema.types import LIST_META, OBJECT_META, ObjectTypes
from schema.wrappers import Wrappers

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
    "quoted": 'say "x"',
}


# --- models ---------------------------------------------------------------------------------------------


def expressions(ids: list[str]) -> st.SearchStrategy[TypeExpression]:
    single = st.one_of(st.sampled_from(Scalar), st.sampled_from([Definition(id_) for id_ in ids]))
    listed = st.builds(ListOf, single)
    return st.one_of(single, single, listed, st.builds(ListOf, listed))


@st.composite
def models(draw: st.DrawFn, *, compilable: bool = True) -> Model:
    """One kind, ``Thing``, and types that it may have parts of, recursive ones included."""
    ids = ["T0", "T1", "T2"]
    names = [name for name in NAMES if not (compilable and '"' in NAMES[name])]
    objects = [OBJECT_META_TYPE, LIST_META_TYPE]
    for id_ in [THING, *ids]:
        chosen = draw(st.lists(st.sampled_from(names), unique=True, min_size=1, max_size=5))
        properties = tuple(Property(NAMES[name], name, draw(expressions(ids))) for name in chosen)
        if id_ == THING:
            metadata = Property("metadata", "metadata", Definition(OBJECT_META))
            objects.append(ObjectType(id_, id_, id_, (*TYPE_META, metadata, *properties), "", kinds=(KIND,)))
        else:
            objects.append(ObjectType(id_, id_, f"{id_}Input", properties))
    return Model({each.id: each for each in objects}, (SERVED,))


# --- objects --------------------------------------------------------------------------------------------

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


@dataclass(frozen=True)
class Objects:
    """Draws JSON for the types of a model; with ``misfits``, now and then something else instead."""

    model: Model
    misfits: bool

    def value(self, draw: st.DrawFn, expression: TypeExpression, depth: int) -> Any:
        chance = draw(st.integers(0, 9))
        if chance == 0:
            return None
        if chance in (1, 2) and self.misfits:
            return draw(MISFITS)
        match expression:
            case Definition(id=id_):
                return self.object(draw, id_, depth - 1)
            case ListOf(items=items):
                return [self.value(draw, items, depth) for _ in range(draw(st.integers(0, 2)))]
            case scalar:
                return draw(LEAVES[scalar])

    def object(self, draw: st.DrawFn, id_: str, depth: int) -> dict[str, Any]:
        properties = self.model.objects[id_].properties
        present = [each for each in properties if depth > 0 and draw(st.integers(0, 3))]
        drawn = {each.key: self.value(draw, each.type, depth) for each in present}
        if draw(st.booleans()):
            drawn["unknown"] = draw(JSON_VALUES)
        drawn.pop("__typename", None) if draw(st.integers(0, 3)) else None
        return drawn

    def thing(self, draw: st.DrawFn) -> dict[str, Any]:
        drawn = self.object(draw, THING, 3)
        return {**drawn, "apiVersion": KIND.api_version, "kind": KIND.kind}

    def list(self, draw: st.DrawFn) -> dict[str, Any]:
        """As the API server lists: no ``apiVersion`` and ``kind`` in the items of built-in kinds."""
        items = [self.thing(draw) for _ in range(draw(st.integers(0, 2)))]
        if draw(st.booleans()):
            items = [{key: item[key] for key in item if key not in ("apiVersion", "kind")} for item in items]
        metadata = self.object(draw, LIST_META, 4)
        return {"kind": "ThingList", "apiVersion": KIND.api_version, "metadata": metadata, "items": items}


# --- documents ------------------------------------------------------------------------------------------

DIRECTIVES = st.sampled_from(
    ["", "", "", "", " @include(if: $yes)", " @skip(if: $no)", " @include(if: $no)", " @skip(if: false)"]
)


class Documents:
    """Writes selections; one name always has one meaning, so that everything written can be merged."""

    def __init__(self, draw: st.DrawFn, types: dict[str, GraphQLObjectType]) -> None:
        self._draw = draw
        self._types = types
        self._fragments: dict[str, str] = {}

    def document(self, root: str) -> str:
        selection = self.selection(root, 5)
        field = "things" if root == "ThingList" else "thing"
        operation = f"query ($yes: Boolean!, $no: Boolean! = false, $key: String!) {{ {field} {selection} }}"
        return "\n".join([operation, *self._fragments.values()])

    def selection(self, type_name: str, depth: int) -> str:
        parts = [self._part(type_name, depth) for _ in range(self._draw(st.integers(1, 4)))]
        return "{ __typename " + " ".join(parts) + " }"

    def _part(self, type_name: str, depth: int) -> str:
        kind = self._draw(st.integers(0, 9)) if depth > 0 else 9
        directive = self._draw(DIRECTIVES)
        if kind == 0:
            condition = self._draw(st.sampled_from([f" on {type_name}", ""]))
            return f"...{condition}{directive} {self.selection(type_name, depth - 1)}"
        if kind == 1 and type_name == THING:
            return f"... on KubernetesObject{directive} {self._interface_selection(depth)}"
        if kind in (1, 2):
            return self._spread(type_name, directive, depth)
        if kind == 3:
            return self._draw(st.sampled_from(["__typename", "kindOfThing: __typename", "name: __typename"]))
        return self._field(type_name, directive, depth)

    def _interface_selection(self, depth: int) -> str:
        metadata = self.selection("ObjectMeta", depth - 1)
        return self._draw(
            st.sampled_from(["{ kind }", "{ apiVersion a: kind }", f"{{ metadata {metadata} }}"])
        )

    def _spread(self, type_name: str, directive: str, depth: int) -> str:
        name = f"Of{type_name}{self._draw(st.integers(0, 1))}"
        if name not in self._fragments:
            self._fragments[name] = ""  # being written: one that spread itself would not be valid
            self._fragments[name] = f"fragment {name} on {type_name} {self.selection(type_name, depth - 2)}"
        return f"...{name}{directive}" if self._fragments[name] else "__typename"

    def _field(self, type_name: str, directive: str, depth: int) -> str:
        fields = {
            name: field
            for name, field in self._types[type_name].fields.items()
            if name not in ("json", "yaml")
        }
        name = self._draw(st.sampled_from(sorted(fields)))
        alias = self._draw(st.sampled_from(["", "", "", f"a_{name}: ", f"b_{name}: "]))
        if name in ("label", "annotation"):
            key = self._draw(st.sampled_from(['"app"', '"none"', "$key"]))
            return f"by{key.strip('$').strip(chr(34))}_{name}: {name}(key: {key}){directive}"
        below = str(fields[name].type).strip("[]!")
        if below not in self._types:
            return f"{alias}{name}{directive}"
        if depth <= 0:
            return "__typename"
        return f"{alias}{name}{directive} {self.selection(below, depth - 1)}"


# --- running --------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A schema over one body, answered both ways; ``compiled`` and ``fitted`` tell of the last answer."""

    schema: GraphQLSchema
    run: Callable[[GraphQLResolveInfo[Any]], Any]
    compiled: Selection | None = None
    fitted: bool = False

    def answer(self, document: str, variables: dict[str, Any]) -> ExecutionResult:
        return self._execute(document, variables, self.run)

    def answer_by_execution(self, document: str, variables: dict[str, Any]) -> ExecutionResult:
        return self._execute(document, variables, None)

    def _execute(self, document: str, variables: dict[str, Any], run: Any) -> ExecutionResult:
        return execute_sync(
            self.schema, parse(document), run, variable_values=variables, executor_class=CompiledExecutor
        )


def case(model: Model, body: dict[str, Any]) -> Case:
    """The schema of ``things`` and ``thing``, both answered from ``body``."""
    types = ObjectTypes(model)

    def resolve(run: Any, info: GraphQLResolveInfo[Any]) -> Any:
        plain = _filled(body)
        answer = None if run is None else run(info)
        return plain if answer is None else answer

    fields = {
        "things": GraphQLField(Wrappers(types).list_of(SERVED), resolve=resolve),
        "thing": GraphQLField(types.output(THING), resolve=resolve),
    }
    made = Case(GraphQLSchema(GraphQLObjectType("Query", fields)), lambda _info: None)

    def run(info: GraphQLResolveInfo[Any]) -> Compiled | None:
        compile_answer = compile_list if info.field_name == "things" else compile_object
        made.compiled, made.fitted = compile_answer(info, KIND), False
        if made.compiled is None:
            return None
        try:
            value = made.compiled.decode(json.dumps(body, ensure_ascii=False).encode())
        except SelectionMismatch:
            return None
        made.fitted = True
        return Compiled(value)

    made.run = run
    return made


def object_types(schema: GraphQLSchema) -> dict[str, GraphQLObjectType]:
    return {
        name: type_
        for name, type_ in schema.type_map.items()
        if isinstance(type_, GraphQLObjectType) and not name.startswith("__") and name != "Query"
    }


def normalised(result: ExecutionResult) -> str:
    """The response as JSON, keys in their order, spacing and spelling of numbers aside."""
    errors = [error.formatted for error in result.errors or ()]
    return json.dumps(json.loads(msgspec.json.encode({"data": result.data, "errors": errors})))


def _filled(body: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(body.get("items"), list):
        return body
    type_meta = {"apiVersion": KIND.api_version, "kind": KIND.kind}
    return {**body, "items": [{**type_meta, **item} for item in body["items"]]}

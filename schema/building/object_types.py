"""The objects of the model as graphql-core types: one output type and one input type each.

Field names are Kubernetes' own. Where GraphQL forbids a name, the field reads and writes the original key
(``resolve`` for output, ``out_name`` for input) and its description gives the key. Output fields are nullable
and input fields optional: an API server may omit a value that its OpenAPI requires (design section 4,
"Values").

A description is the API's own text, then the facts that GraphQL's types cannot express: the original key,
whether the API requires the property, its default and its allowed values. Enums are open in Kubernetes (API
conventions, "Constants"), hence the allowed values are words and not a GraphQL enum.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLFieldMap,
    GraphQLFieldResolver,
    GraphQLInputField,
    GraphQLInputFieldMap,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
)
from graphql.type.definition import resolve_thunk

from schema.building.computed_fields import build_document_fields, build_entry_fields
from schema.memory import OwnedType, empty, release_types
from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, TypeExpression
from schema.resources import GroupVersionKind
from schema.scalars import SCALARS

__all__ = ["LIST_META", "OBJECT_META", "ObjectTypes", "TrustedObjectType"]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_OBJECT_KEYS = ("apiVersion", "kind", "metadata")


# graphql-core checks every character of every name in Python, which takes half of the time to build a schema.
# The model's names are valid by construction (schema.names, proven with Hypothesis), and validate_schema
# checks all of them once more before a schema is served. The three classes skip the first check.


class TrustedObjectType(GraphQLObjectType):
    """An output type whose names are known to be valid; its fields are GraphQLField, never bare types."""

    @cached_property
    def fields(self) -> GraphQLFieldMap:
        """The fields by name."""
        fields: GraphQLFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # never bare types
        self._fields = fields  # drops the thunk, which references all types of the schema
        return fields


class _TrustedInterfaceType(GraphQLInterfaceType):
    @cached_property
    def fields(self) -> GraphQLFieldMap:
        fields: GraphQLFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # as above
        self._fields = fields
        return fields


class _TrustedInputType(GraphQLInputObjectType):
    @cached_property
    def fields(self) -> GraphQLInputFieldMap:
        fields: GraphQLInputFieldMap = resolve_thunk(self._fields)  # type: ignore[arg-type]  # as above
        self._fields = fields
        return fields


class ObjectTypes:
    """The graphql-core types of a model's objects, each built once, on first use.

    Types of ``before`` are reused if they are equal together with everything that they refer to, so that no
    type leads to a type of another model. A type does not change once it has its fields, and does not
    reference its schema. Hold the ObjectTypes while you use a type (:mod:`schema.memory`).
    """

    def __init__(self, model: Model, before: "ObjectTypes | None" = None) -> None:
        self._model = model
        self._names_by_kind = {
            kind: object_type.name for object_type in model.objects.values() for kind in object_type.kinds
        }
        self._outputs: dict[str, OwnedType[GraphQLObjectType]] = {}
        self._inputs: dict[str, OwnedType[GraphQLInputObjectType]] = {}
        self.interface: GraphQLInterfaceType = self._build_interface()
        if before is not None:
            self._reuse(before)

    def _reuse(self, before: "ObjectTypes") -> None:
        unchanged = _unchanged_objects(before._model.objects, self._model.objects)
        self._outputs.update((id_, owned) for id_, owned in before._outputs.items() if id_ in unchanged)
        self._inputs.update((id_, owned) for id_, owned in before._inputs.items() if id_ in unchanged)
        if OBJECT_META in unchanged:
            self.interface = before.interface

    def output(self, id: str) -> GraphQLObjectType:  # noqa: A002 - the model's own word
        """The output type of ``model.objects[id]``. Raises KeyError."""
        if id not in self._outputs:
            self._outputs[id] = OwnedType(self._build_output(self._model.objects[id]))
        return self._outputs[id].type

    def input(self, id: str) -> GraphQLInputObjectType:  # noqa: A002 - the model's own word
        """The input type of ``model.objects[id]``. Raises KeyError."""
        if id not in self._inputs:
            self._inputs[id] = OwnedType(self._build_input(self._model.objects[id]))
        return self._inputs[id].type

    def name_of(self, kind: GroupVersionKind) -> str | None:
        """The name of the output type of a kind; None if the kind is not served."""
        return self._names_by_kind.get(kind)

    def release(self) -> None:
        """Drop all types. Types that no other schema owns are freed: nothing may use them any more.

        Takes long for a large schema; other threads run meanwhile.
        """
        release_types(self._outputs, self._inputs)
        empty(self)

    def _build_output(self, object_type: ObjectType) -> GraphQLObjectType:
        return TrustedObjectType(
            object_type.name,
            lambda: self._output_fields(object_type),
            interfaces=[self.interface] if self._is_kubernetes_object(object_type) else [],
            is_type_of=_is_json_object,
            description=object_type.description or None,
            extensions={"definition": object_type.id},
        )

    def _output_fields(self, object_type: ObjectType) -> dict[str, GraphQLField]:
        fields = _computed_fields(object_type)
        for property_ in object_type.properties:
            fields[property_.name] = GraphQLField(
                self._output_type(property_.type),
                resolve=_reader(property_.key),
                description=_describe_output(property_),
                deprecation_reason=property_.deprecation,
                extensions={"property": property_},
            )
        return fields

    def _output_type(self, expression: TypeExpression) -> GraphQLOutputType:
        match expression:
            case Definition(id=id_):
                return self.output(id_)
            case ListOf(items=items):
                return GraphQLList(self._output_type(items))
            case scalar:
                return SCALARS[scalar]

    def _build_input(self, object_type: ObjectType) -> GraphQLInputObjectType:
        return _TrustedInputType(
            object_type.input_name,
            lambda: {property_.name: self._input_field(property_) for property_ in object_type.properties},
            description=object_type.description or None,
            extensions={"definition": object_type.id},
            out_type=_with_empty_key(object_type),
        )

    def _input_field(self, property_: Property) -> GraphQLInputField:
        return GraphQLInputField(
            self._input_type(property_.type),
            out_name=property_.key if property_.key != property_.name else None,
            description=_describe_input(property_),
            deprecation_reason=property_.deprecation,
        )

    def _input_type(self, expression: TypeExpression) -> GraphQLInputType:
        match expression:
            case Definition(id=id_):
                return self.input(id_)
            case ListOf(items=items):
                return GraphQLList(self._input_type(items))
            case scalar:
                return SCALARS[scalar]

    def _build_interface(self) -> GraphQLInterfaceType:
        return _TrustedInterfaceType(
            "KubernetesObject",
            lambda: {
                "apiVersion": GraphQLField(GraphQLString),
                "kind": GraphQLField(GraphQLString),
                "metadata": GraphQLField(self.output(OBJECT_META)),
            },
            resolve_type=_resolve_kind,
            description="The fields that all objects of the Kubernetes API have.",
        )

    def _is_kubernetes_object(self, object_type: ObjectType) -> bool:
        """Whether it is a kind whose ``apiVersion``, ``kind`` and ``metadata`` have the usual types."""
        properties = {property_.key: property_ for property_ in object_type.properties}
        return (
            bool(object_type.kinds)
            and all(key in properties and properties[key].name == key for key in _OBJECT_KEYS)
            and properties["metadata"].type == Definition(OBJECT_META)
            and OBJECT_META in self._model.objects
        )


def _resolve_kind(value: Mapping[str, Any], info: GraphQLResolveInfo[Any], _type: object) -> str | None:
    types: ObjectTypes = info.schema.extensions["types"]
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    return types.name_of(GroupVersionKind(group, version, str(value.get("kind", ""))))


def _computed_fields(object_type: ObjectType) -> dict[str, GraphQLField]:
    """The fields without a property; a property of the same name wins over them."""
    if object_type.id == OBJECT_META:
        return build_entry_fields()
    return build_document_fields() if object_type.kinds else {}


def _is_json_object(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
    return isinstance(value, dict)


@lru_cache(maxsize=4096)
def _reader(key: str) -> GraphQLFieldResolver:
    def read(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Any:
        return source.get(key)

    return read


def _with_empty_key(object_type: ObjectType) -> Callable[[dict[str, Any]], Any] | None:
    """Restores the key of a property with an empty key: graphql-core treats an empty ``out_name`` as none."""
    name = next((property_.name for property_ in object_type.properties if not property_.key), None)
    if name is None:
        return None
    return lambda given: {"" if key == name else key: value for key, value in given.items()}


def _describe_output(property_: Property) -> str | None:
    """The description of an output field, None if it is empty."""
    if property_.key == property_.name and not property_.enum:
        return property_.description or None
    return _join(property_.description, *_key(property_), *_allowed(property_))


def _describe_input(property_: Property) -> str | None:
    """The description of an input field: the output's, whether it is required, and its default."""
    return _join(
        property_.description,
        *_key(property_),
        *(["Required by the API."] if property_.required else []),
        *_default(property_),
        *_allowed(property_),
    )


def _join(*parts: str) -> str | None:
    return "\n\n".join(part for part in parts if part) or None


def _key(property_: Property) -> Iterator[str]:
    if property_.key != property_.name:
        yield f"In Kubernetes: `{property_.key}`."


def _default(property_: Property) -> Iterator[str]:
    if property_.default is not None and property_.default != {}:
        yield f"Default: `{json.dumps(property_.default, ensure_ascii=False)}`."


def _allowed(property_: Property) -> Iterator[str]:
    if property_.enum and property_.type is not Scalar.JSON:
        yield "One of: " + ", ".join(f"`{value}`" if value else '`""`' for value in property_.enum) + "."


def _unchanged_objects(before: Mapping[str, ObjectType], now: Mapping[str, ObjectType]) -> Collection[str]:
    """The ids of the objects that are equal in both models and refer only to such objects, at any depth."""
    reached = [id_ for id_, object_type in now.items() if before.get(id_) != object_type]
    changed = set(reached)
    referrers = _referrers(now)
    while reached:
        more = referrers.get(reached.pop(), set()) - changed
        changed |= more
        reached += more
    return now.keys() - changed


def _referrers(objects: Mapping[str, ObjectType]) -> Mapping[str, set[str]]:
    """By the id of each object, the ids of the objects that refer to it."""
    referrers: dict[str, set[str]] = {}
    for id_, object_type in objects.items():
        for target in _references(object_type):
            referrers.setdefault(target, set()).add(id_)
    return referrers


def _references(object_type: ObjectType) -> Iterator[str]:
    for property_ in object_type.properties:
        expression = property_.type
        while isinstance(expression, ListOf):
            expression = expression.items
        if isinstance(expression, Definition):
            yield expression.id

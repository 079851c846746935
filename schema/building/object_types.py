"""The objects of the model as graphql-core types: one output type and one input type each.

Field names are Kubernetes' own. Where GraphQL forbids a name, the field reads and writes the original key
(``resolve`` for output, ``out_name`` for input) and its description gives the key. Output fields are nullable
and input fields optional: an API server may omit a value that its OpenAPI requires.

A description is the API's own text, then the facts that GraphQL's types cannot express: the original key,
whether the API requires the property, its default and its allowed values. Enums are open in Kubernetes (API
conventions, "Constants"), hence the allowed values are words and not a GraphQL enum.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_named_type,
)
from graphql.type.definition import resolve_thunk

from schema.building.computed_fields import DecodedObject, Part, build_document_fields, build_entry_fields
from schema.building.health import HEALTH, build_any_health_field, build_health_field
from schema.building.object_tree import build_tree_node
from schema.building.on_demand import OnDemand
from schema.memory import empty, release_types
from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, TypeExpression
from schema.relations import Origin, Relation, RelationRule, Relations
from schema.resources import GroupVersionKind
from schema.scalars import SCALARS

__all__ = ["LIST_META", "OBJECT_META", "ObjectTypes", "TrustedObjectType", "leaf_of", "reachable_objects"]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_OBJECT_KEYS = ("apiVersion", "kind", "metadata")
_HEALTH = "health"


RelationFields = Callable[["ObjectTypes", Relation], GraphQLField]
"""Builds the field of a relation."""
_FieldSource = Property | GraphQLField | Relation

# graphql-core checks every character of every name in Python, which takes half of the time to build a type.
# The model's names are valid by construction (schema.names, proven with Hypothesis and, in the tests, by
# validate_schema). The classes skip the check of the fields' names.


class TrustedObjectType(GraphQLObjectType):
    """An output type whose names are known to be valid; its fields are GraphQLField, never bare types."""

    @cached_property
    def fields(self) -> GraphQLFieldMap:
        """The fields by name."""
        fields: GraphQLFieldMap = _resolve_fields(self)
        return fields


class _TrustedInterfaceType(GraphQLInterfaceType):
    @cached_property
    def fields(self) -> GraphQLFieldMap:
        fields: GraphQLFieldMap = _resolve_fields(self)
        return fields


class _TrustedInputType(GraphQLInputObjectType):
    @cached_property
    def fields(self) -> GraphQLInputFieldMap:
        fields: GraphQLInputFieldMap = _resolve_fields(self)
        return fields


def _resolve_fields(type_: Any) -> Any:
    # setdefault is atomic: several threads get the same fields
    return vars(type_).setdefault("fields", resolve_thunk(type_._fields))


class ObjectTypes:
    """The graphql-core types of a model's objects, each built once, on first use, in any thread.

    A type builds its fields on first use, too: an output type one by one, an input type all at once, because
    coercion reads all of them. No type references its schema. Hold the ObjectTypes while you use a type
    (:mod:`schema.memory`). ``relation_fields`` builds the fields of relations; without it there are none.
    """

    def __init__(
        self,
        model: Model,
        relation_fields: RelationFields | None = None,
        relation_rules: Sequence[RelationRule] = (),
    ) -> None:
        self._model = model
        self.relations = Relations(model, relation_rules)
        self._relation_fields = relation_fields
        self._names_by_kind = {
            kind: object_type.name
            for object_type in model.objects.values()
            if self.is_kubernetes_object(object_type)
            for kind in object_type.kinds
        }
        self._outputs = OnDemand(model.objects, self._build_output)
        self._inputs = OnDemand(model.objects, self._build_input)
        self.interface: GraphQLInterfaceType = self._build_interface()
        self.other: GraphQLObjectType = self._build_other()
        self.mixed_list: GraphQLObjectType = self._build_mixed_list()
        self.tree_node: GraphQLObjectType = build_tree_node(self.interface)

    @property
    def computed(self) -> list[GraphQLNamedType]:
        """The types of the fields that every kind has beside its properties."""
        return [HEALTH, *(get_named_type(field.type) for field in _DOCUMENT_FIELDS.values())]

    def has(self, id: str) -> bool:  # noqa: A002 - the model's own word
        """Whether the model has that object."""
        return id in self._outputs

    def output(self, id: str) -> GraphQLObjectType:  # noqa: A002 - the model's own word
        """The output type of ``model.objects[id]``. Raises KeyError."""
        return self._outputs[id]

    def input(self, id: str) -> GraphQLInputObjectType:  # noqa: A002 - the model's own word
        """The input type of ``model.objects[id]``. Raises KeyError."""
        return self._inputs[id]

    def name_of(self, kind: GroupVersionKind) -> str:
        """The name of the output type of a kind: that of ``other`` unless it implements the interface."""
        return self._names_by_kind.get(kind, self.other.name)

    def release(self) -> None:
        """Free all types: nothing may use them any more.

        Takes long if most types of a large schema are built; other threads run meanwhile.
        """
        release_types(self._outputs.built, self._inputs.built, {self.tree_node.name: self.tree_node})
        empty(self)

    def _build_output(self, _id: str, object_type: ObjectType) -> GraphQLObjectType:
        return TrustedObjectType(
            object_type.name,
            lambda: OnDemand(
                {**self._health_fields(object_type), **self._output_sources(object_type)}, self._build_field
            ),
            interfaces=[self.interface] if self.is_kubernetes_object(object_type) else [],
            is_type_of=_is_json_object,
            description=object_type.description or None,
            extensions={"definition": object_type.id},
        )

    def _health_fields(self, object_type: ObjectType) -> GraphQLFieldMap:
        """The field ``health`` of a kind with metadata; a property of the same name wins."""
        metadata = next((item.type for item in object_type.properties if item.key == "metadata"), None)
        if not object_type.kinds or metadata != Definition(OBJECT_META):
            return {}
        return {_HEALTH: build_health_field(object_type, self._model.health_rules)}

    def _output_sources(self, object_type: ObjectType) -> dict[str, _FieldSource]:
        has_relations = self._relation_fields is not None
        return _output_sources(object_type, self.relations.of(object_type.id) if has_relations else {})

    def _build_field(self, _name: str, source: _FieldSource) -> GraphQLField:
        if isinstance(source, GraphQLField):
            return source
        if isinstance(source, Relation):
            return self._relation_field(source)
        is_object = isinstance(leaf_of(source.type), Definition)
        return GraphQLField(
            self._output_type(source.type),
            resolve=_part_reader(source.key) if is_object else _reader(source.key),
            description=_describe_output(source),
            deprecation_reason=source.deprecation,
            extensions={"property": source},
        )

    def _output_type(self, expression: TypeExpression) -> GraphQLOutputType:
        match expression:
            case Definition(id=id_):
                return self.output(id_)
            case ListOf(items=items):
                return GraphQLList(self._output_type(items))
            case scalar:
                return SCALARS[scalar]

    def _build_input(self, _id: str, object_type: ObjectType) -> GraphQLInputObjectType:
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
            self._common_fields,
            resolve_type=_resolve_kind,
            description="The fields that all objects of the Kubernetes API have.",
        )

    def _build_other(self) -> GraphQLObjectType:
        return TrustedObjectType(
            "OtherObject",
            self._common_fields,
            interfaces=[self.interface],
            description="An object of a kind that this schema does not have, such as one that has just been"
            " installed, or of a kind with a field `json`, `yaml`, `health` or `fieldOwners` of its own.",
        )

    def _build_mixed_list(self) -> GraphQLObjectType:
        return TrustedObjectType(
            "KubernetesObjectList",
            lambda: {
                "items": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(self.interface)))),
            },
            description="Objects of several kinds.",
        )

    def _common_fields(self) -> GraphQLFieldMap:
        relations = self.relations.common.values() if self._relation_fields is not None else ()
        return {
            **{property_.name: self._build_field("", property_) for property_ in _COMMON_PROPERTIES},
            **_DOCUMENT_FIELDS,
            _HEALTH: build_any_health_field(self._model.health_rules),
            **{relation.name: self._relation_field(relation) for relation in relations},
        }

    def _relation_field(self, relation: Relation) -> GraphQLField:
        if self._relation_fields is None:
            raise TypeError("these types have no relations")
        return self._relation_fields(self, relation)

    def is_kubernetes_object(self, object_type: ObjectType) -> bool:
        """Whether it is a kind with the fields of the interface, in their usual types."""
        if not object_type.kinds or OBJECT_META not in self._model.objects or object_type.id == OBJECT_META:
            return False
        own = {property_.name for property_ in object_type.properties}
        if not own.isdisjoint((*_DOCUMENT_FIELDS, _HEALTH, *self.relations.common)):
            return False
        properties = {property_.key: property_ for property_ in object_type.properties}
        return all(key in properties and properties[key].name == key for key in _OBJECT_KEYS) and properties[
            "metadata"
        ].type == Definition(OBJECT_META)


def _resolve_kind(value: Mapping[str, Any], info: GraphQLResolveInfo[Any], _type: object) -> str:
    types: ObjectTypes = info.schema.extensions["types"]
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    return types.name_of(GroupVersionKind(group, version, str(value.get("kind", ""))))


def _output_sources(object_type: ObjectType, relations: Mapping[str, Relation]) -> dict[str, _FieldSource]:
    """The fields without a property, then the properties; a property of the same name wins."""
    sources: dict[str, _FieldSource] = dict(relations)
    if object_type.id == OBJECT_META:
        sources.update(_ENTRY_FIELDS)
    elif object_type.kinds:
        sources.update(_DOCUMENT_FIELDS)
    sources.update((property_.name, property_) for property_ in object_type.properties)
    return sources


_COMMON_PROPERTIES = (
    Property("apiVersion", "apiVersion", Scalar.STRING),
    Property("kind", "kind", Scalar.STRING),
    Property("metadata", "metadata", Definition(OBJECT_META)),
)
_ENTRY_FIELDS = build_entry_fields()
_DOCUMENT_FIELDS = build_document_fields()


def _is_json_object(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
    return isinstance(value, dict)


@lru_cache(maxsize=4096)
def _reader(key: str) -> GraphQLFieldResolver:
    def read(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Any:
        return source.get(key)

    return read


@lru_cache(maxsize=4096)
def _part_reader(key: str) -> GraphQLFieldResolver:
    """Reads JSON objects inside of an object, which keep the object's origin for their references."""

    def read(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Any:
        value = source.get(key)
        origin = source.origin if isinstance(source, DecodedObject | Part) else None
        return value if origin is None else _located(value, origin)

    return read


def _located(value: Any, origin: Origin) -> Any:
    if isinstance(value, dict):
        return Part(value, origin)
    return [_located(item, origin) for item in value] if isinstance(value, list) else value


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


def reachable_objects(objects: Mapping[str, ObjectType], ids: Iterable[str]) -> Mapping[str, ObjectType]:
    """The objects of the given ids and all to which they refer, at any depth, by id. Raises KeyError."""
    reached: dict[str, ObjectType] = {}
    open_ids = [iter(ids)]
    while open_ids:
        id_ = next(open_ids[-1], None)
        if id_ is None:
            open_ids.pop()
        elif id_ not in reached:
            reached[id_] = objects[id_]
            open_ids.append(_references(objects[id_]))
    return reached


def leaf_of(expression: TypeExpression) -> Scalar | Definition:
    """The type inside of all lists."""
    while isinstance(expression, ListOf):
        expression = expression.items
    return expression


def _references(object_type: ObjectType) -> Iterator[str]:
    for property_ in object_type.properties:
        if isinstance(leaf := leaf_of(property_.type), Definition):
            yield leaf.id

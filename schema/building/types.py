"""The model's objects as graphql-core types: one output type and one input type each.

Field names are Kubernetes' own; where GraphQL forbids one, the field reads and writes the original key
(``resolve`` for output, ``out_name`` for input) and its description gives it. Output fields are
nullable and input fields optional: an API server may leave out what its OpenAPI calls required
(design section 4, "Values").
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLFieldResolver,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLString,
)

from schema.building import named_types
from schema.building.descriptions import describe_input, describe_output
from schema.building.documents import json_field, yaml_field
from schema.building.unchanged import unchanged_objects
from schema.model import Definition, ListOf, Model, ObjectType, Property, TypeExpression
from schema.resources import GroupVersionKind
from schema.scalars import SCALARS

__all__ = ["LIST_META", "OBJECT_META", "ObjectTypes"]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
OBJECT_KEYS = ("apiVersion", "kind", "metadata")

Type = TypeVar("Type", GraphQLObjectType, GraphQLInputObjectType)


class _Made(Generic[Type]):
    """A type, which is taken apart when no :class:`ObjectTypes` has it any more.

    One that refers to itself is a cycle, which nothing else would free: no garbage collection looks at it.
    """

    __slots__ = ("type",)

    def __init__(self, type_: Type) -> None:
        self.type: Type = type_

    def __del__(self) -> None:
        vars(self.type).clear()


class ObjectTypes:
    """The graphql-core types of a model's objects, made when first asked for, each once.

    Those of ``before`` are used again where they are the same with all that they refer to, so that no type
    ever leads to one that this does not have. Once their fields are there, none of them changes, and none
    knows what schema it is of; whoever uses a type holds this meanwhile.
    """

    def __init__(self, model: Model, before: "ObjectTypes | None" = None) -> None:
        self._model = model
        self._names_by_kind = {kind: each.name for each in model.objects.values() for kind in each.kinds}
        self._outputs: dict[str, _Made[GraphQLObjectType]] = {}
        self._inputs: dict[str, _Made[GraphQLInputObjectType]] = {}
        self.interface: GraphQLInterfaceType = self._build_interface()
        if before is not None:
            self._use_again(before)

    def _use_again(self, before: "ObjectTypes") -> None:
        same = unchanged_objects(before._model.objects, self._model.objects)
        self._outputs.update((id_, each) for id_, each in before._outputs.items() if id_ in same)
        self._inputs.update((id_, each) for id_, each in before._inputs.items() if id_ in same)
        if OBJECT_META in same:
            self.interface = before.interface

    def output(self, id: str) -> GraphQLObjectType:  # noqa: A002 - the model's own word
        """The output type of ``model.objects[id]``; KeyError where the model has no such object."""
        if id not in self._outputs:
            self._outputs[id] = _Made(self._build_output(self._model.objects[id]))
        return self._outputs[id].type

    def input(self, id: str) -> GraphQLInputObjectType:  # noqa: A002 - the model's own word
        """The input type of ``model.objects[id]``; KeyError where the model has no such object."""
        if id not in self._inputs:
            self._inputs[id] = _Made(self._build_input(self._model.objects[id]))
        return self._inputs[id].type

    def name_of(self, kind: GroupVersionKind) -> str | None:
        """The name of the output type of a kind; None where it is not served."""
        return self._names_by_kind.get(kind)

    def release(self) -> None:
        """Let go of every type; nobody may use those any more that no other schema has.

        Other threads get their turns meanwhile.
        """
        for types in (self._outputs, self._inputs):
            while types:
                types.popitem()
        vars(self).clear()

    def _build_output(self, object_type: ObjectType) -> GraphQLObjectType:
        return named_types.ObjectType(
            object_type.name,
            lambda: self._output_fields(object_type),
            interfaces=[self.interface] if self._is_kubernetes_object(object_type) else [],
            is_type_of=_is_json_object,
            description=object_type.description or None,
            extensions={"definition": object_type.id},
        )

    def _output_fields(self, object_type: ObjectType) -> dict[str, GraphQLField]:
        fields = _computed_fields(object_type)
        for each in object_type.properties:
            fields[each.name] = GraphQLField(
                self._output_type(each.type),
                resolve=_reader(each.key),
                description=describe_output(each),
                deprecation_reason=each.deprecation,
                extensions={"property": each},
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
        return named_types.InputObjectType(
            object_type.input_name,
            lambda: {each.name: self._input_field(each) for each in object_type.properties},
            description=object_type.description or None,
            extensions={"definition": object_type.id},
            out_type=_with_nameless(object_type),
        )

    def _input_field(self, property_: Property) -> GraphQLInputField:
        return GraphQLInputField(
            self._input_type(property_.type),
            out_name=property_.key if property_.key != property_.name else None,
            description=describe_input(property_),
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
        return named_types.InterfaceType(
            "KubernetesObject",
            lambda: {
                "apiVersion": GraphQLField(GraphQLString),
                "kind": GraphQLField(GraphQLString),
                "metadata": GraphQLField(self.output(OBJECT_META)),
            },
            resolve_type=_resolve_kind,
            description="What every object of the Kubernetes API has, whatever its kind.",
        )

    def _is_kubernetes_object(self, object_type: ObjectType) -> bool:
        """Whether it is a kind whose ``apiVersion``, ``kind`` and ``metadata`` have the usual types."""
        keys = {each.key: each for each in object_type.properties}
        return (
            bool(object_type.kinds)
            and all(key in keys and keys[key].name == key for key in OBJECT_KEYS)
            and keys["metadata"].type == Definition(OBJECT_META)
            and OBJECT_META in self._model.objects
        )


def _resolve_kind(value: Mapping[str, Any], info: GraphQLResolveInfo[Any], _type: object) -> str | None:
    types: ObjectTypes = info.schema.extensions["types"]
    group, _, version = str(value.get("apiVersion", "")).rpartition("/")
    return types.name_of(GroupVersionKind(group, version, str(value.get("kind", ""))))


def _computed_fields(object_type: ObjectType) -> dict[str, GraphQLField]:
    """Fields that Kubernetes has no property for; a property of the same name wins over them."""
    if object_type.id == OBJECT_META:
        return {
            "label": _entry_field("labels", "label"),
            "annotation": _entry_field("annotations", "annotation"),
        }
    return {"yaml": yaml_field(), "json": json_field()} if object_type.kinds else {}


def _entry_field(key_of_map: str, noun: str) -> GraphQLField:
    def resolve(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any], key: str) -> Any:
        return (source.get(key_of_map) or {}).get(key)

    return GraphQLField(
        GraphQLString,
        args={"key": GraphQLArgument(GraphQLNonNull(GraphQLString))},
        resolve=resolve,
        description=f"The value of one {noun}; null where the object does not have it.",
        extensions={"entries_of": key_of_map},
    )


def _with_nameless(object_type: ObjectType) -> Callable[[dict[str, Any]], Any] | None:
    """Gives a property without a name that name back; graphql-core takes an empty ``out_name`` for none."""
    name = next((each.name for each in object_type.properties if not each.key), None)
    if name is None:
        return None
    return lambda given: {"" if key == name else key: value for key, value in given.items()}


@lru_cache(maxsize=4096)
def _reader(key: str) -> GraphQLFieldResolver:
    def read(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Any:
        return source.get(key)

    return read


def _is_json_object(value: Any, _info: GraphQLResolveInfo[Any]) -> bool:
    return isinstance(value, dict)

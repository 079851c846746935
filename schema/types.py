"""The model's objects as graphql-core types: one output type and one input type each.

Field names are Kubernetes' own; where GraphQL forbids one, the field reads and writes the original key
(``resolve`` for output, ``out_name`` for input) and its description gives it. Output fields are
nullable and input fields optional: an API server may leave out what its OpenAPI calls required
(design section 4, "Values").
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

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

from schema import named_types
from schema.descriptions import describe_input, describe_output
from schema.documents import json_field, yaml_field
from schema.model import Definition, ListOf, Model, ObjectType, Property, TypeExpression
from schema.resources import GroupVersionKind
from schema.scalars import SCALARS

__all__ = ["LIST_META", "OBJECT_META", "ObjectTypes"]

OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
OBJECT_KEYS = ("apiVersion", "kind", "metadata")


class ObjectTypes:
    """The graphql-core types of a model's objects, made when first asked for, each once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._outputs: dict[str, GraphQLObjectType] = {}
        self._inputs: dict[str, GraphQLInputObjectType] = {}
        self._names_by_kind = {kind: each.name for each in model.objects.values() for kind in each.kinds}
        self.interface = self._build_interface()

    def output(self, id: str) -> GraphQLObjectType:  # noqa: A002 - the model's own word
        """The output type of ``model.objects[id]``; KeyError where the model has no such object."""
        if id not in self._outputs:
            self._outputs[id] = self._build_output(self._model.objects[id])
        return self._outputs[id]

    def input(self, id: str) -> GraphQLInputObjectType:  # noqa: A002 - the model's own word
        """The input type of ``model.objects[id]``; KeyError where the model has no such object."""
        if id not in self._inputs:
            self._inputs[id] = self._build_input(self._model.objects[id])
        return self._inputs[id]

    def release(self) -> None:
        """Take the types apart, so that they are freed without a garbage collection: they are one big cycle.

        Nobody may use any of them any more. Other threads get their turns meanwhile.
        """
        for types in (self._outputs, self._inputs):
            while types:
                _, each = types.popitem()
                # a cached property, there if it was ever asked for
                vars(each).pop("fields", None)
                each._fields = {}
        # the interface holds this object, which holds the interface, and the model
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
        return GraphQLInterfaceType(
            "KubernetesObject",
            lambda: {
                "apiVersion": GraphQLField(GraphQLString),
                "kind": GraphQLField(GraphQLString),
                "metadata": GraphQLField(self.output(OBJECT_META)),
            },
            resolve_type=self._resolve_kind,
            description="What every object of the Kubernetes API has, whatever its kind.",
        )

    def _resolve_kind(
        self, value: Mapping[str, Any], _info: GraphQLResolveInfo[Any], _type: object
    ) -> str | None:
        group, _, version = str(value.get("apiVersion", "")).rpartition("/")
        return self._names_by_kind.get(GroupVersionKind(group, version, str(value.get("kind", ""))))

    def _is_kubernetes_object(self, object_type: ObjectType) -> bool:
        """Whether it is a kind whose ``apiVersion``, ``kind`` and ``metadata`` have the usual types."""
        keys = {each.key: each for each in object_type.properties}
        return (
            bool(object_type.kinds)
            and all(key in keys and keys[key].name == key for key in OBJECT_KEYS)
            and keys["metadata"].type == Definition(OBJECT_META)
            and OBJECT_META in self._model.objects
        )


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

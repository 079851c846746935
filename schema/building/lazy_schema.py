"""A schema whose types are built on first use, because an operation needs only the types that it names.

The names of all types are known from the model. Validation, coercion and execution look types up by name, and
read the fields that a document selects; suggestions ("Did you mean …") read names. Introspection and SDL read
everything: they use a complete schema, which is built for the purpose and freed afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from graphql import (
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLString,
    get_named_type,
    specified_directives,
)
from graphql.type.schema import InterfaceImplementations

from schema.building.arguments import argument_types
from schema.building.object_types import LIST_META, OBJECT_META, leaf_of, reachable_objects
from schema.building.on_demand import OnDemand
from schema.building.rollouts import POD_TEMPLATE, REVISION
from schema.building.root_fields import RootResolvers, RootTypes
from schema.building.wrappers import SCALE, WATCH_EVENT_TYPE
from schema.model import Model, ObjectType, Scalar, ServedResource
from schema.scalars import SCALARS
from schema.verbs import Answer, FieldVerb, Operation, spec_of

__all__ = ["LazySchema", "complete_schema"]

_Source = ObjectType | ServedResource | GraphQLNamedType
"""The source of a type: its object, the resource of its list or event, or the type itself."""


class LazySchema(GraphQLSchema):
    """The schema of a model; ``type_map`` has all names and builds a type when it is looked up.

    Several threads may use it. It is valid by construction: ``validate_schema`` does not look at it.
    ``extensions["types"]`` are its ObjectTypes.
    """

    def __init__(self, model: Model, resolvers: RootResolvers) -> None:
        self.model = model
        self.resolvers = resolvers
        self._roots = roots = RootTypes(model, resolvers)
        outputs = _output_objects(model)
        # the base class adds the types of the introspection
        super().__init__(
            directives=specified_directives,
            extensions={"types": roots.types},
            assume_valid=True,
        )
        self.query_type = roots.root_type(Operation.QUERY)
        self.mutation_type = roots.root_type(Operation.MUTATION)
        self.subscription_type = roots.root_type(Operation.SUBSCRIPTION)
        own = [type_ for type_ in (self.query_type, self.mutation_type, self.subscription_type) if type_]
        fixed = _with_their_types([*_fixed_types(roots), *_scalar_types(outputs)], _open_types(roots))
        sources = (
            _model_sources(model, outputs) | self.type_map | fixed | {type_.name: type_ for type_ in own}
        )
        # nothing that the schema holds refers to the schema: reference counts alone must free it
        self.type_map: Any = OnDemand(sources, partial(_build_type, roots))
        self._kinds = list(filter(roots.types.is_kubernetes_object, _kinds(model, outputs)))
        names = {kind.name for kind in self._kinds} | {roots.types.other.name}
        self._sub_type_map = {roots.types.interface.name: names}

    def get_implementations(self, interface_type: GraphQLInterfaceType) -> InterfaceImplementations:
        """The types of all kinds, if it is the interface of all objects; their fields are not built."""
        is_of_all = interface_type.name in self._sub_type_map
        if not is_of_all:
            return InterfaceImplementations(objects=[], interfaces=[])
        kinds = [self._roots.types.output(kind.id) for kind in self._kinds]
        return InterfaceImplementations(objects=[self._roots.types.other, *kinds], interfaces=[])


def _build_type(roots: RootTypes, name: str, source: _Source) -> GraphQLNamedType:
    return source if isinstance(source, GraphQLNamedType) else roots.named_type(name, source)


@contextmanager
def complete_schema(schema: LazySchema) -> Iterator[GraphQLSchema]:
    """An equal schema that has all types at once; they are freed at the end of the block.

    They are not the types of ``schema``, which does not grow.
    """
    roots = RootTypes(schema.model, schema.resolvers)
    try:
        yield GraphQLSchema(
            query=roots.root_type(Operation.QUERY),
            mutation=roots.root_type(Operation.MUTATION),
            subscription=roots.root_type(Operation.SUBSCRIPTION),
            # graphql-core collects types recursively. Relations lead from each kind to many others, so a list
            # of all types keeps the recursion shallow.
            types=[
                roots.types.other,
                *(roots.types.output(id_) for id_ in _answered_objects(schema.model)),
                *_listed_types(roots),
            ],
            directives=specified_directives,
            extensions={"types": roots.types},
        )
    finally:
        roots.types.release()


def _listed_types(roots: RootTypes) -> list[GraphQLNamedType]:
    return [roots.wrappers.list_of(served) for served in roots.model.resources if _has_list(served)]


def _has_list(served: ServedResource) -> bool:
    return any(spec_of(verb).answer is Answer.LIST for verb in served.pinned)


def _verbs(model: Model) -> set[FieldVerb]:
    return {verb for served in model.resources for verb in served.pinned}


def _output_objects(model: Model) -> Mapping[str, ObjectType]:
    """The objects that have an output type, by id."""
    answers = {spec_of(verb).answer for verb in _verbs(model)}
    ids = _answered_objects(model)
    ids += [id_ for answer, id_ in _MORE_OBJECTS.items() if answer in answers and id_ in model.objects]
    return reachable_objects(model.objects, [*ids, OBJECT_META])


def _answered_objects(model: Model) -> list[str]:
    """The kinds of the resources, then the kinds of their subresources."""
    kinds = [served.object for served in model.resources]
    return [*kinds, *(id_ for served in model.resources for id_ in served.subresources.values())]


_MORE_OBJECTS = {Answer.LIST: LIST_META, Answer.SCALE: SCALE, Answer.HISTORY: POD_TEMPLATE}
"""The objects that the type of an answer refers to beside the kind."""


def _kinds(model: Model, outputs: Mapping[str, ObjectType]) -> list[ObjectType]:
    """The kinds in graphql-core's order: a kind at two resources has the place of the second one."""
    listed = dict.fromkeys(reversed(_answered_objects(model)))
    others = [item for item in outputs.values() if item.kinds and item.id not in listed]
    return [*(outputs[id_] for id_ in reversed(listed)), *others]


def _input_objects(model: Model) -> Mapping[str, ObjectType]:
    """The objects that have an input type, by id."""
    written = [
        id_
        for served in model.resources
        for verb in served.pinned
        if spec_of(verb).writes_object and (id_ := served.object_of(verb)) is not None
    ]
    return reachable_objects(model.objects, written)


def _model_sources(model: Model, outputs: Mapping[str, ObjectType]) -> dict[str, _Source]:
    """The sources of the types that depend on the model, by name."""
    sources: dict[str, _Source] = {item.name: item for item in outputs.values()}
    sources.update((item.input_name, item) for item in _input_objects(model).values())
    for served in model.resources:
        answers = {spec_of(verb).answer for verb in served.pinned}
        if _has_list(served):
            sources[served.list_name] = served
        if Answer.EVENT in answers:
            sources[served.event_name] = served
        if Answer.HISTORY in answers:
            sources[REVISION] = served
    return sources


def _open_types(roots: RootTypes) -> dict[str, GraphQLNamedType]:
    """The types of objects of any kind, whose relations lead to most other types, by name."""
    types = roots.types
    return {type_.name: type_ for type_ in (types.interface, types.other, types.mixed_list)}


def _with_their_types(
    types: Iterable[GraphQLNamedType], reached: dict[str, GraphQLNamedType]
) -> dict[str, GraphQLNamedType]:
    """The types, and the types of their fields and arguments, by name; types of the model are not entered."""
    for type_ in types:
        if type_.name in reached or "definition" in type_.extensions:
            continue
        reached[type_.name] = type_
        for field in getattr(type_, "fields", {}).values():
            arguments = getattr(field, "args", {}).values()
            _with_their_types([get_named_type(item.type) for item in (field, *arguments)], reached)
    return reached


def _fixed_types(roots: RootTypes) -> Iterator[GraphQLNamedType]:
    """The types that do not depend on the model."""
    for fields in roots.cluster_fields.values():
        for field in fields.values():
            yield get_named_type(field.type)
            yield from (get_named_type(argument.type) for argument in field.args.values())
    yield from (GraphQLInt, GraphQLString)  # of the arguments of relations
    yield from roots.types.computed
    for verb in _verbs(roots.model):
        yield from argument_types(spec_of(verb))
        if spec_of(verb).answer is Answer.EVENT:
            yield WATCH_EVENT_TYPE
        if spec_of(verb).answer is Answer.DELETION:
            yield roots.wrappers.deletion()
        if spec_of(verb).answer is Answer.DIFF:
            yield roots.wrappers.difference()
        if spec_of(verb).answer is Answer.ROLLOUT:
            yield roots.wrappers.rollout_status()
        if spec_of(verb).answer is Answer.DELETED_COLLECTION:
            yield roots.wrappers.deleted_collection()


def _scalar_types(objects: Mapping[str, ObjectType]) -> set[GraphQLNamedType]:
    leaves = {leaf_of(item.type) for object_type in objects.values() for item in object_type.properties}
    if any(object_type.kinds for object_type in objects.values()):
        leaves |= {Scalar.JSON, Scalar.DATE_TIME}  # of `json` and `fieldOwners`, which every kind has
    return {SCALARS[leaf] for leaf in leaves if isinstance(leaf, Scalar)}

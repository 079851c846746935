"""Resources and definitions → the model.

Only what served kinds reach is lowered. Nothing that the API server says makes this raise: what
cannot be typed is JSON, a kind without a schema has what every object has, and each such place is a
:class:`~schema.model.Problem`.
"""

from collections.abc import Iterator, Mapping
from itertools import chain

from schema.discovery import Discovery
from schema.lowering.definitions import LoweredDefinitions, Lowering
from schema.lowering.root_names import root_names, verbs_of
from schema.lowering.type_names import Packages, TypeNames, Unnamed, type_names
from schema.lowering.values import Draft
from schema.lowering.well_known import (
    ALWAYS_LOWERED,
    LIST_META,
    OBJECT_META,
    SCALE,
    SCALE_KIND,
    STAND_INS,
    is_custom_resource,
    stand_in_id,
)
from schema.model import Model, ObjectType, ServedResource, Verb
from schema.openapi import Definitions
from schema.resources import GroupVersion, GroupVersionKind, Resource

__all__ = ["LoweredDefinitions", "lower"]


def lower(
    discovery: Discovery, documents: Mapping[GroupVersion, bytes], kept: LoweredDefinitions | None = None
) -> Model:
    """The model of what ``discovery`` lists, typed by the OpenAPI v3 ``documents``.

    ``kept`` is what was lowered the last time, and has what was lowered this time in the end: it makes
    this quick where little has changed, and no other difference.

    A resource of which nothing is served has no part in the model, and keeps its claims on names all the
    same: what is left out of discovery's verbs changes no name of anything else.

    Never raises for what a document says; ``Model.problems`` has discovery's problems too.
    """
    definitions = Definitions(_in_order(discovery, documents))
    definitions.add_missing(STAND_INS)
    known = [(each, _object_id(each, definitions)) for each in discovery.resources]
    served = [(each, id_) for each, id_ in known if verbs_of(each)]
    kept = kept or LoweredDefinitions()
    lowering = _lower_objects(served, Lowering(definitions, kept.by_id))
    drafts, problems = dict(lowering.drafts), tuple(lowering.problems)
    silent = {id_: resource.kind for resource, id_ in known if not verbs_of(resource)}
    for id_ in silent:
        lowering.definition(id_)
    lowering.finish()
    kept.by_id = lowering.lowered
    names = type_names(
        list(_unnamed(lowering.drafts, silent)),
        Packages(
            chain(((id_, resource.kind) for resource, id_ in known), definitions.kinds()),
            discovery.group_versions,
        ),
    )
    objects = {draft.id: _object_type(draft, names[draft.id]) for draft in drafts.values()}
    return Model(
        objects=objects,
        resources=tuple(_served_resources(known, objects, names)),
        problems=(*discovery.problems, *definitions.problems, *problems),
    )


def _in_order(
    discovery: Discovery, documents: Mapping[GroupVersion, bytes]
) -> Iterator[tuple[GroupVersion, bytes]]:
    """The documents in discovery's order: what Kubernetes itself defines, nobody else redefines."""
    others = sorted(documents.keys() - set(discovery.group_versions))
    for group_version in (*discovery.group_versions, *others):
        if group_version in documents:
            yield group_version, documents[group_version]


def _object_id(resource: Resource, definitions: Definitions) -> str:
    return definitions.id_of(resource.kind) or stand_in_id(resource.kind)


def _lower_objects(served: list[tuple[Resource, str]], lowering: Lowering) -> Lowering:
    lowering.stand_in(OBJECT_META)
    lowering.stand_in(LIST_META)
    for resource, id_ in served:
        lowering.kind(id_, resource.kind)
    for id_ in ALWAYS_LOWERED:
        lowering.definition(id_)
    if any(Verb.SCALE in verbs_of(resource) for resource, _ in served):
        lowering.stand_in(SCALE)
        lowering.kind(SCALE, SCALE_KIND)
    lowering.finish()
    return lowering


def _unnamed(drafts: Mapping[str, Draft], silent: Mapping[str, GroupVersionKind]) -> Iterator[Unnamed]:
    """Every draft, and every kind that is not served: it has no type, and nobody else gets its name."""
    for draft in drafts.values():
        kind = draft.kinds[0] if draft.kinds else silent.get(draft.id)
        yield Unnamed(draft.id, draft.definition, draft.path, kind)
    for id_, kind in silent.items():
        if id_ not in drafts:
            yield Unnamed(id_, id_, (), kind)


def _object_type(draft: Draft, names: TypeNames) -> ObjectType:
    return ObjectType(
        id=draft.id,
        name=names.output,
        input_name=names.input,
        properties=draft.properties,
        description=draft.description,
        kinds=draft.kinds,
    )


def _served_resources(
    known: list[tuple[Resource, str]],
    objects: Mapping[str, ObjectType],
    names: Mapping[str, TypeNames],
) -> Iterator[ServedResource]:
    custom = {resource.kind for resource, id_ in known if is_custom_resource(id_, resource.kind)}
    fields = root_names([resource for resource, _ in known], custom)
    for (resource, id_), root in zip(known, fields, strict=True):
        if not root.pinned:
            continue
        yield ServedResource(
            resource=resource,
            object=id_,
            list_name=names[id_].list,
            event_name=names[id_].event,
            pinned=root.pinned,
            short=root.short,
            description=objects[id_].description,
        )

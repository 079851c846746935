"""Resources and definitions → the model.

Only definitions that served kinds reach are lowered. No document of the API server makes this raise: a
schema that cannot be typed becomes JSON, a kind without a schema gets the properties of every object, and
each such place is a :class:`~schema.model.Problem`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from schema.discovery import Discovery
from schema.installed import InstalledAPIs
from schema.lowering.definitions import Lowered, Lowering
from schema.lowering.root_names import root_names
from schema.lowering.sharing import SharedStructures, share_structures
from schema.lowering.structures import Structure
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
from schema.model import Model, ObjectType, ServedResource
from schema.openapi import Definitions, ParsedDocument
from schema.resources import GroupVersion, GroupVersionKind, GroupVersionResource, Resource
from schema.verbs import FieldVerb, SubresourceVerb, Verb, claimed_verbs, verbs_of

__all__ = ["LoweredDefinitions", "lower"]


@dataclass(slots=True)
class LoweredDefinitions:
    """The results of the last lowering of one cluster: documents, definitions, and shared structures."""

    documents: Mapping[GroupVersion, ParsedDocument] = field(default_factory=dict)
    by_id: Mapping[str, Lowered] = field(default_factory=dict)
    shared: Mapping[GroupVersion, SharedStructures] = field(default_factory=dict)


def lower(
    discovery: Discovery,
    documents: Mapping[GroupVersion, bytes],
    kept: LoweredDefinitions | None = None,
    installed: InstalledAPIs | None = None,
) -> Model:
    """The model of the resources in ``discovery``, typed by the OpenAPI v3 ``documents``.

    ``kept`` has the definitions of the previous call; on return it has those of this call. It only saves
    time: the model is equal without it. ``installed`` decides between custom resources that claim one name.

    A resource without verbs is not in the model, but keeps its claims on names. Filters, which remove verbs,
    therefore never change the name of another resource.

    Never raises for the content of a document. ``Model.problems`` includes discovery's problems.
    """
    kept = kept or LoweredDefinitions()
    definitions = Definitions(_in_order(discovery, documents), kept.documents)
    definitions.add_missing(STAND_INS)
    known = [(resource, _object_id(resource, definitions)) for resource in discovery.resources]
    served = [(resource, id_) for resource, id_ in known if verbs_of(resource)]
    custom = {id_: resource.kind for resource, id_ in known if is_custom_resource(id_, resource.kind)}
    subresources = {
        resource.gvr: _subresource_ids(resource, verbs_of(resource), definitions) for resource, _ in served
    }
    lowering = _lower_objects(served, subresources.values(), Lowering(definitions, custom, kept.by_id))
    drafts, problems = dict(lowering.drafts), tuple(lowering.problems)
    silent = {id_: resource.kind for resource, id_ in known if not verbs_of(resource)}
    for resource, _ in known:
        silent.update(_subresource_ids(resource, claimed_verbs(resource), definitions).values())
    for id_ in silent:
        lowering.definition(id_)
    lowering.finish()
    shared = share_structures(custom, lowering.custom, kept.shared)
    kept.documents, kept.by_id, kept.shared = definitions.documents, lowering.lowered, shared
    names = type_names(
        list(_unnamed(lowering.drafts, silent)),
        Packages(
            chain(((id_, resource.kind) for resource, id_ in known), definitions.kinds()),
            discovery.group_versions,
        ),
        [structures.wishes for structures in shared.values()],
    )
    objects = {draft.id: _object_type(draft, names[draft.id]) for draft in drafts.values()}
    inside = {id_ for kind in drafts.keys() & lowering.custom for id_ in lowering.custom[kind].structures}
    objects |= {
        structure.id: _shared_type(structure, names[structure.id])
        for structures in shared.values()
        for structure in structures.structures.values()
        if structure.id in inside
    }
    return Model(
        objects=objects,
        resources=tuple(_served_resources(known, objects, names, installed, subresources)),
        problems=(*discovery.problems, *definitions.problems, *problems),
    )


def _in_order(
    discovery: Discovery, documents: Mapping[GroupVersion, bytes]
) -> Iterator[tuple[GroupVersion, bytes]]:
    """The documents in discovery's order: a custom API, which is later, cannot redefine a built-in one."""
    others = sorted(documents.keys() - set(discovery.group_versions))
    for group_version in (*discovery.group_versions, *others):
        if group_version in documents:
            yield group_version, documents[group_version]


def _object_id(resource: Resource, definitions: Definitions) -> str:
    return definitions.id_of(resource.kind) or stand_in_id(resource.kind)


def _subresource_ids(
    resource: Resource, verbs: Iterable[FieldVerb], definitions: Definitions
) -> dict[str, tuple[str, GroupVersionKind]]:
    """The definitions of the verbs' subresources by name; a kind without a definition is JSON."""
    kinds = {
        verb.subresource: subresource.kind
        for verb in verbs
        if isinstance(verb, SubresourceVerb) and (subresource := resource.subresource(verb.subresource))
    }
    ids = {name: (definitions.id_of(kind), kind) for name, kind in kinds.items() if kind is not None}
    return {name: (id_, kind) for name, (id_, kind) in ids.items() if id_ is not None}


def _lower_objects(
    served: list[tuple[Resource, str]],
    subresources: Iterable[Mapping[str, tuple[str, GroupVersionKind]]],
    lowering: Lowering,
) -> Lowering:
    lowering.stand_in(OBJECT_META)
    lowering.stand_in(LIST_META)
    for resource, id_ in served:
        lowering.kind(id_, resource.kind)
    for id_ in ALWAYS_LOWERED:
        lowering.definition(id_)
    for ids in subresources:
        for id_, kind in ids.values():
            lowering.kind(id_, kind)
    if any(Verb.SCALE in verbs_of(resource) for resource, _ in served):
        lowering.stand_in(SCALE)
        lowering.kind(SCALE, SCALE_KIND)
    lowering.finish()
    return lowering


def _unnamed(drafts: Mapping[str, Draft], silent: Mapping[str, GroupVersionKind]) -> Iterator[Unnamed]:
    """Every draft, and every kind that is not served: such a kind has no type, but reserves its name."""
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


def _shared_type(structure: Structure, names: TypeNames) -> ObjectType:
    return ObjectType(
        id=structure.id,
        name=names.output,
        input_name=names.input,
        properties=structure.properties,
        description=structure.description,
    )


def _served_resources(
    known: list[tuple[Resource, str]],
    objects: Mapping[str, ObjectType],
    names: Mapping[str, TypeNames],
    installed: InstalledAPIs | None,
    subresources: Mapping[GroupVersionResource, Mapping[str, tuple[str, GroupVersionKind]]],
) -> Iterator[ServedResource]:
    custom = {resource.kind for resource, id_ in known if is_custom_resource(id_, resource.kind)}
    fields = root_names([resource for resource, _ in known], custom, installed)
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
            lost=root.lost,
            description=objects[id_].description,
            subresources={name: of for name, (of, _) in subresources[resource.gvr].items()},
        )

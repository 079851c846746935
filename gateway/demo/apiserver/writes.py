"""Create and update: from the client's object to the stored one."""

import json
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.catalog import Catalog, Target, table_of
from gateway.demo.apiserver.conversion import from_stored, to_stored
from gateway.demo.apiserver.creation import Stamps, prepare
from gateway.demo.apiserver.defaults import fill_defaults, fill_schema_defaults
from gateway.demo.apiserver.managed_fields import (
    Entry,
    flatten,
    owned_after_update,
    read_entries,
    write_entries,
)
from gateway.demo.apiserver.openapi_documents import Node
from gateway.demo.apiserver.requests import WriteOptions
from gateway.demo.apiserver.statuses import (
    Cause,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    internal,
    invalid,
    not_found,
)
from gateway.demo.apiserver.storage import Storage, Stored, object_key, preview
from gateway.demo.apiserver.strict_decoding import DecodingError, decode
from gateway.demo.apiserver.validation import (
    creation_causes,
    definition_causes,
    label_causes,
    object_causes,
    schema_causes,
    update_causes,
)
from schema.resources import Resource

__all__ = ["Writer", "Written"]

Object = dict[str, Any]

# the kinds whose metadata.generation counts changes of the spec
GENERATED = frozenset(
    (
        "cronjobs",
        "customresourcedefinitions",
        "daemonsets",
        "deployments",
        "ingresses",
        "jobs",
        "networkpolicies",
        "poddisruptionbudgets",
        "pods",
        "replicasets",
        "replicationcontrollers",
        "statefulsets",
    )
)
# the server ignores the client's values of these
KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a write: the object, warnings for the client, and whether it was created."""

    stored: Stored
    warnings: tuple[str, ...] = ()
    created: bool = False


class Writer:
    """Writes objects; an invalid write raises ApiError and changes nothing."""

    def __init__(self, catalog: Catalog, storage: Storage, stamps: Stamps) -> None:
        self.catalog = catalog
        self.storage = storage
        self.stamps = stamps
        self.kinds = Kinds(catalog)

    def find(self, target: Target) -> Stored:
        """The addressed object; refuses (404) if it does not exist."""
        key = object_key(target.namespace, target.name)
        if (stored := self.storage.get(table_of(target.resource), key)) is None:
            raise not_found(target.resource, target.name)
        return stored

    def create(
        self, target: Target, body: Object, options: WriteOptions, own: Entry | None = None
    ) -> Written:
        """Create the object; ``own`` are the fields of a server-side apply, else the manager owns all."""
        resource = target.resource
        value, warnings = self.kinds.read(resource, body, options)
        metadata = value["metadata"] = {**(value.get("metadata") or {})}
        self._place(target, metadata)
        self.kinds.fill(resource, value)
        self._refuse(
            resource, metadata, [*creation_causes(resource, value), *self.kinds.causes(resource, value)]
        )
        key = object_key(metadata.get("namespace", ""), metadata["name"])
        if self.storage.get(table_of(resource), key):
            raise already_exists(resource, metadata["name"])
        self._stamp(resource, value)
        self._record_creation(resource, value, options, own)
        value = to_stored(resource.gvr, value)
        if options.dry_run:
            return Written(preview(key, value), warnings, created=True)
        return Written(self.storage.put(table_of(resource), key, value), warnings, created=True)

    def update(
        self,
        target: Target,
        old: Stored,
        body: Object,
        options: WriteOptions,
        entries: list[Entry] | None = None,
    ) -> Written:
        """Replace an object or its status; ``entries`` become its managed fields, if given."""
        resource = target.resource
        value, warnings = self.kinds.read(resource, body, options)
        before = from_stored(resource.gvr, old.object)
        self._check_identity(target, old, value.setdefault("metadata", {}))
        value = self._merged(target, before, value)
        self.kinds.fill(resource, value)
        self._prepare_update(resource, value)
        causes = [*self.kinds.causes(resource, value), *update_causes(resource, before, value)]
        if not target.subresource:
            self._refuse(resource, value["metadata"], causes)
        self._count_generation(resource, before, value)
        self._record_update(target, before, value, options, entries)
        return self._store(resource, old, to_stored(resource.gvr, value), options, warnings)

    def _refuse(self, resource: Resource, metadata: Object, causes: list[Cause]) -> None:
        if causes:
            raise invalid(resource, metadata.get("name", ""), causes)

    def _place(self, target: Target, metadata: Object) -> None:
        """Name and namespace of a new object."""
        if metadata.get("resourceVersion"):
            raise internal("resourceVersion should not be set on objects to be created")
        if target.resource.namespaced:
            self._enter_namespace(target, metadata)
        else:
            metadata.pop("namespace", None)
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self.stamps.suffix()

    def _enter_namespace(self, target: Target, metadata: Object) -> None:
        if metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        namespaces = self.catalog.resource("namespaces")
        if (namespace := self.storage.get("namespaces", target.namespace)) is None:
            raise not_found(namespaces, target.namespace)
        if namespace.object["metadata"].get("deletionTimestamp"):
            why = (
                f"unable to create new content in namespace {target.namespace} because it is being terminated"
            )
            cause = Cause(
                "NamespaceTerminating",
                "metadata.namespace",
                f"namespace {target.namespace} is being terminated",
            )
            raise forbidden(target.resource, metadata.get("name", ""), why, [cause])

    def _stamp(self, resource: Resource, value: Object) -> None:
        metadata = value["metadata"]
        for key in (*KEPT, "selfLink", "managedFields"):
            metadata.pop(key, None)
        metadata["uid"] = self.stamps.uid()
        metadata["creationTimestamp"] = self.stamps.now()
        if self.counts_generation(resource):
            metadata["generation"] = 1
        if resource.subresource("status"):
            value.pop("status", None)
        if not self.catalog.is_custom(resource):
            prepare(resource.gvr.resource, value, self.stamps)

    def counts_generation(self, resource: Resource) -> bool:
        return self.catalog.is_custom(resource) or resource.gvr.resource in GENERATED

    def _prepare_update(self, resource: Resource, value: Object) -> None:
        if table_of(resource) == "secrets":
            prepare("secrets", value, self.stamps)

    def _check_identity(self, target: Target, old: Stored, metadata: Object) -> None:
        name = metadata.setdefault("name", target.name)
        if name != target.name:
            why = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            raise bad_request(why)
        if (
            target.resource.namespaced
            and metadata.setdefault("namespace", target.namespace) != target.namespace
        ):
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        version = metadata.get("resourceVersion")
        if version and version != str(old.revision):
            raise conflict(target.resource, target.name)

    def _merged(self, target: Target, before: Object, value: Object) -> Object:
        """The client's writable part (the status, or all else) merged into the old object."""
        if target.subresource == "status":
            kept = {key: item for key, item in before.items() if key != "status"}
            return {**kept, "status": value.get("status", {})}
        metadata, old = value["metadata"], before["metadata"]
        for key in KEPT:
            # a wrong uid is refused later, with all other errors
            if key != "uid" or not metadata.get("uid"):
                metadata.pop(key, None)
                if key in old:
                    metadata[key] = old[key]
        metadata["resourceVersion"] = old["resourceVersion"]
        if target.resource.subresource("status"):
            value.pop("status", None)
            if "status" in before:
                value["status"] = before["status"]
        return value

    def _count_generation(self, resource: Resource, before: Object, value: Object) -> None:
        if not self.counts_generation(resource):
            return
        skip = ("metadata", "status")
        changed = any(before.get(key) != value.get(key) for key in {*before, *value} if key not in skip)
        if changed:
            generation = before["metadata"].get("generation", 0) + 1
            value["metadata"] = {**value["metadata"], "generation": generation}

    def _entry(self, resource: Resource, options: WriteOptions, subresource: str = "") -> Entry:
        return Entry(
            manager=options.field_manager,
            operation="Update",
            api_version=resource.kind.api_version,
            time=self.stamps.now(),
            fields=frozenset(),
            subresource=subresource,
        )

    def _record_creation(
        self, resource: Resource, value: Object, options: WriteOptions, own: Entry | None
    ) -> None:
        if own is None:
            managed = {key: item for key, item in value.items() if key != "status"}
            after = flatten(self.kinds.node(resource), managed)
            entries = owned_after_update({}, after, [], self._entry(resource, options))
        else:
            entries = [own]
        if entries:
            value["metadata"]["managedFields"] = write_entries(entries)

    def _record_update(
        self,
        target: Target,
        before: Object,
        value: Object,
        options: WriteOptions,
        entries: list[Entry] | None,
    ) -> None:
        if entries is None:
            # with an empty list a client removes all entries
            emptied = value["metadata"].get("managedFields") in ([], [{}]) and not target.subresource
            node = self.kinds.node(target.resource)
            own = self._entry(target.resource, options, target.subresource)
            known = [] if emptied else read_entries(before)
            entries = owned_after_update(flatten(node, before), flatten(node, value), known, own)
        value["metadata"] = {**value["metadata"], "managedFields": write_entries(entries)}
        if not entries:
            del value["metadata"]["managedFields"]

    def _store(
        self, resource: Resource, old: Stored, value: Object, options: WriteOptions, warnings: tuple[str, ...]
    ) -> Written:
        if _same(old.object, value):
            return Written(old, warnings)
        if options.dry_run:
            return Written(preview(old.key, value), warnings)
        table = table_of(resource)
        metadata = value["metadata"]
        finished = "deletionTimestamp" in metadata and not metadata.get("finalizers")
        stored = self.storage.put(table, old.key, value)
        if finished and not metadata.get("deletionGracePeriodSeconds") and table != "namespaces":
            return Written(self.storage.delete(table, old.key), warnings)
        return Written(stored, warnings)


def _same(old: Object, new: Object) -> bool:
    """Whether a write changes nothing but time stamps."""
    return _timeless(old) == _timeless(new)


def _timeless(value: Object) -> str:
    entries = [{**item, "time": ""} for item in value["metadata"].get("managedFields", ())]
    return json.dumps({**value, "metadata": {**value["metadata"], "managedFields": entries}}, sort_keys=True)


class Kinds:
    """The kinds of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def read(self, resource: Resource, body: Object, options: WriteOptions) -> tuple[Object, tuple[str, ...]]:
        """Validate the types; unknown fields are dropped, dropped with a warning, or (Strict) refused."""
        kind = resource.kind
        said = (body.get("kind", kind.kind), body.get("apiVersion", kind.api_version))
        if said != (kind.kind, kind.api_version):
            found = f'{body.get("kind")} in version "{str(body.get("apiVersion")).rpartition("/")[2]}"'
            raise bad_request(f"{found} cannot be handled as a {kind.kind}: unknown conversion")
        prefix = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
        try:
            # a wrong type in a custom resource is Invalid, reported together with all other errors
            decoded = decode(self.node(resource), body, lenient=self.catalog.is_custom(resource))
        except DecodingError as error:
            raise bad_request(prefix + str(error)) from error
        unknown = tuple(f'unknown field "{path}"' for path in decoded.unknown)
        if unknown and options.field_validation == "Strict":
            raise bad_request(f"{prefix}strict decoding error: {', '.join(unknown)}")
        value = {key: item for key, item in decoded.value.items() if key not in ("kind", "apiVersion")}
        return value, unknown if options.field_validation == "Warn" else ()

    def node(self, resource: Resource) -> Node:
        """The schema of a resource's objects."""
        return self.catalog.documents.node(resource.kind)

    def fill(self, resource: Resource, value: Object) -> None:
        """Fill in the defaults (in place)."""
        if self.catalog.is_custom(resource):
            fill_schema_defaults(self.node(resource), value)
        else:
            fill_defaults(resource.gvr.resource, value)

    def causes(self, resource: Resource, value: Object) -> list[Cause]:
        """The errors in an object, except in its name."""
        if self.catalog.is_custom(resource):
            return [*label_causes(value["metadata"]), *schema_causes(self.node(resource), value)]
        definition = resource.gvr.group == "apiextensions.k8s.io"
        more = list(definition_causes(value)) if definition else []
        return [*more, *object_causes(resource, self.node(resource), value)]

"""Server-side apply: merges a manager's full intent into the live object (KEP-555)."""

from typing import Any

from gateway.demo.apiserver.catalog import Target, table_of
from gateway.demo.apiserver.conversion import from_stored
from gateway.demo.apiserver.managed_fields import (
    Entry,
    Path,
    flatten,
    list_element,
    read_entries,
    remove_paths,
    replace_fields,
)
from gateway.demo.apiserver.openapi_documents import Node
from gateway.demo.apiserver.requests import WriteOptions
from gateway.demo.apiserver.statuses import ApiError, bad_request, internal, not_found
from gateway.demo.apiserver.storage import object_key
from gateway.demo.apiserver.strict_decoding import DecodingError, decode
from gateway.demo.apiserver.writes import Writer, Written
from schema.field_owners import element_text
from schema.resources import GroupVersion

__all__ = ["apply_object"]

Object = dict[str, Any]


def apply_object(writer: Writer, target: Target, intent: Object, options: WriteOptions) -> Written:
    """Create the object, or merge the intent into it.

    Raises ApiError (409) if the merge changes a field that another manager owns and ``force`` is not set.
    """
    _check(target, intent)
    resource = target.resource
    node = writer.kinds.node(resource)
    value = _read(writer, target, intent)
    metadata = value["metadata"]
    own = Entry(
        manager=options.field_manager,
        operation="Apply",
        api_version=resource.kind.api_version,
        time=writer.stamps.now(),
        fields=frozenset(flatten(node, value, containers=False)),
        subresource=target.subresource,
    )
    old = writer.storage.get(table_of(resource), object_key(target.namespace, target.name))
    if old is None:
        if target.subresource or metadata.get("uid"):
            raise not_found(resource, target.name)
        return writer.create(target, intent, options, own)
    live = from_stored(resource.gvr, old.object)
    entries = read_entries(live)
    entries = _settle(node, live, value, entries, own, force=bool(options.force))
    before = next((item for item in entries if item.same_manager(own)), None)
    merged = merge(node, live, value)
    if before is not None:
        others = frozenset(path for item in entries if not item.same_manager(own) for path in item.fields)
        merged = remove_paths(node, merged, before.fields - own.fields - others)
    if before is not None and before.fields == own.fields:
        own = before
    kept = [own if item.same_manager(own) else item for item in entries]
    entries = kept if before is not None else [*kept, own]
    kind = {"kind": resource.kind.kind, "apiVersion": resource.kind.api_version}
    return writer.update(target, old, {**kind, **merged}, options, entries)


def _check(target: Target, intent: Object) -> None:
    kind = target.resource.kind
    metadata = intent.get("metadata") or {}
    if intent.get("apiVersion") != kind.api_version or intent.get("kind") != kind.kind:
        given = GroupVersion.parse(str(intent.get("apiVersion", "")))
        raise bad_request(
            f"invalid object type: {given.group}/{given.version}, Kind={intent.get('kind', '')}"
        )
    if (name := metadata.get("name", target.name)) != target.name:
        message = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise bad_request(message)
    if "managedFields" in metadata:
        raise bad_request("metadata.managedFields must be nil")


def _read(writer: Writer, target: Target, intent: Object) -> Object:
    """Decode the intent by its schema; raises ApiError (500, as upstream) for an unknown field."""
    kind = target.resource.kind
    try:
        decoded = decode(writer.kinds.node(target.resource), intent)
    except DecodingError as error:
        unreadable = str(error)
    else:
        lines = [f".{path}: field not declared in schema" for path in decoded.unknown]
        unreadable = "\n  ".join(["errors:", *lines]) if len(lines) > 1 else "".join(lines)
    if unreadable:
        subject = f"({target.namespace}/{target.name}; {kind.api_version}, Kind={kind.kind})"
        raise internal(f"failed to create typed patch object {subject}: {unreadable}")
    value = {key: item for key, item in decoded.value.items() if key not in ("kind", "apiVersion")}
    return {**value, "metadata": {**(value.get("metadata") or {}), "name": target.name}}


def _settle(
    node: Node,
    live: Object,
    intent: Object,
    entries: list[Entry],
    own: Entry,
    *,
    force: bool,
) -> list[Entry]:
    """Remove the changed fields from the entries of other managers.

    Raises ApiError (409) if another manager owns a changed field and ``force`` is not set.
    """
    now, wanted = flatten(node, live), flatten(node, intent, containers=False)
    changed = frozenset(path for path, value in wanted.items() if path in now and now[path] != value)
    conflicts = [(entry, sorted(entry.fields & changed)) for entry in entries if not entry.same_manager(own)]
    if any(paths for _, paths in conflicts) and not force:
        raise apply_conflict([(entry, path) for entry, paths in conflicts for path in paths])
    settled = [
        entry if entry.same_manager(own) else replace_fields(entry, entry.fields - changed)
        for entry in entries
    ]
    return [entry for entry in settled if entry.fields]


def apply_conflict(conflicts: list[tuple[Entry, Path]]) -> ApiError:
    """Build the 409 error; its message and causes list the conflicting fields by manager."""
    causes = []
    fields: dict[str, list[str]] = {}
    for entry, path in conflicts:
        using = f" using {entry.api_version}" if entry.operation == "Update" else ""
        owner, field = f'"{entry.manager}"{using}', readable(path)
        fields.setdefault(owner, []).append(field)
        message = f"conflict with {owner}"
        causes.append({"reason": "FieldManagerConflict", "message": message, "field": field})
    if len(causes) == 1:
        return ApiError(
            409,
            "Conflict",
            f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}",
            {"causes": causes},
        )
    listing = "\n".join(
        f"conflicts with {owner}:\n" + "\n".join(f"- {item}" for item in paths)
        for owner, paths in fields.items()
    )
    return ApiError(
        409, "Conflict", f"Apply failed with {len(causes)} conflicts: {listing}", {"causes": causes}
    )


def readable(path: Path) -> str:
    """Format a path for a conflict message: ``.spec.template.spec.containers[name="web"].image``."""
    return "".join(element_text(element) or "" for element in path)


def merge(node: Node, live: Object, intent: Object) -> Object:
    """Merge the intent into the live object: maps by key, associative lists by item."""
    merged = dict(live)
    for key, value in intent.items():
        merged[key] = _merge_value(node.child(key), live.get(key), value)
    return merged


def _merge_value(node: Node | None, live: Any, value: Any) -> Any:
    if node is None or live is None or node.is_atomic:
        return value
    if isinstance(value, dict) and isinstance(live, dict):
        return merge(node, live, value)
    if isinstance(value, list) and isinstance(live, list):
        return _merge_list(node, live, value)
    return value


def _merge_list(node: Node, live: list[Any], value: list[Any]) -> list[Any]:
    """Merge an associative list: live items keep their order, new items are appended."""
    wanted = {list_element(node, item): item for item in value}
    merged = []
    for item in live:
        intended = wanted.pop(list_element(node, item), None)
        merged.append(merge(node.items, item, intended) if isinstance(intended, dict) else item)
    return [*merged, *wanted.values()]

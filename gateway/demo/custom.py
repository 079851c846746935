"""The rules of custom resources: the OpenAPI schema of their definition, and the definition itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

from gateway.demo.documents import Node
from gateway.demo.statuses import Cause

__all__ = ["definition_causes", "fill_schema_defaults", "schema_causes"]

Object = dict[str, Any]

TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
OWN = ("apiVersion", "kind", "metadata")


def fill_schema_defaults(node: Node, value: Any) -> None:
    """Fill in the schema's defaults (in place)."""
    if isinstance(value, dict):
        for name, child in node.properties():
            if name not in value and "default" in child.schema:
                value[name] = json.loads(json.dumps(child.schema["default"]))
        for key, each in value.items():
            if (below := node.child(key)) is not None and key not in OWN:
                fill_schema_defaults(below, each)
    elif isinstance(value, list):
        for each in value:
            fill_schema_defaults(node.items, each)


def schema_causes(node: Node, value: Object) -> Iterator[Cause]:
    """What in an object breaks its schema; metadata is every kind's own business."""
    for name in node.schema.get("required", ()):
        if name not in value:
            yield Cause.required(name)
    for key, each in value.items():
        if key not in OWN and (child := node.child(key)) is not None:
            yield from _causes(child, each, key)


def _causes(node: Node, value: Any, path: str) -> Iterator[Cause]:
    if value is None and node.schema.get("nullable"):
        return
    kind = TYPES.get(node.type or "")
    if kind is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        found = next((name for name, each in TYPES.items() if isinstance(value, each)), "null")
        why = f'{path} in body must be of type {node.type}: "{found}"'
        yield Cause("FieldValueTypeInvalid", path, f'Invalid value: "{found}": {why}')
        return
    yield from _limits(node, value, path)
    if isinstance(value, dict):
        for name in node.schema.get("required", ()):
            if name not in value:
                yield Cause.required(f"{path}.{name}")
        for key, each in value.items():
            if (child := node.child(key)) is not None:
                yield from _causes(child, each, f"{path}.{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _causes(node.items, each, f"{path}[{index}]")


def _limits(node: Node, value: Any, path: str) -> Iterator[Cause]:
    """The keywords of JSON Schema that definitions use most."""
    schema, shown = node.schema, json.dumps(value)
    if (allowed := schema.get("enum")) and value not in allowed:
        yield Cause.unsupported(path, shown, map(str, allowed))
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            why = f"{path} in body should be greater than or equal to {schema['minimum']}"
            yield Cause.invalid(path, shown, why)
        if value > schema.get("maximum", value):
            yield Cause.invalid(
                path, shown, f"{path} in body should be less than or equal to {schema['maximum']}"
            )
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            yield Cause(
                "FieldValueTooLong", path, f"Too long: may not be more than {schema['maxLength']} bytes"
            )
        elif (pattern := schema.get("pattern")) and not re.search(pattern, value):
            yield Cause.invalid(path, shown, f"{path} in body should match '{pattern}'")
        if len(value) < schema.get("minLength", 0):
            why = f"{path} in body should be at least {schema['minLength']} chars long"
            yield Cause.invalid(path, shown, why)


def definition_causes(value: Object) -> Iterator[Cause]:
    """What is wrong with a definition."""
    spec, name = value.get("spec") or {}, value["metadata"].get("name", "")
    if name != f"{(spec.get('names') or {}).get('plural')}.{spec.get('group')}":
        why = 'must be spec.names.plural+"."+spec.group'
        yield Cause.invalid("metadata.name", json.dumps(name), why)
    group = spec.get("group") or ""
    if "." not in group or group.endswith(".k8s.io"):
        why = "must be a domain with at least one dot, and not one of Kubernetes' own"
        yield Cause.invalid("spec.group", json.dumps(group), why)
    versions = spec.get("versions") or []
    if sum(bool(each.get("storage")) for each in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield Cause.invalid("spec.versions", json.dumps([each.get("name") for each in versions]), why)
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield Cause.required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")

"""Validation beyond types: names, labels, numbers and immutable fields."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.demo.apiserver.defaults import TYPE_AND_METADATA
from gateway.demo.apiserver.openapi_documents import Node
from gateway.demo.apiserver.statuses import Cause
from gateway.demo.apiserver.strict_decoding import missing_fields
from schema.resources import Resource, is_builtin_group
from schema.selectors import label_key_problem, label_value_problem, read_label_selector

__all__ = [
    "creation_causes",
    "definition_causes",
    "label_causes",
    "object_causes",
    "schema_causes",
    "update_causes",
]

Object = dict[str, Any]

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SERVICE_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
PATH_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
NAMES: Mapping[str, tuple[re.Pattern[str], int, str]] = {
    "namespaces": (LABEL, 63, "a lowercase RFC 1123 label"),
    "services": (SERVICE_LABEL, 63, "a DNS-1035 label"),
    "clusterroles": (PATH_SEGMENT, 253, "a path segment"),
}
PLAIN_NAME = (SUBDOMAIN, 253, "a lowercase RFC 1123 subdomain")
REPLICATED = frozenset(("deployments", "replicasets", "statefulsets", "replicationcontrollers"))
SELECTING = frozenset(("deployments", "replicasets", "statefulsets", "daemonsets"))
IMMUTABLE: Mapping[str, tuple[str, ...]] = {
    "deployments": ("selector",),
    "replicasets": ("selector",),
    "daemonsets": ("selector",),
    "statefulsets": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    "jobs": ("selector", "template", "completions"),
}
POD_MUTABLE = frozenset(
    ("containers", "initContainers", "activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
)


def creation_causes(resource: Resource, value: Object) -> list[Cause]:
    """The errors in the name of a new object."""
    return list(_metadata_causes(resource, value["metadata"]))


def object_causes(resource: Resource, node: Node, value: Object) -> list[Cause]:
    """The errors in an object itself, except its name."""
    causes = [*label_causes(value["metadata"]), *_spec_causes(_known_name(resource), value)]
    told = {cause.field for cause in causes}
    return [*causes, *(item for item in missing_fields(node, value) if item.field not in told)]


def update_causes(resource: Resource, old: Object, new: Object) -> list[Cause]:
    """The immutable fields that an update changes."""
    causes = []
    uid = new["metadata"].get("uid")
    if uid and uid != old["metadata"].get("uid"):
        causes.append(Cause.invalid("metadata.uid", json.dumps(uid), "field is immutable"))
    before, after = old.get("spec") or {}, new.get("spec") or {}
    for field in IMMUTABLE.get(_known_name(resource), ()):
        if before.get(field) != after.get(field):
            shown = json.dumps(after.get(field), separators=(",", ":"))
            causes.append(Cause.invalid(f"spec.{field}", shown, "field is immutable"))
    if _known_name(resource) == "pods" and _frozen(before) != _frozen(after):
        why = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)"
        )
        causes.append(Cause.forbidden("spec", why))
    if old.get("immutable") and (old.get("data") != new.get("data") or not new.get("immutable")):
        causes.append(Cause.forbidden("data", "field is immutable when `immutable` is set"))
    return causes


def _known_name(resource: Resource) -> str:
    """The name of a built-in resource; a custom resource may be called ``pods``, too."""
    return resource.gvr.resource if is_builtin_group(resource.gvr.group) else ""


def _frozen(spec: Object) -> Object:
    """The immutable part of a pod's spec."""
    rest = {key: value for key, value in spec.items() if key not in POD_MUTABLE}
    for key in ("containers", "initContainers"):
        rest[key] = [{**item, "image": ""} for item in spec.get(key, ())]
    return rest


def _metadata_causes(resource: Resource, metadata: Object) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        yield Cause.required("metadata.name", "name or generateName is required")
        return
    pattern, length, what = NAMES.get(_known_name(resource), PLAIN_NAME)
    if len(name) > length:
        too_long = f"Too long: may not be more than {length} bytes"
        yield Cause("FieldValueTooLong", "metadata.name", too_long)
    elif not pattern.fullmatch(name):
        why = (
            f"{what} must consist of lower case alphanumeric characters, '-' or '.', and must start and "
            "end with an alphanumeric character (e.g. 'example.com', "
            f"regex used for validation is '{pattern.pattern}')"
        )
        yield Cause.invalid("metadata.name", json.dumps(name), why)


def label_causes(metadata: Object) -> Iterator[Cause]:
    """The errors in labels and annotations."""
    for key, value in (metadata.get("labels") or {}).items():
        if problem := label_key_problem(key):
            yield Cause.invalid("metadata.labels", json.dumps(key), problem)
        if problem := label_value_problem(value):
            yield Cause.invalid("metadata.labels", json.dumps(value), problem)
    for key in metadata.get("annotations") or {}:
        if problem := label_key_problem(key.lower()):
            yield Cause.invalid("metadata.annotations", json.dumps(key), problem)


def _spec_causes(plural: str, value: Object) -> Iterator[Cause]:
    spec = value.get("spec") or {}
    if plural in REPLICATED and spec.get("replicas", 0) < 0:
        yield Cause.invalid("spec.replicas", str(spec["replicas"]), "must be greater than or equal to 0")
    strategy = spec.get("strategy") or {}
    if plural == "deployments" and strategy.get("type") == "Recreate" and strategy.get("rollingUpdate"):
        why = "may not be specified when strategy `type` is 'Recreate'"
        yield Cause.forbidden("spec.strategy.rollingUpdate", why)
    if plural in SELECTING:
        yield from _selector_causes(spec)
    if plural == "pods":
        yield from _container_causes("spec", spec)
    elif isinstance(template := spec.get("template"), dict):
        yield from _container_causes("spec.template.spec", template.get("spec") or {})
    if plural in ("configmaps", "secrets"):
        for key in value.get("data") or {}:
            if not CONFIG_KEY.fullmatch(key):
                why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                yield Cause.invalid(f"data[{key}]", json.dumps(key), why)


def _selector_causes(spec: Object) -> Iterator[Cause]:
    selector = spec.get("selector")
    if not selector:
        yield Cause.required("spec.selector")
    labels = (spec.get("template") or {}).get("metadata", {}).get("labels")
    try:
        matches = bool(selector) and read_label_selector(selector or {}).matches(labels or {})
    except ValueError as error:
        yield Cause.invalid("spec.selector", json.dumps(selector), str(error))
        return
    if not matches:
        shown = json.dumps(labels, separators=(",", ":"))
        why = "`selector` does not match template `labels`"
        yield Cause.invalid("spec.template.metadata.labels", shown, why)


def _container_causes(path: str, spec: Object) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, container in enumerate(spec.get("containers") or ()):
        at = f"{path}.containers[{index}]"
        name = container.get("name", "")
        if not container.get("image"):
            yield Cause.required(f"{at}.image")
        if name in seen:
            yield Cause("FieldValueDuplicate", f"{at}.name", f"Duplicate value: {json.dumps(name)}")
        elif name and not (len(name) <= 63 and LABEL.fullmatch(name)):
            yield Cause.invalid(f"{at}.name", json.dumps(name), "must be a lowercase RFC 1123 label")
        seen.add(name)


TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def schema_causes(node: Node, value: Object) -> Iterator[Cause]:
    """The schema violations of an object, except in its metadata."""
    for name in node.schema.get("required", ()):
        if name not in value:
            yield Cause.required(name)
    for key, item in value.items():
        if key not in TYPE_AND_METADATA and (child := node.child(key)) is not None:
            yield from _causes(child, item, key)


def _causes(node: Node, value: Any, path: str) -> Iterator[Cause]:
    if value is None and node.schema.get("nullable"):
        return
    kind = TYPES.get(node.type or "")
    if kind is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        found = next((name for name, item in TYPES.items() if isinstance(value, item)), "null")
        why = f'{path} in body must be of type {node.type}: "{found}"'
        yield Cause("FieldValueTypeInvalid", path, f'Invalid value: "{found}": {why}')
        return
    yield from _limits(node, value, path)
    if isinstance(value, dict):
        for name in node.schema.get("required", ()):
            if name not in value:
                yield Cause.required(f"{path}.{name}")
        for key, item in value.items():
            if (child := node.child(key)) is not None:
                yield from _causes(child, item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _causes(node.items, item, f"{path}[{index}]")


def _limits(node: Node, value: Any, path: str) -> Iterator[Cause]:
    """The most common keywords of JSON Schema."""
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
    """The errors in a CustomResourceDefinition."""
    spec, name = value.get("spec") or {}, value["metadata"].get("name", "")
    if name != f"{(spec.get('names') or {}).get('plural')}.{spec.get('group')}":
        why = 'must be spec.names.plural+"."+spec.group'
        yield Cause.invalid("metadata.name", json.dumps(name), why)
    group = spec.get("group") or ""
    if "." not in group or group.endswith(".k8s.io"):
        why = "must be a domain with at least one dot, and not one of Kubernetes' own"
        yield Cause.invalid("spec.group", json.dumps(group), why)
    versions = spec.get("versions") or []
    if sum(bool(item.get("storage")) for item in versions) != 1:
        why = "must have exactly one version marked as storage version"
        yield Cause.invalid("spec.versions", json.dumps([item.get("name") for item in versions]), why)
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            yield Cause.required(f"spec.versions[{index}].schema.openAPIV3Schema", "schemas are required")

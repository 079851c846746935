"""Generates custom resource definitions: flat ones, and ones with repeated parts, as in real projects.

CRDs contain no references. A project's kinds of workload write a whole pod template out, its other kinds
parts of one (containers, volumes, affinity), and all kinds the same references to secrets and the same
conditions. :func:`realistic_crds` does likewise, with the pod template of the API server.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FLAT", "CRDs", "JSONObject", "embedded", "realistic_crds"]

JSONObject = dict[str, Any]

_REFERENCE = "#/components/schemas/"
_CORE = "io.k8s.api.core.v1."
_INT_OR_STRING: JSONObject = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "x-kubernetes-int-or-string": True,
}
_EMBEDDED_SCALARS: Mapping[str, JSONObject] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _INT_OR_STRING,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _INT_OR_STRING,
    # as controller-gen writes it
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"type": "object"},
}
_KEPT_KEYWORDS = ("description", "type", "format", "required", "enum")
_TEXT: JSONObject = {"type": "string"}
_SCALARS: tuple[JSONObject, ...] = (
    _TEXT,
    {"type": "integer", "format": "int64"},
    {"type": "boolean"},
    {"x-kubernetes-int-or-string": True},
    {"type": "string", "format": "date-time"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "additionalProperties": {"type": "string"}},
)


@dataclass(frozen=True, slots=True)
class CRDs:
    """A series of definitions; ``schema`` gives the OpenAPI schema of the one with an index.

    The argument ``changing`` of ``schema`` is the name of one property of the spec.
    """

    prefix: str
    per_group: int
    schema: Callable[[int, str], JSONObject]

    def definition(self, index: int, changing: str = "original") -> JSONObject:
        """The CRD with that index."""
        group, kind = f"{self.prefix}{index // self.per_group}.bench.example.com", f"Bench{index}"
        plural = f"{kind.lower()}s"
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {
                    "kind": kind,
                    "plural": plural,
                    "singular": kind.lower(),
                    "listKind": f"{kind}List",
                },
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": self.schema(index, changing)},
                        "subresources": {"status": {}},
                    }
                ],
            },
        }

    @property
    def first_spec(self) -> str:
        """The GraphQL type of the spec of the first kind."""
        return f"{self.prefix.upper()}0BenchExampleComV1Bench0Spec"


def _flat_schema(index: int, changing: str) -> JSONObject:
    """A schema of 50 properties: 29 of the spec, 5 of a nested object, 8 of list items, 8 of the status."""
    spec = {
        **_scalars("setting", 26),
        changing: _TEXT,
        "template": _an_object(_scalars("part", 5)),
        "rules": _list(_an_object(_scalars("match", 8))),
    }
    status = _an_object(_scalars("observed", 8))
    return _an_object({"spec": _an_object(spec), "status": status}, f"Bench{index} is one of many kinds.")


FLAT = CRDs("g", 50, _flat_schema)


def realistic_crds(definitions: Mapping[str, JSONObject]) -> CRDs:
    """CRDs in groups of 20 with about 50 objects each, a fourth of them distinct within the group.

    ``definitions`` are the OpenAPI definitions of ``/openapi/v3/api/v1``.
    """

    def core(name: str) -> JSONObject:
        return embedded(definitions, _CORE + name)

    parts = _Parts(
        template=core("PodTemplateSpec"),
        container=core("Container"),
        volume=core("Volume"),
        affinity=core("Affinity"),
        toleration=core("Toleration"),
        resources=core("ResourceRequirements"),
        security=core("PodSecurityContext"),
        secret_key=core("SecretKeySelector"),
        selector=embedded(definitions, "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector"),
        condition=embedded(definitions, "io.k8s.apimachinery.pkg.apis.meta.v1.Condition"),
    )
    return CRDs("r", 20, parts.schema)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The schemas that kinds embed, written out."""

    template: JSONObject
    container: JSONObject
    volume: JSONObject
    affinity: JSONObject
    toleration: JSONObject
    resources: JSONObject
    security: JSONObject
    secret_key: JSONObject
    selector: JSONObject
    condition: JSONObject

    def schema(self, index: int, changing: str) -> JSONObject:
        """Three of the 40 kinds in two groups have pod templates, two have parts of one."""
        embedding = {
            0: self._workers,
            7: self._workload,
            14: self._workload,
            4: self._pool,
            11: self._pool,
        }.get(index % 40, self._configuration)
        spec = {**_own(index), changing: _TEXT, **self._everywhere(f"Bench{index}"), **embedding()}
        status = {
            "conditions": _list(self.condition),
            "observedGeneration": {"type": "integer", "format": "int64"},
            f"observed{index}": _an_object(_scalars("last", 4)),
        }
        return _an_object(
            {"spec": _an_object(spec), "status": _an_object(status)}, f"Bench{index} is one of many kinds."
        )

    def _everywhere(self, kind: str) -> JSONObject:
        credentials = {
            "username": {**self.secret_key, "description": f"The user as whom {kind} logs in."},
            "password": {**self.secret_key, "description": f"The password of {kind}."},
        }
        tls = {"caSecret": self.secret_key, "certSecret": self.secret_key, "serverName": _TEXT}
        return {
            "auth": _an_object({**credentials, "tls": _an_object(tls)}),
            "selector": {**self.selector, "description": f"The objects of {kind}."},
        }

    def _workload(self) -> JSONObject:
        return {"replicas": {"type": "integer", "format": "int32"}, "template": self.template}

    def _workers(self) -> JSONObject:
        role = _an_object({"replicas": {"type": "integer"}, "template": self.template})
        return {"coordinator": role, "workers": _list(role)}

    def _pool(self) -> JSONObject:
        return {
            "affinity": self.affinity,
            "resources": self.resources,
            "sidecars": _list(self.container),
            "tolerations": _list(self.toleration),
            "securityContext": self.security,
            "volumes": _list(self.volume),
        }

    def _configuration(self) -> JSONObject:
        return {"resources": self.resources, "tolerations": _list(self.toleration)}


def _own(index: int) -> JSONObject:
    """The properties of a spec that no other kind has."""
    limits = _an_object(_scalars(f"max{index}x", 3))
    return {
        **_scalars(f"setting{index}x", 12),
        "options": _an_object({**_scalars(f"option{index}x", 6), "limits": limits}),
        "rules": _list(_an_object(_scalars(f"match{index}x", 5))),
    }


def embedded(definitions: Mapping[str, JSONObject], id_: str) -> JSONObject:
    """The definition as a CRD writes it: structural, each reference replaced by its definition."""
    return _written_out(definitions, definitions[id_])


def _written_out(definitions: Mapping[str, JSONObject], schema: JSONObject) -> JSONObject:
    reference = next((item["$ref"] for item in (schema, *schema.get("allOf", ())) if "$ref" in item), None)
    kept = {key: schema[key] for key in _KEPT_KEYWORDS if key in schema}
    if reference is not None:
        id_ = reference.removeprefix(_REFERENCE)
        target = _EMBEDDED_SCALARS.get(id_) or _written_out(definitions, definitions[id_])
        return {**target, **kept}
    if "properties" in schema:
        properties = schema["properties"].items()
        kept["properties"] = {key: _written_out(definitions, inner) for key, inner in properties}
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            kept[keyword] = _written_out(definitions, schema[keyword])
    return kept


def _scalars(prefix: str, count: int) -> JSONObject:
    return {
        f"{prefix}{index}": {
            **_SCALARS[index % len(_SCALARS)],
            "description": f"Describes {prefix} {index}.",
        }
        for index in range(count)
    }


def _an_object(properties: JSONObject, description: str = "") -> JSONObject:
    described = {"description": description} if description else {}
    return {"type": "object", "properties": properties, **described}


def _list(items: JSONObject) -> JSONObject:
    return {"type": "array", "items": items}

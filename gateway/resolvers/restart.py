"""``restartDeployment`` and its like: the annotation that ``kubectl rollout restart`` sets.

kubectl reads a Deployment, refuses a paused one, and then sends the patch; it misses a pause in between. Here
the API server checks both at once, by the ``test`` of a JSON Patch. A JSON Patch cannot add a key to an
absent map, so that it has one form for a pod template with annotations and one for a template without. The
API server does not say which operation failed: only after both forms the Deployment is read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.errors import BadArgument, Invalid
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, upstream_of
from gateway.resolvers.decoding import decode_object
from gateway.resolvers.patch import JSON_PATCH, STRATEGIC_PATCH
from gateway.resolvers.write_request import Write, answer_write
from gateway.resolvers.written import JSONObject, namespace_of, parameters_of
from schema.building import RootField

__all__ = ["restart_object"]

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_ANNOTATIONS = "/spec/template/metadata/annotations"
_ATTEMPTS = 6
"""Both forms, and then four after a read, for a Deployment that others change at the same time."""


async def restart_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None, dry_run: bool = False
) -> Any:
    """Answer ``restartDeployment(name: …)`` and its like: annotates the pod template.

    Raises BadArgument for a paused Deployment, and the errors of the request.
    """
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    kind = root.served.resource.kind
    path = resource_path(root.served.resource, namespace_of(root, info, namespace), name)
    parameters = parameters_of(dry_run)
    if kind.kind != "Deployment":
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}
        return await answer_write(info, kind, Write("PATCH", path, patch, STRATEGIC_PATCH, parameters))
    for attempt in range(_ATTEMPTS):
        expected = _FORMS[attempt] if attempt < len(_FORMS) else await _read(info, path, name)
        write = Write("PATCH", path, expected.operations(stamp), JSON_PATCH, parameters)
        try:
            return await answer_write(info, kind, write)
        except Invalid as error:
            # without causes it is an operation that failed, and not the changed object that is invalid
            if error.status.details.get("causes") or attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, slots=True)
class _Expected:
    """The parts of a Deployment on which a JSON Patch depends; ``paused`` is not true."""

    annotated: bool
    paused: bool | None = None

    def operations(self, stamp: str) -> list[JSONObject]:
        """The JSON Patch; a ``test`` for null holds where the key is absent."""
        not_paused = {"op": "test", "path": "/spec/paused", "value": self.paused}
        if self.annotated:
            key = RESTARTED_AT.replace("/", "~1")
            return [not_paused, {"op": "add", "path": f"{_ANNOTATIONS}/{key}", "value": stamp}]
        none_yet = {"op": "test", "path": _ANNOTATIONS, "value": None}
        return [not_paused, none_yet, {"op": "add", "path": _ANNOTATIONS, "value": {RESTARTED_AT: stamp}}]


_FORMS = (_Expected(annotated=True), _Expected(annotated=False))


async def _read(info: Info, path: str, name: str) -> _Expected:
    """The form that the Deployment requires. Raises BadArgument if it is paused."""
    spec = decode_object((await upstream_of(info).request("GET", path)).body)["spec"]
    if spec.get("paused"):
        raise BadArgument(f"{name} is paused; resume it with resumeDeployment, then restart it")
    metadata = spec["template"].get("metadata") or {}
    return _Expected(annotated=metadata.get("annotations") is not None, paused=spec.get("paused"))

"""Patches of an object or of one of its subresources: strategic merge, merge and JSON Patch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import BadArgument, Conflict, Invalid
from gateway.kube.paths import resource_path
from gateway.resolvers.causes import InputPlace, mapped_causes, place_in
from gateway.resolvers.context import Info
from gateway.resolvers.write_request import Write, answer_write
from gateway.resolvers.written import (
    JSONObject,
    metadata_of,
    namespace_of,
    one_object,
    parameters_of,
    present,
)
from schema.building import RootField
from schema.input_paths import Written, operation_path
from schema.resources import GroupVersionKind
from schema.verbs import spec_of

__all__ = ["JSON_PATCH", "MERGE_PATCH", "STRATEGIC_PATCH", "patch_object"]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
STRATEGIC_DEFINITIONS = ("io.k8s.api.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator.")


async def patch_object(
    root: RootField, info: Info, *, name: str, namespace: str | None = None, **arguments: Any
) -> Any:
    """Answer ``patchPod(name: …, patch: …)``, or the patch of a subresource such as ``patchPodStatus``.

    A ``null`` in the patch deletes the key.
    """
    subresource = spec_of(root.verb).subresource
    path = resource_path(root.served.resource, namespace_of(root, info, namespace), name, subresource)
    options = {key: arguments.pop(key) for key in _WRITE_OPTIONS if key in arguments}
    change = _Change(**arguments)
    body, content_type = change.request(root)
    guarded = change.resource_version is not None
    write = Write("PATCH", path, body, content_type, parameters_of(**options), guarded=guarded)
    with mapped_causes(change.place(info, content_type)):
        try:
            return await answer_write(info, _kind_of(root), write, change.retry_on_conflict or 0)
        except Invalid as error:
            if change.uid is not None and _is_about_uid(error):
                raise Conflict(error.status) from error
            raise


def _kind_of(root: RootField) -> GroupVersionKind:
    """The kind of the answer: that of the resource, or of a subresource such as ``Scale``."""
    resource, subresource = root.served.resource, spec_of(root.verb).subresource
    served = resource.subresource(subresource) if subresource else None
    return served.kind if served is not None and served.kind is not None else resource.kind


def _is_about_uid(error: Invalid) -> bool:
    """Whether the object has another UID: the API server reports that as the change of an immutable field."""
    causes = error.status.details.get("causes") or ()
    return bool(causes) and all(cause.get("field") == "metadata.uid" for cause in causes)


_WRITE_OPTIONS = ("dry_run", "field_manager", "field_validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The arguments of a patch that describe the change."""

    patch: JSONObject | None = field(default=None, repr=False)
    patch_json: Any = field(default=None, repr=False)
    operations: Sequence[JSONObject] | None = field(default=None, repr=False)
    patch_type: str | None = None
    resource_version: str | None = None
    uid: str | None = None
    retry_on_conflict: int | None = None

    def request(self, root: RootField) -> tuple[Any, str]:
        """The body and the content type of the PATCH. Raises BadArgument for a contradiction."""
        if sum(given is not None for given in (self.patch, self.patch_json, self.operations)) != 1:
            raise BadArgument("give exactly one of patch, patchJson and operations")
        if self.operations is None:
            if self.retry_on_conflict is not None:
                raise BadArgument("retryOnConflict needs operations: their `test` guards the repeated change")
            return self._merged(one_object(self.patch, self.patch_json)), _content_type(root, self.patch_type)
        if self.patch_type is not None:
            raise BadArgument("type says how a patch is merged; it does not go with operations")
        if self.retry_on_conflict is not None and self._preconditions:
            raise BadArgument(
                "retryOnConflict does not go with resourceVersion and uid: their conflict stays"
            )
        return [*self._guards(), *self.operations], JSON_PATCH

    def place(self, info: Info, content_type: str) -> InputPlace:
        """The places of the object's fields in the arguments."""
        own = {f"metadata.{key}": key for key in self._preconditions}
        if self.operations is not None:
            operations = self.operations
            return lambda field: [own[field]] if field in own else operation_path(operations, field)
        what = Written.STRATEGIC_PATCH if content_type == STRATEGIC_PATCH else Written.MERGE_PATCH
        if self.patch is not None:
            return place_in(info, "patch", self.patch, what, own)
        return place_in(info, "patchJson", self.patch_json, what, own)

    @property
    def _preconditions(self) -> JSONObject:
        return present({"resourceVersion": self.resource_version, "uid": self.uid})

    def _merged(self, patch: JSONObject) -> JSONObject:
        """The patch of an object of this version and UID; of another one it is a 409."""
        if not self._preconditions:
            return patch
        return {**patch, "metadata": {**metadata_of(patch), **self._preconditions}}

    def _guards(self) -> list[JSONObject]:
        """Operations to the same effect; a `test` would fail with 422 instead of 409."""
        return [
            {"op": "replace", "path": f"/metadata/{key}", "value": value}
            for key, value in self._preconditions.items()
        ]


def _content_type(root: RootField, patch_type: str | None) -> str:
    """The content type. Strategic merge is for built-in types: custom resources answer 415."""
    if patch_type is None:
        patch_type = "strategic" if root.served.object.startswith(STRATEGIC_DEFINITIONS) else "merge"
    return STRATEGIC_PATCH if patch_type == "strategic" else MERGE_PATCH

"""Whether an apply has changed an object, from the object before and after it.

An apply that changes nothing leaves the ``resourceVersion``. The version alone does not decide: a dry run
never changes it, and another writer may change it between the GET and the PATCH. The contents do: without the
status, which controllers write, and of the field managers only our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Before", "has_changed", "version_of"]

_OF_SERVER = frozenset({"resourceVersion", "generation", "managedFields"})


@dataclass(frozen=True, slots=True)
class Before:
    """The live object before an apply; ``content`` is None if the caller cannot read it."""

    version: str
    content: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Before":
        return cls(version_of(content), content)


def has_changed(before: Before, after: Mapping[str, Any], manager: str, *, has_status: bool) -> bool:
    """Whether the apply of ``manager`` has changed the object, or in a dry run would change it.

    ``has_status``: the kind has a subresource ``status``, so that an apply cannot change the status.
    """
    if before.content is None:
        return before.version != version_of(after)
    return _comparable(before.content, manager, has_status) != _comparable(after, manager, has_status)


def version_of(content: Mapping[str, Any]) -> str:
    """The resource version; empty if there is none."""
    metadata = content.get("metadata")
    return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""


def _comparable(content: Mapping[str, Any], manager: str, has_status: bool) -> dict[str, Any]:
    metadata = content.get("metadata") or {}
    own = [
        (entry.get("apiVersion"), entry.get("fieldsV1"))
        for entry in metadata.get("managedFields") or ()
        if (entry.get("manager"), entry.get("operation"), entry.get("subresource", ""))
        == (manager, "Apply", "")
    ]
    kept = {key: value for key, value in metadata.items() if key not in _OF_SERVER}
    rest = {key: value for key, value in content.items() if key != "status" or not has_status}
    return {**rest, "metadata": {**kept, "managedFields": own}}

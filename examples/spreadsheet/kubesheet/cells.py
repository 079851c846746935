"""The columns of a sheet, and how cells are read and written; ``../cells.js`` has the same functions."""

import re
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "COLUMNS",
    "EDITABLE",
    "MARK",
    "Cell",
    "Deployment",
    "Invalid",
    "changed_images",
    "parse_deployment",
    "parse_replicas",
    "shortened",
    "text_of",
]

Cell = str | int | float | bool | None
COLUMNS = ("Deployment", "Desired", "Actual", "Ready", "Image", "Note")
EDITABLE = ("Desired", "Image")
MARK = "⚠ "
"""Begins every note that the engine writes. A note without it belongs to the user."""

_MOST_REPLICAS = 2**31 - 1
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/:@-]*[A-Za-z0-9_])?", re.ASCII)
_LONGEST_NOTE = 300


class Invalid(ValueError):
    """The content of a cell cannot become a patch; the message names a valid content."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as a row shows it. ``images`` maps container names to images, in the containers' order."""

    namespace: str
    name: str
    uid: str
    version: int
    desired: int
    actual: int
    ready: int
    images: dict[str, str] = field(default_factory=dict)
    condition: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    def cell(self, column: str) -> Cell:
        """The content of a column, except for Note."""
        values: dict[str, Cell] = {
            "Deployment": self.name,
            "Desired": self.desired,
            "Actual": self.actual,
            "Ready": self.ready,
            "Image": self.image,
        }
        return values[column]

    @property
    def image(self) -> str:
        """The image of the only container, or ``name=image, name=image`` for several."""
        if len(self.images) == 1:
            return next(iter(self.images.values()))
        return ", ".join(f"{name}={image}" for name, image in self.images.items())


def parse_deployment(item: dict[str, Any]) -> Deployment:
    """A deployment from the object of a GraphQL event."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    containers = spec["template"]["spec"].get("containers") or []
    return Deployment(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        version=int(metadata["resourceVersion"]),
        desired=spec.get("replicas") or 0,
        actual=status.get("replicas") or 0,
        ready=status.get("readyReplicas") or 0,
        images={container["name"]: container.get("image") or "" for container in containers},
        condition=_failure(status.get("conditions") or []),
    )


def _failure(conditions: list[dict[str, Any]]) -> str:
    """The message of the condition that keeps a deployment from its size, such as an exceeded quota."""
    for kind, status in (("ReplicaFailure", "True"), ("Progressing", "False")):
        for condition in conditions:
            if (condition["type"], condition["status"]) == (kind, status):
                return shortened(condition.get("message") or condition.get("reason") or kind)
    return ""


def shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_NOTE else words[: _LONGEST_NOTE - 1] + "…"


def text_of(cell: Cell) -> str:
    """The text of a cell for comparison: ``5``, ``5.0`` and ``" 5 "`` are equal."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def parse_replicas(cell: Cell) -> int:
    """The replicas that an edit of Desired asks for. Raises Invalid if it is not a whole number."""
    text = text_of(cell)
    if not text:
        raise Invalid("Desired is empty: enter a whole number, 0 or more")
    if not _DIGITS.fullmatch(text):
        raise Invalid("Desired must be a whole number, 0 or more")
    if int(text) > _MOST_REPLICAS:
        raise Invalid(f"Desired must be at most {_MOST_REPLICAS}")
    return int(text)


def changed_images(cell: Cell, images: dict[str, str]) -> dict[str, str]:
    """The images that an edit of Image changes, by container. Raises Invalid for an incomplete reference."""
    text = text_of(cell)
    if not text:
        raise Invalid("Image is empty: enter an image")
    if len(images) == 1:
        (container,) = images
        wanted = {container: text}
    else:
        parts = [part.strip().partition("=") for part in text.split(",")]
        wanted = {name.strip(): image.strip() for name, _, image in parts}
        if len(parts) != len(images) or set(wanted) != set(images):
            raise Invalid(f"Image must name every container: {', '.join(f'{name}=…' for name in images)}")
    changed = {name: image for name, image in wanted.items() if image != images[name]}
    if not isinstance(cell, str) or not all(map(_REFERENCE.fullmatch, changed.values())):
        raise Invalid("Image must be an image reference, such as nginx:1.29")
    return changed

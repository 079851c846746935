"""LIST: one page of a consistent snapshot, with the continue token of the next page."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.demo.apiserver.requests import ListOptions, parse_version
from gateway.demo.apiserver.selectors import Selection
from gateway.demo.apiserver.statuses import ApiError, bad_request, expired
from gateway.demo.apiserver.storage import CompactedError, Storage, Stored

__all__ = ["Page", "list_objects"]

LATEST = -1
TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the rest "
    "of the results; objects that were created, changed or deleted in between may then show up in the list."
)


@dataclass(frozen=True, slots=True)
class Page:
    """The items of one page and the list metadata."""

    items: list[Stored]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Position:
    """The content of a continue token: the listed revision and the first key of the next page."""

    revision: int
    start: str

    def token(self) -> str:
        content = {"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.start}
        encoded = json.dumps(content, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(encoded).decode().rstrip("=")


def parse_token(token: str) -> Position:
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if content["v"] != "meta.k8s.io/v1":
            raise bad_request("continue key is not valid: server does not recognize this encoded version")
        return Position(int(content["rv"]), str(content["start"]))
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise bad_request("invalid continue token: continue key is not valid") from error


def list_objects(
    storage: Storage, table: str, namespace: str, selection: Selection, options: ListOptions
) -> Page:
    """Return one page; raises ApiError (410) if the requested revision is compacted."""
    objects, position = _snapshot(storage, table, options)
    keys = sorted(key for key in objects if not namespace or key.startswith(f"{namespace}/"))
    wanted = [stored for key in keys if key >= position.start and selection.matches(stored := objects[key])]
    items = wanted[: options.limit] if options.limit > 0 else wanted
    revision = storage.revision if position.revision == LATEST else position.revision
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if len(items) < len(wanted):
        # the smallest key greater than the last key of this page
        metadata["continue"] = Position(revision, items[-1].key + "\0").token()
        if selection.everything:
            metadata["remainingItemCount"] = len(wanted) - len(items)
    return Page(items, metadata)


def _snapshot(storage: Storage, table: str, options: ListOptions) -> tuple[Mapping[str, Stored], Position]:
    if options.continue_token:
        position = parse_token(options.continue_token)
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        if position.revision == LATEST:
            return storage.all(table), Position(storage.revision, position.start)
        return _at(storage, table, position, continued=True), position
    if options.resource_version_match == "Exact":
        position = Position(parse_version(options.resource_version, listing=True), "")
        return _at(storage, table, position, continued=False), position
    return storage.all(table), Position(storage.revision, "")


def _at(storage: Storage, table: str, position: Position, *, continued: bool) -> Mapping[str, Stored]:
    try:
        return storage.at(table, position.revision)
    except CompactedError as error:
        if not continued:
            raise expired("The resourceVersion for the provided list is too old.") from error
        raise inconsistent(position) from error


def inconsistent(position: Position) -> ApiError:
    """Build the 410 error; its continue token resumes the list at the latest revision."""
    error = expired(TOO_OLD)
    error.status["metadata"] = {"continue": Position(LATEST, position.start).token()}
    return error

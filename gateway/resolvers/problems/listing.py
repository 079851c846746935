"""The objects of the kinds that ``problems`` reads, each kind by one LIST at most."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import GatewayError
from gateway.resolvers.context import Info
from gateway.resolvers.object_tree import Member, list_members
from schema.model import ServedResource

__all__ = ["KindKey", "Listing", "Problem", "key_of"]

KindKey = tuple[str, str]
"""A group and a kind."""
Problem = dict[str, Any]


def key_of(served: ServedResource) -> KindKey:
    """The group and kind of a resource."""
    kind = served.resource.kind
    return kind.group, kind.kind


@dataclass(slots=True)
class Listing:
    """The objects of each kind that could be listed, in one namespace or (None) in all of them.

    ``whole`` are the kinds whose objects are needed as a whole; of all others the metadata suffices.
    """

    info: Info
    namespace: str | None
    whole: frozenset[KindKey]
    members: dict[KindKey, Sequence[Member]] = field(default_factory=dict)
    left_out: dict[KindKey, tuple[ServedResource, GatewayError]] = field(default_factory=dict)

    async def read(self, kinds: Iterable[ServedResource], **parameters: str) -> None:
        """Read the objects of the kinds that are not read yet; ``parameters`` are of the LIST."""
        unread = [
            served
            for served in kinds
            if key_of(served) not in self.members.keys() | self.left_out.keys()
            and "list" in served.resource.verbs
        ]
        results = await asyncio.gather(
            *(
                list_members(
                    self.info,
                    served,
                    self.namespace,
                    only_metadata=key_of(served) not in self.whole,
                    **parameters,
                )
                for served in unread
            ),
            return_exceptions=True,
        )
        for served, result in zip(unread, results, strict=True):
            if isinstance(result, GatewayError):
                self.leave_out(served, result)
            elif isinstance(result, BaseException):
                raise result
            else:
                self.members[key_of(served)] = result

    def leave_out(self, served: ServedResource, error: GatewayError) -> None:
        """Note that a kind could not be read."""
        self.left_out.setdefault(key_of(served), (served, error))

"""``tree``: an object with everything that it owns, as a query and as a subscription.

:mod:`.kinds` decides which kinds may have owned objects, :mod:`.members` reads them, :mod:`.tree` arranges
them, :mod:`.answer` writes the answer, and :mod:`.read` and :mod:`.watch` are the resolvers.
"""

from gateway.resolvers.object_tree.answer import Encoder, decoded_object
from gateway.resolvers.object_tree.kinds import KindFinder
from gateway.resolvers.object_tree.members import Member, list_members, note_left_out
from gateway.resolvers.object_tree.read import read_tree
from gateway.resolvers.object_tree.watch import watch_tree

__all__ = [
    "Encoder",
    "KindFinder",
    "Member",
    "decoded_object",
    "list_members",
    "note_left_out",
    "read_tree",
    "watch_tree",
]

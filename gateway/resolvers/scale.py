"""The answer of a ``scale`` subresource, whose integers the API server leaves out when they are 0.

Go's ``ScaleSpec.Replicas`` is ``int32`` with ``omitempty``: an absent value and 0 are the same, and kubectl
reads 0. In GraphQL an absent value would be null, as if the number were unknown.
"""

import msgspec

from gateway.resolvers.decoding import decode_object
from schema.lowering import SCALE_KIND
from schema.resources import GroupVersionKind

__all__ = ["with_replicas"]


def with_replicas(kind: GroupVersionKind, body: bytes) -> bytes:
    """The body with ``replicas`` in the spec and the status of a Scale; that of another kind as it is.

    Raises UpstreamProtocolError if the body is not a JSON object.
    """
    if kind != SCALE_KIND:
        return body
    scale = decode_object(body)
    complete = {part: {"replicas": 0, **(scale.get(part) or {})} for part in ("spec", "status")}
    return msgspec.json.encode({**scale, **complete})

"""Identity: the caller of a request, and the caller's rights upstream (design section 7).

- :mod:`.modes`: one class per ``--auth`` mode; each turns request headers into a client that acts as the
  caller.
- :mod:`.bearer`: bearer tokens in headers and in ``connection_init``.
- :mod:`.origin`: the protection of ``local`` mode against other origins and DNS rebinding.
- :mod:`.access`: access reviews as the caller, cached for ten seconds.

No GraphQL and no HTTP framework here: header mappings come in, clients go out.
"""

from gateway.identity.access import ACCESS_REVIEWS, AccessReviews, review_body
from gateway.identity.modes import Identity, Local, Passthrough, identity_for

__all__ = [
    "ACCESS_REVIEWS",
    "AccessReviews",
    "Identity",
    "Local",
    "Passthrough",
    "identity_for",
    "review_body",
]

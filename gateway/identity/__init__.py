"""Identity: the caller of a request, and the caller's rights upstream (design section 7).

- :mod:`.modes`: one class per ``--auth`` mode; each turns request headers into a client that acts as the
  caller.
- :mod:`.request_head`: the headers and the client certificate (:mod:`.certificates`) of a request.
- :mod:`.bearer`: bearer tokens in headers and in ``connection_init``.
- :mod:`.reserved_headers`: headers that assert an identity, refused from ordinary clients.
- :mod:`.origin`: the protection of ``local`` mode against other origins and DNS rebinding.
- :mod:`.access`: access reviews as the caller, cached for ten seconds.

No GraphQL and no HTTP framework here: the heads of requests come in, clients go out.
"""

from gateway.identity.access import ACCESS_REVIEWS, AccessReviews, review_body
from gateway.identity.certificates import PeerCertificate, peer_certificate
from gateway.identity.modes import Caller, Identity, Local, Passthrough, identity_for
from gateway.identity.request_head import RequestHead
from gateway.identity.reserved_headers import ProxyHeaders, without_unknown

__all__ = [
    "ACCESS_REVIEWS",
    "AccessReviews",
    "Caller",
    "Identity",
    "Local",
    "Passthrough",
    "PeerCertificate",
    "ProxyHeaders",
    "RequestHead",
    "identity_for",
    "peer_certificate",
    "review_body",
    "without_unknown",
]

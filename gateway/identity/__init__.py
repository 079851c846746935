"""Identity: the caller of a request, and the caller's rights upstream (``docs/identity.md``).

- :mod:`.modes`, :mod:`.impersonate`: one class per ``--auth`` mode; each turns the head of a request into a
  client that acts as the caller. :mod:`.build` makes the one that the settings name.
- :mod:`.front_proxy`, :mod:`.id_tokens` (with :mod:`.signing_keys`): the sources of ``impersonate``'s users.
- :mod:`.caller`: the headers and the client certificate (:mod:`.certificates`) of a request, and its caller.
- :mod:`.bearer`: bearer tokens in headers and in ``connection_init``.
- :mod:`.reserved_headers`: headers that assert an identity, refused from ordinary clients.
- :mod:`.origin`: the protection of ``local`` mode against other origins and DNS rebinding.
- :mod:`.access`: access reviews as the caller, cached for ten seconds.
- :mod:`.leases`: reviews that are repeated while a subscription relies on a right; the gateway's own identity
  as the owner of informers for all callers.
- :mod:`.visible_namespaces`: the namespaces in which a caller has a right.

No GraphQL and no HTTP framework here: the heads of requests come in, clients go out.
"""

from gateway.identity.access import REVIEW_RESULTS, Access, AccessReviews, Verdict
from gateway.identity.build import identity_for
from gateway.identity.caller import Caller, RequestHead
from gateway.identity.certificates import Authorities, PeerCertificate, peer_certificate
from gateway.identity.impersonate import Impersonate
from gateway.identity.leases import Lease, Leases, Sharing
from gateway.identity.modes import Identity, Local, Passthrough
from gateway.identity.origin import NO_ORIGINS, Origins
from gateway.identity.reserved_headers import ProxyHeaders, without_unknown
from gateway.identity.visible_namespaces import VisibleNamespaces
from gateway.identity.watched_file import WatchedFile

__all__ = [
    "NO_ORIGINS",
    "REVIEW_RESULTS",
    "Access",
    "AccessReviews",
    "Authorities",
    "Caller",
    "Identity",
    "Impersonate",
    "Lease",
    "Leases",
    "Local",
    "Origins",
    "Passthrough",
    "PeerCertificate",
    "ProxyHeaders",
    "RequestHead",
    "Sharing",
    "Verdict",
    "VisibleNamespaces",
    "WatchedFile",
    "identity_for",
    "peer_certificate",
    "without_unknown",
]

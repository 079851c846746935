"""Who the caller is, and with which rights their requests go upstream (design section 7).

No GraphQL and no HTTP framework here: headers come in as mappings, clients go out.
"""

from gateway.identity.modes import Identity, Local, Passthrough

__all__ = ["Identity", "Local", "Passthrough"]

"""Who the caller is, and with which rights their requests go upstream (design section 7).

No GraphQL and no HTTP framework here: headers come in as mappings, clients go out.
"""

__all__: list[str] = []

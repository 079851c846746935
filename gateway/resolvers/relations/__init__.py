"""Relations: fetching the related objects of many objects at once, as the caller.

:mod:`~gateway.resolvers.relations.reader` reads objects by name or by a match: from informers that run, else
with few requests. :mod:`~gateway.resolvers.relations.loader` turns lookups into objects.
:mod:`~gateway.resolvers.relations.fields` answers the fields that graphql-core executes, in batches.

Which objects are related is data in :mod:`schema.relations`.
"""

from gateway.resolvers.relations.fields import relation_resolver

__all__ = ["relation_resolver"]

"""Queries of informers: which source to watch and how to filter it, and the answer of a running informer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from gateway.errors import BadArgument
from gateway.informers.changes import Filter
from gateway.informers.events import Scope
from gateway.informers.fields import METADATA, selectable_fields
from gateway.informers.informer import Informer
from gateway.informers.source import Source
from gateway.informers.store import StoredObject
from schema.selectors import FieldSelector, LabelSelector, parse_field_selector, parse_label_selector

__all__ = ["Query", "View", "parse_query"]


@dataclass(frozen=True, slots=True)
class Query:
    """``source`` is the narrowest source that serves the query; ``filter`` selects from a wider one, too."""

    source: Source
    filter: Filter


def parse_query(source: Source, label_selector: str, field_selector: str) -> Query:
    """Parse the selectors of a query for ``source``.

    Raises BadArgument for a malformed selector, and for one object of a namespaced resource without its
    namespace. A field selector that the store cannot evaluate goes upstream, into an informer of its own.
    """
    if source.scope.name is not None and source.scope.namespace is None and source.resource.namespaced:
        raise BadArgument(f"one of the {source.resource.gvr.resource} needs a namespace beside its name")
    try:
        labels = parse_label_selector(label_selector)
        fields = parse_field_selector(field_selector)
    except ValueError as error:
        raise BadArgument(str(error)) from error
    if not fields.fields <= selectable_fields(source.resource.gvr):
        return Query(replace(source, field_selector=field_selector), Filter(source.scope, labels))
    if not fields.fields <= METADATA:
        source = replace(source, metadata_only=False)
    return _narrowed(source, labels, fields)


def _narrowed(source: Source, labels: LabelSelector, fields: FieldSelector) -> Query:
    """Watch the objects of one name instead of all for ``metadata.name=x``.

    RBAC grants such a watch, also of all namespaces, to a role that is limited to the one name.
    """
    scope = source.scope
    name = fields.exact("metadata.name")
    if not name or scope.name is not None:
        return Query(replace(source, scope=scope), Filter(scope, labels, fields))
    named = Scope(scope.namespace, name)
    is_one_object = scope.namespace is not None or not source.resource.namespaced
    return Query(replace(source, scope=named), Filter(named if is_one_object else scope, labels, fields))


@dataclass(frozen=True, slots=True)
class View:
    """A synced informer through a filter; valid until the caller's next suspension."""

    informer: Informer
    filter: Filter

    @property
    def resource_version(self) -> str:
        return self.informer.resource_version

    def objects(self) -> Sequence[StoredObject]:
        """The objects as of :attr:`resource_version`, in the order in which an API server lists them."""
        cache = self.informer.cache
        if self.filter == Filter(cache.scope):
            return cache.by_key()
        selected = cache.select(self.filter)
        if selected is None:
            return [stored for stored in cache.by_key() if self.filter.selects(stored)]
        return self._sorted(selected)

    def owned_by(self, *uids: str) -> Sequence[StoredObject]:
        """The view's objects that have one of the owners."""
        return self._sorted(self.informer.cache.owned_by(*uids))

    def _sorted(self, objects: Iterable[StoredObject]) -> Sequence[StoredObject]:
        return sorted(filter(self.filter.selects, objects), key=attrgetter("key"))

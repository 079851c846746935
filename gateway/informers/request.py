"""What a subscriber asks for, as a source to reflect and a filter on it."""

from dataclasses import dataclass, replace

from gateway.errors import BadArgument
from gateway.informers.changes import Filter
from gateway.informers.events import Scope
from gateway.informers.fields import METADATA, selectable_fields
from gateway.informers.source import Source
from schema.selectors import FieldSelector, LabelSelector, parse_field_selector, parse_label_selector

__all__ = ["Request", "parse_request"]


@dataclass(frozen=True, slots=True)
class Request:
    """``source`` is the narrowest that serves it; ``filter`` is for the objects of a wider one too."""

    source: Source
    filter: Filter


def parse_request(source: Source, label_selector: str, field_selector: str) -> Request:
    """Read the selectors of somebody who wants the source; raises BadArgument for what cannot be.

    A field selector goes upstream only where the store cannot answer it: it makes an informer of its own.
    """
    try:
        labels = parse_label_selector(label_selector)
        fields = parse_field_selector(field_selector)
    except ValueError as error:
        raise BadArgument(str(error)) from error
    if not fields.fields <= selectable_fields(source.resource.gvr):
        return Request(replace(source, field_selector=field_selector), Filter(source.scope, labels))
    if not fields.fields <= METADATA:
        source = replace(source, metadata_only=False)
    return _narrowed(source, labels, fields)


def _narrowed(source: Source, labels: LabelSelector, fields: FieldSelector) -> Request:
    """With ``metadata.name=x`` it is one object that has to be watched, not its whole namespace."""
    scope = source.scope
    name = fields.exact("metadata.name")
    if name and scope.name is None and (scope.namespace is not None or not source.resource.namespaced):
        scope = Scope(scope.namespace, name)
    return Request(replace(source, scope=scope), Filter(scope, labels, fields))

"""What is known of a kind: how its objects are read, filled in and judged, built in or custom."""

from typing import Any

from gateway.demo.catalog import Catalog
from gateway.demo.custom import definition_causes, fill_schema_defaults, schema_causes
from gateway.demo.decoding import DecodingError, decode
from gateway.demo.defaults import fill_defaults
from gateway.demo.documents import Node
from gateway.demo.options import WriteOptions
from gateway.demo.statuses import Cause, bad_request
from gateway.demo.validation import label_causes, object_causes
from schema.resources import Resource

__all__ = ["Kinds"]

Object = dict[str, Any]


class Kinds:
    """The kinds of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def read(self, resource: Resource, body: Object, options: WriteOptions) -> tuple[Object, tuple[str, ...]]:
        """Check the types; unknown fields are dropped, with a warning or (Strict) refused."""
        kind = resource.kind
        said = (body.get("kind", kind.kind), body.get("apiVersion", kind.api_version))
        if said != (kind.kind, kind.api_version):
            found = f'{body.get("kind")} in version "{str(body.get("apiVersion")).rpartition("/")[2]}"'
            raise bad_request(f"{found} cannot be handled as a {kind.kind}: unknown conversion")
        prefix = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
        try:
            # what has a wrong type in a custom resource is Invalid, and told with everything else
            decoded = decode(self.node(resource), body, lenient=self.catalog.is_custom(resource))
        except DecodingError as error:
            raise bad_request(prefix + str(error)) from error
        unknown = tuple(f'unknown field "{path}"' for path in decoded.unknown)
        if unknown and options.field_validation == "Strict":
            raise bad_request(f"{prefix}strict decoding error: {', '.join(unknown)}")
        value = {key: each for key, each in decoded.value.items() if key not in ("kind", "apiVersion")}
        return value, unknown if options.field_validation == "Warn" else ()

    def node(self, resource: Resource) -> Node:
        """The schema of a resource's objects."""
        return self.catalog.documents.node(resource.kind)

    def fill(self, resource: Resource, value: Object) -> None:
        """Fill in the defaults (in place)."""
        if self.catalog.is_custom(resource):
            fill_schema_defaults(self.node(resource), value)
        else:
            fill_defaults(resource.gvr.resource, value)

    def causes(self, resource: Resource, value: Object) -> list[Cause]:
        """What is wrong with an object, its name aside."""
        if self.catalog.is_custom(resource):
            return [*label_causes(value["metadata"]), *schema_causes(self.node(resource), value)]
        definition = resource.gvr.group == "apiextensions.k8s.io"
        more = list(definition_causes(value)) if definition else []
        return [*more, *object_causes(resource, self.node(resource), value)]

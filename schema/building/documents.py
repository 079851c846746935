"""The whole object as one value: the fields ``yaml`` and ``json`` that every kind has.

The value is the object just as the API server gave it, unknown properties included, which is how
``x-kubernetes-preserve-unknown-fields`` stays reachable beside typed properties.
"""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLField, GraphQLResolveInfo, GraphQLString

from schema.model import Scalar
from schema.scalars import SCALARS
from schema.yaml_output import to_yaml

__all__ = ["json_field", "yaml_field"]


def json_field() -> GraphQLField:
    """The field ``json``: the whole object as JSON."""
    return GraphQLField(SCALARS[Scalar.JSON], resolve=_resolve_json, description="The whole object as JSON.")


def yaml_field() -> GraphQLField:
    """The field ``yaml``: the whole object as one YAML document, keys in the API server's order."""
    return GraphQLField(GraphQLString, resolve=_resolve_yaml, description="The whole object as YAML.")


def _resolve_json(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    return source


def _resolve_yaml(source: Mapping[str, Any], _info: GraphQLResolveInfo[Any]) -> str:
    return to_yaml(source)

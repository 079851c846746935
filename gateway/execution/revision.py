"""One revision of the schema: what a cluster served at one moment, built and validated."""

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import validate_schema

from gateway.errors import GatewayError
from gateway.execution.schema import KubernetesSchema
from gateway.resolvers.root import Resolvers
from schema.discovery import Discovery
from schema.lower import lower
from schema.model import Model
from schema.operations import build_schema
from schema.resources import GroupVersion

__all__ = ["Revision", "build_revision"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A model and the schema built from it; neither changes."""

    model: Model
    schema: KubernetesSchema


def build_revision(discovery: Discovery, documents: Mapping[GroupVersion, bytes]) -> Revision:
    """Lower, build and validate; about 0.3 s of CPU for the whole API of Kubernetes 1.36."""
    model = lower(discovery, documents)
    built = build_schema(model, Resolvers(model))
    if errors := validate_schema(built):
        raise GatewayError(f"the schema of this cluster is not valid GraphQL: {errors[0].message}")
    return Revision(model, KubernetesSchema(built))

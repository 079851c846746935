"""Building: the model becomes a graphql-core schema.

:class:`LazySchema` is the entry point: it builds each type on first use (:mod:`~schema.building.on_demand`).
:func:`complete_schema` builds all of them, for introspection, and :func:`print_sdl` prints all of them.

:mod:`~schema.building.root_fields` builds the root types from the rows of :data:`schema.verbs.VERBS`,
:mod:`~schema.building.object_types` the types of Kubernetes objects, :mod:`~schema.building.wrappers` the
types around an object (list, event, deletion), and :mod:`~schema.building.cluster_fields`,
:mod:`~schema.building.pod_logs` and :mod:`~schema.building.node_drain` the root fields that exist once per
cluster.

The functions that answer root fields do not belong here: :class:`RootResolvers` brings them. Parsing and
naming belong to :mod:`schema.lowering`.
"""

from schema.building.cluster_fields import ClusterResolvers
from schema.building.computed_fields import DecodedObject, Part
from schema.building.health import health_selection
from schema.building.lazy_schema import LazySchema, complete_schema
from schema.building.manifests import ManifestResolvers
from schema.building.node_drain import DrainedResources
from schema.building.object_tree import MemberSelection, StateResolvers, TreeSelection, compile_tree
from schema.building.object_types import ObjectTypes
from schema.building.pod_logs import POD_LOG_LINE, compile_line
from schema.building.root_fields import RootField, RootResolvers
from schema.building.sdl import print_sdl

__all__ = [
    "POD_LOG_LINE",
    "ClusterResolvers",
    "DecodedObject",
    "DrainedResources",
    "LazySchema",
    "ManifestResolvers",
    "MemberSelection",
    "ObjectTypes",
    "Part",
    "RootField",
    "RootResolvers",
    "StateResolvers",
    "TreeSelection",
    "compile_line",
    "compile_tree",
    "complete_schema",
    "health_selection",
    "print_sdl",
]

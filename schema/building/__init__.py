"""Building: the model becomes a graphql-core schema.

:func:`build_schema` is the entry point. :mod:`~schema.building.root_fields` builds the three root types from
the rows of :data:`schema.verbs.VERBS`, :mod:`~schema.building.object_types` the types of Kubernetes objects,
:mod:`~schema.building.wrappers` the types around an object (list, event, deletion), and
:mod:`~schema.building.cluster_fields` and :mod:`~schema.building.pod_logs` the root fields that exist once
per cluster.

The functions that answer root fields do not belong here: :class:`RootResolvers` brings them. Parsing and
naming belong to :mod:`schema.lowering`.
"""

from schema.building.cluster_fields import ClusterResolvers
from schema.building.object_types import ObjectTypes
from schema.building.pod_logs import POD_LOG_LINE, compile_line
from schema.building.root_fields import RootField, RootResolvers, build_schema

__all__ = [
    "POD_LOG_LINE",
    "ClusterResolvers",
    "ObjectTypes",
    "RootField",
    "RootResolvers",
    "build_schema",
    "compile_line",
]

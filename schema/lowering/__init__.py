"""Lowering: discovery and OpenAPI definitions become the model.

:func:`lower` is the entry point (:mod:`~schema.lowering.pipeline`).
:mod:`~schema.lowering.definitions` and :mod:`~schema.lowering.values` turn schemas into types.
:mod:`~schema.lowering.repeats`, :mod:`~schema.lowering.structures` and :mod:`~schema.lowering.sharing` share
the types inside custom resources, and :mod:`~schema.lowering.tails` names them.
:mod:`~schema.lowering.type_names` and :mod:`~schema.lowering.root_names` name all types and the root fields.
:mod:`~schema.lowering.well_known` has the definitions that are known by name.

graphql-core does not belong here (:mod:`schema.building` imports it), nor does fetching documents.
"""

from schema.lowering.pipeline import LoweredDefinitions, lower
from schema.lowering.root_names import RESERVED_FIELDS, names_depend_on_age
from schema.lowering.type_names import RESERVED_TYPES
from schema.lowering.well_known import SCALE_KIND, stand_in_id

__all__ = [
    "RESERVED_FIELDS",
    "RESERVED_TYPES",
    "SCALE_KIND",
    "LoweredDefinitions",
    "lower",
    "names_depend_on_age",
    "stand_in_id",
]

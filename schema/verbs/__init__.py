"""The verbs of the root fields: each row of :data:`VERBS` is everything that the schema side has on one verb.

The names of the root fields (:mod:`schema.lowering`), their arguments, types and descriptions
(:mod:`schema.building`) and the condition under which a field exists are all generated from this table.
To add a mutation, add a member to :class:`Verb`, a row to :mod:`~schema.verbs.writes` or
:mod:`~schema.verbs.kubectl`, and a row with its function to the table of ``gateway/resolvers/root.py``.

This package is plain data: it imports neither graphql-core nor anything of ``gateway``.
"""

from collections.abc import Mapping

from schema.verbs.kubectl import KUBECTL
from schema.verbs.reads import READS
from schema.verbs.spec import OBJECT_INPUT, Answer, Argument, Operation, Verb, VerbSpec
from schema.verbs.writes import WRITES

__all__ = ["OBJECT_INPUT", "VERBS", "Answer", "Argument", "Operation", "Verb", "VerbSpec"]

VERBS: Mapping[Verb, VerbSpec] = {**READS, **WRITES, **KUBECTL}

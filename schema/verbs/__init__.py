"""The verbs of the root fields: each row of :data:`VERBS` is everything that the schema side has on one verb.

The names of the root fields (:mod:`schema.lowering`), their arguments, types and descriptions
(:mod:`schema.building`) and the condition under which a field exists are all generated from this table.
To add a mutation, add a member to :class:`Verb`, a row to :mod:`~schema.verbs.writes` or
:mod:`~schema.verbs.kubectl`, and a row with its function to the table of ``gateway/resolvers/root.py``.

The verbs of other subresources than `status` come from discovery (:mod:`~schema.verbs.subresources`).

This package is plain data: it imports neither graphql-core nor anything of ``gateway``.
"""

from collections.abc import Mapping
from functools import lru_cache

from schema.resources import Resource
from schema.verbs.kubectl import KUBECTL
from schema.verbs.reads import READS
from schema.verbs.spec import OBJECT_INPUT, Answer, Argument, Operation, Verb, VerbSpec
from schema.verbs.subresources import SubresourceVerb, claimed_verbs, spec_of_subresource
from schema.verbs.writes import WRITES

__all__ = [
    "OBJECT_INPUT",
    "VERBS",
    "Answer",
    "Argument",
    "FieldVerb",
    "Operation",
    "SubresourceVerb",
    "Verb",
    "VerbSpec",
    "claimed_verbs",
    "spec_of",
    "verbs_of",
]

FieldVerb = Verb | SubresourceVerb
"""The verb of a root field."""

VERBS: Mapping[Verb, VerbSpec] = {**READS, **WRITES, **KUBECTL}


def spec_of(verb: FieldVerb) -> VerbSpec:
    """The row of a verb."""
    return spec_of_subresource(verb) if isinstance(verb, SubresourceVerb) else VERBS[verb]


@lru_cache(maxsize=4096)
def verbs_of(resource: Resource) -> tuple[FieldVerb, ...]:
    """The verbs of the resource's root fields."""
    verbs: tuple[FieldVerb, ...] = (*VERBS, *claimed_verbs(resource))
    return tuple(verb for verb in verbs if spec_of(verb).is_served(resource))

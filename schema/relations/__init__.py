"""Relations: which objects belong together, as data.

A :class:`Relation` is a field that Kubernetes has no property for: the object to which a reference refers,
the pods that a selector selects, the owner of an object. :mod:`~schema.relations.catalogue` derives the
relations of each type of a model: from references (:mod:`~schema.relations.references`), from the table of
built-in kinds (:mod:`~schema.relations.builtin`) and from the user's own rules
(:mod:`~schema.relations.user_rules`). :mod:`~schema.relations.required` finds the references without which an
object does not work.

A relation turns the values that it reads into a :mod:`~schema.relations.lookup`: names of objects, or
searches among the objects of a resource. Requests, and the objects themselves, do not belong here.
"""

from schema.relations.catalogue import LeftOut, Relations, list_relations
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, Lookup, ObjectName, Origin, Search, TopOwner
from schema.relations.matches import Match
from schema.relations.placed import PlacedRelation, find_relation, relation_names
from schema.relations.relation import RELATION, Arguments, Relation, relation_of
from schema.relations.required import ReferenceFinder, RequiredReferences
from schema.relations.user_rules import RelationRule, RelationRuleError, parse_relation_rules

__all__ = [
    "RELATION",
    "Arguments",
    "KindIndex",
    "KindName",
    "LeftOut",
    "Lookup",
    "Match",
    "ObjectName",
    "Origin",
    "PlacedRelation",
    "ReferenceFinder",
    "Relation",
    "RelationRule",
    "RelationRuleError",
    "Relations",
    "RequiredReferences",
    "Search",
    "TopOwner",
    "find_relation",
    "list_relations",
    "parse_relation_rules",
    "relation_names",
    "relation_of",
]

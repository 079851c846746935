"""Health: whether an object has the state that its spec asks for, from its JSON alone.

:func:`health_of` is the entry. :mod:`~schema.health.evaluate` has the order of the rules and the table of
kinds. The rules of built-in kinds are in :mod:`~schema.health.workloads`, :mod:`~schema.health.pods` and
:mod:`~schema.health.cluster_kinds`, that of all other kinds in :mod:`~schema.health.conditions`, and users'
rules in :mod:`~schema.health.user_rules`.

Not here: the health of several objects together, GraphQL types (:mod:`schema.building.health`), clocks.
"""

from schema.health.evaluate import health_of, health_paths, since_of
from schema.health.reading import Condition, Reader, Unreadable
from schema.health.user_rules import HealthRule, HealthRules, InvalidHealthRule, parse_health_rules
from schema.health.verdict import Health, HealthStatus, worst_status

__all__ = [
    "Condition",
    "Health",
    "HealthRule",
    "HealthRules",
    "HealthStatus",
    "InvalidHealthRule",
    "Reader",
    "Unreadable",
    "health_of",
    "health_paths",
    "parse_health_rules",
    "since_of",
    "worst_status",
]

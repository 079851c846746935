"""The file of ``--relations``: the user's own relations (``relations``) and rules of health (``health``)."""

from dataclasses import dataclass, field
from typing import Any

import yaml

from schema.health import HealthRules, InvalidHealthRule, parse_health_rules
from schema.relations import RelationRule, RelationRuleError, parse_relation_rules

__all__ = ["InvalidRelationsFile", "RelationsFile", "parse_relations_file"]

_KEYS = frozenset(("relations", "health"))


class InvalidRelationsFile(ValueError):
    """A file that is not valid; the message names the place."""


@dataclass(frozen=True, slots=True)
class RelationsFile:
    """The rules of a file; without a file there are none."""

    relations: tuple[RelationRule, ...] = ()
    health: HealthRules = field(default_factory=HealthRules)


def parse_relations_file(text: str) -> RelationsFile:
    """Parse YAML, or JSON. Raises InvalidRelationsFile."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidRelationsFile(f"it is not YAML: {error}") from error
    if document is None:
        document = {}
    if not isinstance(document, dict):
        raise InvalidRelationsFile("it is not a mapping with the keys relations and health")
    if unknown := sorted(map(str, document.keys() - _KEYS)):
        raise InvalidRelationsFile(f"unknown key {unknown[0]}; the keys are health and relations")
    try:
        return RelationsFile(parse_relation_rules(document.get("relations")), parse_health_rules(document))
    except (RelationRuleError, InvalidHealthRule) as error:
        raise InvalidRelationsFile(str(error)) from error

"""The user's own relations, from the file of ``--relations``.

They are the list ``relations`` of the file (:mod:`schema.relations_file`)::

    relations:
      - from: Certificate.cert-manager.io   # Kind, or Kind.group
        name: issuedSecret                  # the field's name
        rule: reference                     # see Rule
        path: spec.secretName
        to: Secret
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import msgspec

from schema.model import ServedResource
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, Lookup, ObjectName, Origin, Search
from schema.relations.matches import LabelValue, Match, Named, OwnedBy, Selected, Selecting, selector_text
from schema.relations.paths import value_at, values_at
from schema.relations.references import named_object
from schema.relations.relation import Arguments, Path, Relation, Rule

__all__ = ["RelationRule", "RelationRuleError", "RuleForm", "build_relation", "parse_relation_rules"]

_NAME = re.compile(r"[a-z_][A-Za-z0-9_]*")
_PATH = re.compile(r"[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*")
_KEYS = frozenset(("from", "name", "rule", "to", "path", "label", "description"))


class RelationRuleError(ValueError):
    """A rule that is not valid; the message names its place in the file."""


class RuleForm(StrEnum):
    """How the objects of kind ``to`` are found.

    ``path`` is in the object of kind ``from``, in the forms that end in ``By`` in the object of kind ``to``.
    """

    REFERENCE = "reference"
    REFERENCED_BY = "referencedBy"
    SELECTOR = "selector"
    SELECTED_BY = "selectedBy"
    OWNED = "owned"
    LABEL = "label"

    @property
    def is_reverse(self) -> bool:
        """Whether the path is in the object of kind ``to``."""
        return self in (RuleForm.REFERENCED_BY, RuleForm.SELECTED_BY)


_NEEDS_PATH = frozenset(set(RuleForm) - {RuleForm.OWNED, RuleForm.LABEL})


@dataclass(frozen=True, slots=True)
class RelationRule:
    """One rule; ``path`` is empty for ``owned`` and ``label``, ``label`` for all others."""

    source: KindName
    name: str
    form: RuleForm
    target: KindName
    path: str = ""
    label: str = ""
    description: str = ""


def parse_relation_rules(rules: object) -> tuple[RelationRule, ...]:
    """The rules of the file's key ``relations``, as JSON values. Raises RelationRuleError."""
    if rules is None:
        return ()
    if not isinstance(rules, list):
        raise RelationRuleError("`relations` is not a list")
    parsed = tuple(_parse_rule(rule, f"relations[{index}]") for index, rule in enumerate(rules))
    _expect_distinct(parsed)
    return parsed


def _expect_distinct(rules: Iterable[RelationRule]) -> None:
    seen: set[tuple[KindName, str]] = set()
    for rule in rules:
        if (rule.source, rule.name) in seen:
            raise RelationRuleError(f"{rule.source.kind} has two relations with the name {rule.name}")
        seen.add((rule.source, rule.name))


def _parse_rule(rule: Any, place: str) -> RelationRule:
    if not isinstance(rule, dict):
        raise RelationRuleError(f"{place} is not a mapping")
    unknown = sorted(map(str, rule.keys() - _KEYS))
    if unknown:
        raise RelationRuleError(
            f"{place} has the unknown key {unknown[0]}; keys are {', '.join(sorted(_KEYS))}"
        )
    texts = {key: rule.get(key, "") for key in _KEYS}
    for key, value in texts.items():
        if not isinstance(value, str) or (key in ("from", "name", "rule", "to") and not value):
            raise RelationRuleError(f"{place} needs a text as `{key}`")
    if not _NAME.fullmatch(texts["name"]) or texts["name"].startswith("__"):
        raise RelationRuleError(f"{place}: {texts['name']!r} is no name of a field")
    if texts["rule"] not in list(RuleForm):
        raise RelationRuleError(f"{place}: `rule` is one of {', '.join(RuleForm)}, not {texts['rule']!r}")
    form = RuleForm(texts["rule"])
    _expect_details(form, texts, place)
    return RelationRule(
        KindName.parse(texts["from"]),
        texts["name"],
        form,
        KindName.parse(texts["to"]),
        texts["path"],
        texts["label"],
        texts["description"],
    )


def _expect_details(form: RuleForm, texts: Mapping[str, str], place: str) -> None:
    for key, needed in (("path", form in _NEEDS_PATH), ("label", form is RuleForm.LABEL)):
        if needed != bool(texts[key]):
            raise RelationRuleError(f"{place}: the rule {form} {'needs' if needed else 'takes no'} `{key}`")
    if texts["path"] and not _PATH.fullmatch(texts["path"]):
        raise RelationRuleError(f"{place}: {texts['path']!r} is no path such as spec.volumes[].secret.name")
    if form in (RuleForm.SELECTOR, RuleForm.SELECTED_BY) and "[]" in texts["path"]:
        raise RelationRuleError(f"{place}: the path of a selector has no lists")


def build_relation(kinds: KindIndex, rule: RelationRule) -> Relation | None:
    """The relation of a rule; None if the cluster does not serve the kind ``to``."""
    target = kinds.find(rule.target)
    if target is None:
        return None
    reads, find = _finder(rule, target)
    to_many = rule.form is not RuleForm.REFERENCE or "[]" in rule.path
    description = rule.description or f"{rule.form}: {rule.path or rule.label or 'metadata.ownerReferences'}."
    return Relation(rule.name, Rule.USER, description, reads, find, target, to_many)


def _finder(rule: RelationRule, target: ServedResource) -> tuple[tuple[Path, ...], Any]:
    name: tuple[Path, ...] = (("metadata", "name"),)
    path = tuple(rule.path.split("."))
    match rule.form:
        case RuleForm.REFERENCE:
            return ((path[0].removesuffix("[]"),),), partial(_find_reference, target, rule.path)
        case RuleForm.REFERENCED_BY:
            return name, partial(_find_by_text, target, Named((rule.path, f"{rule.path}.name")))
        case RuleForm.LABEL:
            return name, partial(_find_by_text, target, LabelValue(rule.label))
        case RuleForm.OWNED:
            return (("metadata", "uid"),), partial(_find_by_text, target, OwnedBy())
        case RuleForm.SELECTOR:
            return (path,), partial(_find_selected, target)
        case RuleForm.SELECTED_BY:
            find = partial(_find_selecting, target, Selecting(path, empty_selects=False))
            return (("metadata", "labels"),), find


Find = Callable[[Origin, Arguments, Sequence[Any]], Lookup]


def _find_reference(
    target: ServedResource, path: str, origin: Origin, _arguments: Arguments, values: Sequence[Any]
) -> Lookup:
    first = path.partition(".")[0].removesuffix("[]")
    parts: list[ObjectName] = []
    for found in values_at({first: values[0]}, path):
        name = found if isinstance(found, str) else value_at(found, ("name",))
        namespace = value_at(found, ("namespace",))
        parts += named_object(target, name, namespace, origin)
    return tuple(dict.fromkeys(parts))


def _place(target: ServedResource, origin: Origin) -> str | None:
    return (origin.namespace or None) if target.resource.namespaced else None


def _find_by_text(
    target: ServedResource, match: Match, origin: Origin, _arguments: Arguments, values: Sequence[Any]
) -> Lookup:
    keys = (values[0],) if isinstance(values[0], str) and values[0] else ()
    return (Search(target, match, keys, _place(target, origin)),)


def _find_selected(
    target: ServedResource, origin: Origin, _arguments: Arguments, values: Sequence[Any]
) -> Lookup:
    text = selector_text(values[0], empty_selects=False)
    return (Search(target, Selected(), () if text is None else (text,), _place(target, origin)),)


def _find_selecting(
    target: ServedResource, match: Match, origin: Origin, _arguments: Arguments, values: Sequence[Any]
) -> Lookup:
    labels = values[0] if isinstance(values[0], dict) else {}
    key = msgspec.json.encode(labels, order="sorted").decode()
    return (Search(target, match, (key,), _place(target, origin)),)

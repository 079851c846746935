"""The relations of the types of a model, derived when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, Verb
from schema.relations.builtin import (
    SELECTORS,
    common_relations,
    kind_relations,
    namespace_relation,
    selector_relation,
)
from schema.relations.kinds import KindIndex
from schema.relations.references import references_of
from schema.relations.relation import Relation, Rule
from schema.relations.user_rules import RelationRule, build_relation

__all__ = ["LeftOut", "Relations", "list_relations"]

_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_DOCUMENT_FIELDS = frozenset(("yaml", "json", "fieldOwners", "health"))
"""Other fields that every kind has and Kubernetes has no property for."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A relation that a type does not have, and the reason."""

    name: str
    reason: str


class Relations:
    """The relations of a model; ``rules`` are the user's own.

    A name belongs to the API's own property first, then to the relations of the kind, to the user's rules and
    to references, in the order of their properties.
    """

    def __init__(self, model: Model, rules: Sequence[RelationRule] = ()) -> None:
        self.kinds = KindIndex(model)
        self.common: Mapping[str, Relation] = {
            name: relation
            for name, relation in common_relations(self.kinds).items()
            if relation.target is None or Verb.LIST in relation.target.pinned
        }
        self.model = model
        self._rules = rules
        self._namespaced = {served.object for served in model.resources if served.resource.namespaced}
        self._derived: dict[str, tuple[Mapping[str, Relation], tuple[LeftOut, ...]]] = {}

    def of(self, id: str) -> Mapping[str, Relation]:  # noqa: A002 - the model's own word
        """The relations of the type of ``model.objects[id]``, by name."""
        return self._derive(id)[0]

    def left_out(self, id: str) -> Sequence[LeftOut]:  # noqa: A002 - the model's own word
        """The relations that this type does not have: their name is taken, or their kind absent."""
        return self._derive(id)[1]

    def unmatched_rules(self) -> Iterator[tuple[RelationRule, str]]:
        """The rules without effect on this cluster, each with the reason.

        A path that the type does not declare is reported, too; its relation stands, because the API server
        may keep unknown fields.
        """
        for rule in self._rules:
            if self.kinds.find(rule.source) is None:
                yield rule, f"the cluster serves no kind {_text(rule, 'source')}"
            elif self.kinds.find(rule.target) is None:
                yield rule, f"the cluster serves no kind {_text(rule, 'target')}"
            elif reason := self._reason_left_out(rule) or self._undeclared(rule):
                yield rule, reason

    def _reason_left_out(self, rule: RelationRule) -> str:
        source = self.kinds.find(rule.source)
        if source is None:
            return ""
        found = self.of(source.object).get(rule.name)
        if found is not None and found.rule is Rule.USER:
            return ""
        reasons = [item.reason for item in self.left_out(source.object) if item.name == rule.name]
        return reasons[-1] if reasons else "the kind is no object with metadata"

    def _undeclared(self, rule: RelationRule) -> str:
        """The reason if the path of a rule names a field that its type does not declare."""
        served = self.kinds.find(rule.target if rule.form.is_reverse else rule.source)
        type_: object = Definition(served.object) if served else None
        for key in rule.path.replace("[]", "").split(".") if rule.path else ():
            while isinstance(type_, ListOf):
                type_ = type_.items
            if not isinstance(type_, Definition) or type_.id not in self.model.objects:
                return ""
            properties = _properties_of(self.model.objects[type_.id])
            if properties and key not in properties:
                return f"the path {rule.path} has the undeclared field {key}"
            type_ = properties[key].type if properties else None
        return ""

    def _derive(self, id_: str) -> tuple[Mapping[str, Relation], tuple[LeftOut, ...]]:
        if id_ not in self._derived:
            self._derived[id_] = self._derived_of(self.model.objects[id_])
        return self._derived[id_]

    def _derived_of(self, object_type: ObjectType) -> tuple[Mapping[str, Relation], tuple[LeftOut, ...]]:
        found: dict[str, Relation] = {}
        left_out: list[LeftOut] = []
        own = {property_.name for property_ in object_type.properties}
        if object_type.kinds:
            own |= _DOCUMENT_FIELDS
        for relation, subject in self._candidates(object_type):
            target = relation.target
            if relation.to_many and target is not None and Verb.LIST not in target.pinned:
                left_out.append(LeftOut(relation.name, f"{subject}: {target.resource.gvr} cannot be listed"))
            elif relation.name in own:
                left_out.append(LeftOut(relation.name, f"{subject}: the API has a field of that name"))
            elif relation.name in found:
                if found[relation.name] is not relation:
                    left_out.append(LeftOut(relation.name, f"{subject}: another relation has that name"))
            else:
                found[relation.name] = relation
        return found, tuple(left_out)

    def _candidates(self, object_type: ObjectType) -> Iterator[tuple[Relation, str]]:
        """The relations in the order of their precedence, each with the rule or property behind it."""
        if _is_object(object_type):
            for relation in self._of_object(object_type):
                yield relation, relation.rule
        for name, relation in references_of(self.model, self.kinds, object_type):
            yield relation, f"{relation.rule} {name}"

    def _of_object(self, object_type: ObjectType) -> Iterator[Relation]:
        yield from self.common.values()
        if object_type.id in self._namespaced:
            yield from namespace_relation(self.kinds)
        for group, kind in dict.fromkeys((item.group, item.kind) for item in object_type.kinds):
            yield from kind_relations(self.kinds, group, kind)
            if (group, kind) not in SELECTORS:
                yield from self._of_custom_selector(object_type)
            for rule in self._rules:
                if rule.source.kind == kind and rule.source.group in (None, group):
                    relation = build_relation(self.kinds, rule)
                    if relation is not None:
                        yield relation

    def _of_custom_selector(self, object_type: ObjectType) -> Iterator[Relation]:
        """``spec.podSelector``, or ``spec.selector`` beside the template of the pods."""
        if not any("." in kind.group and not kind.group.endswith(".k8s.io") for kind in object_type.kinds):
            return
        spec = _properties(self.model, _properties_of(object_type).get("spec"))
        key = "podSelector" if "podSelector" in spec else "selector" if "template" in spec else ""
        if key in spec and self._is_selector(spec[key]):
            yield from selector_relation(self.kinds, ("spec", key), empty_selects=False)

    def _is_selector(self, property_: Property) -> bool:
        if property_.type is Scalar.STRING_MAP:
            return True
        return "matchLabels" in _properties(self.model, property_)


def _is_object(object_type: ObjectType) -> bool:
    metadata = _properties_of(object_type).get("metadata")
    return bool(object_type.kinds) and metadata is not None and metadata.type == Definition(_OBJECT_META)


def _properties_of(object_type: ObjectType) -> Mapping[str, Property]:
    return {property_.key: property_ for property_ in object_type.properties}


def _properties(model: Model, property_: Property | None) -> Mapping[str, Property]:
    if property_ is None or not isinstance(property_.type, Definition):
        return {}
    inner = model.objects.get(property_.type.id)
    return {} if inner is None else _properties_of(inner)


def _text(rule: RelationRule, end: str) -> str:
    kind = rule.source if end == "source" else rule.target
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def list_relations(model: Model, relations: Relations) -> Iterator[str]:
    """The lines: one relation each, by type, and after them the relations left out, with the reason."""
    types = sorted(model.objects.values(), key=lambda item: item.name)
    for object_type in types:
        for relation in relations.of(object_type.id).values():
            found_by = f"({relation.rule}) {relation.description}"
            yield f"{object_type.name}.{relation.name}: {_type_of(relation)}  {found_by}"
    left_out = [(item.name, found) for item in types for found in relations.left_out(item.id)]
    listed = {found.name for _, found in left_out}
    rules = [(rule, reason) for rule, reason in relations.unmatched_rules() if rule.name not in listed]
    if left_out or rules:
        yield ""
        yield "Left out:"
    for name, found in left_out:
        yield f"{name}.{found.name}: {found.reason}"
    for rule, reason in rules:
        yield f"{rule.source.kind}.{rule.name}: {reason}"


def _type_of(relation: Relation) -> str:
    if relation.target is None:
        return "KubernetesObjectList" if relation.to_many else "KubernetesObject"
    return relation.target.list_name if relation.to_many else relation.target.resource.kind.kind

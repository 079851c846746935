"""The relations of a model as text, for ``kube-graphql schema --relations``."""

from collections.abc import Iterator

from schema.model import Model
from schema.relations.catalogue import Relations
from schema.relations.relation import Relation

__all__ = ["list_relations"]


def list_relations(model: Model, relations: Relations) -> Iterator[str]:
    """The lines: one relation each, by type, and after them the ones left out, with the reason."""
    types = sorted(model.objects.values(), key=lambda item: item.name)
    for object_type in types:
        for relation in relations.of(object_type.id).values():
            found_by = f"({relation.rule}) {relation.description}"
            yield f"{object_type.name}.{relation.name}: {_answer(relation)}  {found_by}"
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


def _answer(relation: Relation) -> str:
    if relation.target is None:
        return "KubernetesObjectList" if relation.to_many else "KubernetesObject"
    return relation.target.list_name if relation.to_many else relation.target.resource.kind.kind

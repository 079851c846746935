"""Custom resources that share types answer every query exactly as if they did not."""

import json
from collections.abc import Mapping
from typing import Any

from graphql import NamedTypeNode, NameNode, Visitor, print_ast, validate, visit
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from schema.model import Definition, ListOf, Model, TypeExpression
from tests.fixtures.properties import examples
from tests.schema.documents import id_of, kind_schema, lower_all, resource, served
from tests.schema.lowering.test_sharing import clusters, lower_kinds
from tests.schema.selection.cases import case, normalised, parsed
from tests.schema.selection.test_compile_equivalence import RULES, operations


class Renamed(Visitor):
    """Replaces the names of types in a document."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names

    def enter_named_type(self, node: NamedTypeNode, *_: Any) -> NamedTypeNode:
        return NamedTypeNode(name=NameNode(value=self._names.get(node.name.value, node.name.value)))


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(st.data(), clusters.filter(bool), st.booleans())
def test_shared_types_answer_as_unshared_ones(
    data: st.DataObject, kinds: dict[tuple[str, str], dict[str, Any]], misfits: bool
) -> None:
    kind = data.draw(st.sampled_from(sorted(kinds)))
    shared, apart = lower_kinds(kinds), lower_unshared(kinds)
    names = type_names(apart, shared, *kind)
    separate, common = case(apart, served(apart, *kind)), case(shared, served(shared, *kind))
    of = served(apart, *kind)
    body, document, several = data.draw(operations(separate, apart, of, misfits=misfits))
    variables = several[0]
    assume(not validate(separate.schema, parsed(document), RULES))
    renamed = print_ast(visit(parsed(document), Renamed(names)))

    assert not validate(common.schema, parsed(renamed), RULES)
    answer = json.loads(normalised(common.answer(renamed, body, variables)))
    expected = json.loads(normalised(separate.answer(document, body, variables)))
    assert without_locations(answer) == without_locations(with_names(expected, names))


def lower_unshared(kinds: Mapping[tuple[str, str], Mapping[str, Any]]) -> Model:
    """The model of the same kinds in the form of an aggregated API, whose types are not shared."""
    schemas = {
        f"com.acme.{id_of(*kind)}": kind_schema(*kind, **dict(properties))
        for kind, properties in kinds.items()
    }
    return lower_all([resource(*kind) for kind in kinds], schemas)


def type_names(apart: Model, shared: Model, api_version: str, kind: str) -> dict[str, str]:
    """The name of each type of a kind, by the name of the type without sharing."""
    names: dict[str, str] = {}

    def walk(one: TypeExpression, other: TypeExpression) -> None:
        while isinstance(one, ListOf) and isinstance(other, ListOf):
            one, other = one.items, other.items
        if isinstance(one, Definition) and isinstance(other, Definition):
            left, right = apart.objects[one.id], shared.objects[other.id]
            if left.name not in names:
                names[left.name] = right.name
                rest = {item.key: item for item in right.properties}
                for item in left.properties:
                    walk(item.type, rest[item.key].type)

    before, after = (served(model, api_version, kind) for model in (apart, shared))
    names[before.list_name] = after.list_name
    walk(Definition(before.object), Definition(after.object))
    return names


def with_names(value: Any, names: Mapping[str, str]) -> Any:
    """The response with the other names of types, also in the messages of errors."""
    match value:
        case str():
            for name in sorted(names, key=len, reverse=True):
                if name in value:
                    return value.replace(name, names[name])
            return value
        case list():
            return [with_names(item, names) for item in value]
        case dict():
            return {key: with_names(item, names) for key, item in value.items()}
        case _:
            return value


def without_locations(response: dict[str, Any]) -> dict[str, Any]:
    """The response without line and column of errors, which differ as the documents do."""
    errors = [
        {key: item for key, item in error.items() if key != "locations"} for error in response["errors"]
    ]
    return {**response, "errors": errors}

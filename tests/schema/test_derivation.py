"""Derived fields have the same value compiled as executed by graphql-core, beside any other selection."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from graphql import GraphQLField, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType, GraphQLString
from hypothesis import given
from hypothesis import strategies as st

from schema.building import object_types
from schema.derivation import Derivation, derived_field
from tests.schema.selection.cases import Case, case, normalised
from tests.schema.selection.generated_models import SERVED
from tests.schema.selection.test_decoder import MODEL, thing

PAIR = GraphQLObjectType(
    "Pair",
    {
        "name": GraphQLField(GraphQLNonNull(GraphQLString)),
        "count": GraphQLField(GraphQLInt),
    },
)


@dataclass(frozen=True)
class _Pairs:
    """Pairs of the object's name and its count, as often as it has parts."""

    def __call__(self, names: list[Any], counts: list[Any], parts: list[Any]) -> list[Any]:
        return [
            None
            if (name := msgspec.json.decode(name_json)) is None
            else [{"name": name, "count": msgspec.json.decode(count)}] * len(msgspec.json.decode(part) or ())
            for name_json, count, part in zip(names, counts, parts, strict=True)
        ]


PAIRS = Derivation((("metadata", "name"), ("count",), ("part", "parts")), _Pairs())


@pytest.fixture(autouse=True)
def _derived(monkeypatch: pytest.MonkeyPatch) -> None:
    field = derived_field(GraphQLList(GraphQLNonNull(PAIR)), PAIRS, "Pairs.")
    monkeypatch.setitem(object_types._DOCUMENT_FIELDS, "pairs", field)


SELECTIONS = [
    "pairs { name count }",
    "pairs { n: name __typename } again: pairs { count }",
    "metadata { name labels } pairs { name }",
    "pairs { name } count metadata { n: name }",
    "pairs { name } part { parts { count parts { count } } }",
    "part { count } pairs { count } kind",
    "pairs { name } part { again: parts { c: count } parts { count } }",
    "kind pairs { name }",
]
OBJECTS = [
    thing(),
    thing(count=3, part={"parts": [{}, {"count": 1}]}),
    thing(count=3, part={"count": 2, "parts": []}),
    thing(part=None, count=None),
    thing(part={"parts": None}),
    thing(metadata={}),
    thing(metadata=None, part={"parts": [{"parts": [{"count": 5}]}]}),
]


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_compiled_derived_field_equals_the_executed_one(selection: str) -> None:
    answering = case(MODEL, SERVED)
    body = {"kind": "ThingList", "metadata": {}, "items": OBJECTS}
    assert _compiled(answering, f"{{ things {{ items {{ {selection} }} }} }}", body)
    for item in OBJECTS:
        assert _compiled(answering, f"{{ thing {{ {selection} }} }}", item)


@pytest.mark.parametrize("selection", SELECTIONS)
def test_a_misfit_beside_a_derived_field_is_left_to_graphql_core(selection: str) -> None:
    answering = case(MODEL, SERVED)
    for misfit in ("count", "part", "metadata"):
        body = thing(**{misfit: ["x"]})
        _compiled(
            answering, f"{{ thing {{ count part {{ count }} metadata {{ name }} {selection} }} }}", body
        )
        assert not answering.fitted


@given(
    st.lists(st.sampled_from(OBJECTS), max_size=3),
    st.lists(st.sampled_from(SELECTIONS), min_size=1, max_size=3),
)
def test_any_combination_of_selections_gives_the_executed_answer(
    objects: list[dict[str, Any]], selections: list[str]
) -> None:
    answering = case(MODEL, SERVED)
    spread = " ".join(f"...F{index}" for index in range(len(selections)))
    fragments = " ".join(
        f"fragment F{index} on Thing {{ {selection} }}" for index, selection in enumerate(selections)
    )
    body = {"kind": "ThingList", "metadata": {}, "items": objects}
    _compiled(answering, f"{{ things {{ items {{ {spread} }} }} }} {fragments}", body)


def test_a_derived_field_of_metadata_reads_only_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    length = derived_field(GraphQLInt, Derivation((("metadata", "name"),), _Lengths()), "A length.")
    monkeypatch.setitem(object_types._DOCUMENT_FIELDS, "length", length)
    assert _reads_only_metadata("{ thing { length kind } }")
    assert not _reads_only_metadata("{ thing { pairs { name } } }")


def _reads_only_metadata(document: str) -> bool:
    answering = case(MODEL, SERVED)
    assert _compiled(answering, document, thing())
    assert answering.compiled is not None
    return answering.compiled.only_metadata


@dataclass(frozen=True)
class _Lengths:
    def __call__(self, names: list[Any]) -> list[Any]:
        return [len(msgspec.json.decode(name) or "") for name in names]


def _compiled(answering: Case, document: str, body: dict[str, Any]) -> bool:
    """Whether the operation is compiled and the JSON fits; its answer is the executed one."""
    encoded = json.dumps(body).encode()
    result = answering.answer(document, encoded, {})
    executed = answering.answer_by_execution(document, encoded, {})
    assert normalised(result) == normalised(executed)
    return answering.compiled is not None and answering.fitted

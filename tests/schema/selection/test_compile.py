"""Compilations are cached by document, schema and Boolean variables, and no longer than these live."""

import gc
import json
import weakref
from typing import Any

import msgspec
from graphql import GraphQLResolveInfo

from schema.model import Definition, Model, ObjectType, Property, Scalar
from schema.selection.compile import MAX_VARIANTS, CompilationCache
from tests.schema.selection.cases import Case, case, parsed
from tests.schema.selection.generated_models import (
    LIST_META_TYPE,
    OBJECT_META_TYPE,
    SERVED,
    THING,
    TYPE_META,
)

METADATA = Property("metadata", "metadata", Definition(OBJECT_META_TYPE.id))


def model(size: Scalar = Scalar.INT) -> Model:
    properties = (*TYPE_META, METADATA, Property("size", "size", size))
    objects = (OBJECT_META_TYPE, LIST_META_TYPE, ObjectType(THING, THING, "ThingInput", properties))
    return Model({item.id: item for item in objects}, (SERVED,))


def answered(answering: Case, document: str, body: dict[str, Any], **variables: Any) -> Any:
    result = answering.answer(document, json.dumps(body).encode(), variables)
    assert answering.fitted
    assert not result.errors
    return json.loads(msgspec.json.encode(result.data))["thing"]


def counted(cache: CompilationCache, answering: Case, document: str, **variables: Any) -> int:
    """How often running the document compiles."""
    compiled: list[object] = []

    def run(info: GraphQLResolveInfo[Any]) -> dict[str, Any]:
        cache.compiled(info, (), compiled.append)
        return {}

    answering.execute(document, run, variables)
    return len(compiled)


def test_a_document_is_compiled_once_for_each_value_of_its_boolean_variables() -> None:
    cache, answering = CompilationCache(), case(model(), SERVED)
    document = "query ($yes: Boolean!, $n: Int) { thing { size @include(if: $yes) kind @skip(if: $yes) } }"

    counts = [
        counted(cache, answering, document, **variables)
        for variables in ({"yes": True}, {"yes": True, "n": 1}, {"yes": False}, {"yes": True})
    ]

    assert counts == [1, 0, 1, 0]


def test_the_same_text_in_another_document_is_compiled_again() -> None:
    cache, answering = CompilationCache(), case(model(), SERVED)

    assert counted(cache, answering, "{ thing { size } }") == 1
    assert counted(cache, answering, "{ thing { size }  }") == 1


def test_a_label_selected_by_a_variable_is_read_anew_for_each_request() -> None:
    answering = case(model(), SERVED)
    document = "query ($key: String!) { thing { metadata { label(key: $key) } } }"
    body = {"metadata": {"labels": {"app": "web", "tier": "db"}}}

    answers = [answered(answering, document, body, key=key) for key in ("app", "tier", "none")]

    assert [item["metadata"]["label"] for item in answers] == ["web", "db", None]


def test_a_new_schema_compiles_for_its_own_types() -> None:
    before, after = case(model(Scalar.INT), SERVED), case(model(Scalar.STRING), SERVED)
    document = "{ thing { size } }"

    assert answered(before, document, {"size": 1}) == {"size": 1}
    assert answered(after, document, {"size": "big"}) == {"size": "big"}
    assert answered(before, document, {"size": 2}) == {"size": 2}


def test_the_variants_of_a_field_are_bounded() -> None:
    cache, answering = CompilationCache(), case(model(), SERVED)
    names = [f"v{number}" for number in range(8)]
    declared = ", ".join(f"${name}: Boolean" for name in names)
    document = f"query ({declared}) {{ thing {{ size }} }}"
    for number in range(2**8):
        values = {name: bool(number >> bit & 1) for bit, name in enumerate(names)}
        assert counted(cache, answering, document, **values) == 1

    assert cache.count(answering.schema) <= MAX_VARIANTS


def test_a_compilation_is_dropped_with_its_document_and_its_schema() -> None:
    cache, answering = CompilationCache(), case(model(), SERVED)
    schema = weakref.ref(answering.schema)
    counted(cache, answering, "{ thing { size } }")
    assert cache.count(answering.schema) == 1

    parsed.cache_clear()
    gc.collect()
    assert cache.count(answering.schema) == 0

    counted(cache, answering, "{ thing { size } }")
    del answering
    gc.collect()
    assert schema() is None

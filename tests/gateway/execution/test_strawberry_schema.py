"""A stored value that does not fit its type has a code of its own, and its siblings stay."""

from typing import Any

import msgspec
import pytest

from gateway.execution.strawberry_schema import KubernetesSchema
from schema.building import LazySchema
from tests.gateway.execution.test_errors import Failing, gateway_context
from tests.schema.models import small_model

SECRET = "hunter2"
REPLICAS = "{ kind spec { replicas } }"
PARTS = "{ kind spec { parts { old } } }"
LABELS = "{ kind metadata { labels } }"
LABEL = '{ kind metadata { label(key: "a") } }'
GENERATION = "{ kind metadata { generation } }"


class Answering(Failing):
    """The root fields answer with the given object."""

    def __init__(self, answer: Any) -> None:
        super().__init__(RuntimeError())
        self.answer = answer

    def resolver(self, _root: object) -> Any:
        return lambda _source, _info, **_arguments: self.answer


def decoded(data: Any) -> Any:
    """The data of a response, whose values may be encoded JSON."""
    return msgspec.json.decode(msgspec.json.encode(data))


async def executed(answer: Any, selection: str) -> Any:
    schema = KubernetesSchema(LazySchema(small_model(), Answering(answer)))
    return await schema.execute(f'{{ gadget(name: "a") {selection} }}', context_value=gateway_context())


@pytest.mark.parametrize(
    ("answer", "selection", "path", "expected"),
    [
        ({"spec": {"replicas": SECRET}}, REPLICAS, ["spec", "replicas"], "Int"),
        ({"spec": {"replicas": 2**40}}, REPLICAS, ["spec", "replicas"], "Int"),
        ({"spec": {"class": [SECRET]}}, "{ kind spec { class } }", ["spec", "class"], "String"),
        ({"spec": SECRET}, REPLICAS, ["spec"], "GadgetSpec"),
        ({"spec": [SECRET]}, REPLICAS, ["spec"], "GadgetSpec"),
        ({"spec": {"parts": SECRET}}, PARTS, ["spec", "parts"], "[GadgetSpec]"),
        ({"spec": {"parts": {"a": 1}}}, PARTS, ["spec", "parts"], "[GadgetSpec]"),
        (
            {"spec": {"parts": [{}, SECRET]}},
            PARTS,
            ["spec", "parts", 1],
            "GadgetSpec",
        ),
        ({"spec": {"grid": [[1, SECRET]]}}, "{ kind spec { grid } }", ["spec", "grid", 0, 1], "Int"),
        (
            {"metadata": {"labels": SECRET}},
            LABELS,
            ["metadata", "labels"],
            "StringMap",
        ),
        (
            {"metadata": {"labels": {"a": {"b": SECRET}}}},
            LABELS,
            ["metadata", "labels"],
            "StringMap",
        ),
        (
            {"metadata": {"labels": SECRET}},
            LABEL,
            ["metadata", "label"],
            "StringMap",
        ),
        (
            {"metadata": {"generation": SECRET}},
            GENERATION,
            ["metadata", "generation"],
            "Int64",
        ),
    ],
)
async def test_it_has_its_path_and_the_expected_type_and_not_the_value(
    answer: dict[str, Any], selection: str, path: list[Any], expected: str
) -> None:
    result = await executed({"kind": "Gadget", **answer}, selection)

    assert decoded(result.data)["gadget"]["kind"] == "Gadget"
    assert result.errors
    (error,) = result.errors
    assert error.path == ["gadget", *path]
    assert error.extensions == {"code": "UNEXPECTED_VALUE", "expected": expected}
    assert SECRET not in str(error.formatted)


async def test_a_null_in_place_of_a_required_value_is_unexpected_too() -> None:
    schema = KubernetesSchema(LazySchema(small_model(), Answering({"metadata": None, "items": []})))

    result: Any = await schema.execute(
        '{ gadgets { kind metadata { continue } } other: gadget(name: "a") { kind } }',
        context_value=gateway_context(),
    )

    assert decoded(result.data) == {"gadgets": None, "other": {"kind": None}}
    assert [error.extensions["code"] for error in result.errors or ()] == ["UNEXPECTED_VALUE"]

"""The causes of a refusal, from the API server's details or from its message."""

from typing import Any

import pytest

from gateway.errors import Status
from gateway.resolvers.causes import causes_of


def status(message: str = "", causes: Any = None) -> Status:
    return Status(422, message=message, details={} if causes is None else {"causes": causes})


def fields(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["field"], item["message"]) for item in found]


def test_listed_causes_keep_their_words_and_get_a_place() -> None:
    cause = {"field": "spec.replicas", "message": "Invalid value", "reason": "FieldValueInvalid", "other": 1}
    (found,) = causes_of(status(causes=[cause]), lambda field: ["object", field])
    assert found == {
        "field": "spec.replicas",
        "message": "Invalid value",
        "reason": "FieldValueInvalid",
        "inputPath": ["object", "spec.replicas"],
    }


def test_a_cause_without_a_field_has_no_place() -> None:
    (found,) = causes_of(status(causes=[{"message": "no"}]), lambda _: ["object"])
    assert found == {"message": "no", "field": None, "reason": None, "inputPath": None}


STRICT = 'strict decoding error: unknown field "spec.a", duplicate field "spec.b"'


@pytest.mark.parametrize(
    "refused",
    [
        status(f"Pod in version v1: {STRICT}"),
        status(causes=[{"field": "patch", "message": f"Invalid: {STRICT}"}]),
    ],
    ids=["in the message", "in one cause of a patch"],
)
def test_the_fields_of_a_strict_validation_are_causes(refused: Status) -> None:
    assert fields(causes_of(refused)) == [("spec.a", "unknown field"), ("spec.b", "duplicate field")]


def test_a_value_of_another_type_is_a_cause() -> None:
    message = "json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32"
    assert fields(causes_of(status(message))) == [
        ("spec.priority", "cannot unmarshal string into a field of type int32")
    ]


def test_the_fields_that_do_not_fit_an_apply_are_causes() -> None:
    message = (
        "failed to create typed patch object (n/a; /v1, Kind=Pod): errors:\n"
        '  .spec.containers[name="a: b"].image: expected string, got 1\n'
        "  .spec.other: field not declared in schema"
    )
    assert fields(causes_of(status(message))) == [
        ('.spec.containers[name="a: b"].image', "expected string, got 1"),
        (".spec.other", "field not declared in schema"),
    ]


@pytest.mark.parametrize("causes", [None, "text"])
def test_other_messages_have_no_causes(causes: Any) -> None:
    assert causes_of(status('pods "a" not found', causes)) == []

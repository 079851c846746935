"""Refusals in the shape and the words of the real API server."""

import pytest

from gateway.demo.apiserver import statuses
from gateway.demo.apiserver.statuses import ApiError, Cause
from tests.schema.documents import resource

PODS, DEPLOYMENTS = resource("v1", "Pod"), resource("apps/v1", "Deployment")


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (statuses.not_found(PODS, "a"), 404, "NotFound", 'pods "a" not found'),
        (statuses.not_found(DEPLOYMENTS, "a"), 404, "NotFound", 'deployments.apps "a" not found'),
        (statuses.already_exists(PODS, "a"), 409, "AlreadyExists", 'pods "a" already exists'),
        (statuses.unauthorized(), 401, "Unauthorized", "Unauthorized"),
        (statuses.expired("too old"), 410, "Expired", "too old"),
        (statuses.forbidden(PODS, "a", "because"), 403, "Forbidden", 'pods "a" is forbidden: because'),
    ],
)
def test_a_refusal_is_a_status(error: ApiError, code: int, reason: str, message: str) -> None:
    status = error.status
    assert (status["kind"], status["status"]) == ("Status", "Failure")
    assert (status["code"], status["reason"], status["message"]) == (code, reason, message)


def test_causes_of_an_invalid_object_are_details_and_words() -> None:
    causes = [Cause.required("spec.a"), Cause.invalid("spec.b", '"x"', "it is no number")]
    status = statuses.invalid(DEPLOYMENTS, "web", causes).status
    assert status["message"].startswith('Deployment.apps "web" is invalid: ')
    assert "spec.a: Required value" in status["message"]
    assert status["details"]["causes"] == [
        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"},
        {"reason": "FieldValueInvalid", "message": 'Invalid value: "x": it is no number', "field": "spec.b"},
    ]


def test_a_deletion_is_a_success() -> None:
    status = statuses.success(DEPLOYMENTS, "web", "u")
    assert status["status"] == "Success"
    assert status["details"] == {"name": "web", "group": "apps", "kind": "deployments", "uid": "u"}

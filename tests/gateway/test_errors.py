"""The error tree: the error of a Status is chosen by its reason, else by its code."""

import pytest

from gateway import errors
from gateway.errors import GatewayError, Status, StatusError, status_error


def test_a_reason_takes_precedence_over_a_code() -> None:
    assert type(status_error(Status(409, "AlreadyExists"))) is errors.AlreadyExists
    assert type(status_error(Status(409, "Conflict"))) is errors.Conflict
    assert type(status_error(Status(410, "Expired"))) is errors.Gone


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthenticated),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.BadRequest),
        (410, errors.Gone),
        (429, errors.TooManyRequests),
        (502, errors.ServerFailure),
        (504, errors.ServerTimeout),
    ],
)
def test_a_status_without_a_known_reason_is_chosen_by_its_code(
    code: int, expected: type[StatusError]
) -> None:
    assert type(status_error(Status(code))) is expected


def test_an_uninitialized_storage_is_unavailable_and_not_rate_limited() -> None:
    """The message is the one of kube-apiserver 1.36 while a conversion webhook fails."""
    message = (
        "storage is (re)initializing: failed to list example.com/v2, Kind=Widget: conversion webhook failed"
    )
    error = status_error(Status(429, "TooManyRequests", message, retry_after_seconds=1))
    assert (type(error), error.code) == (errors.ServerFailure, "UPSTREAM_UNAVAILABLE")
    assert type(status_error(Status(429, "TooManyRequests", "too many requests"))) is errors.TooManyRequests


def test_the_docstring_lists_every_error() -> None:
    drawn = errors.__doc__ or ""
    tree = {
        name
        for name, member in vars(errors).items()
        if isinstance(member, type) and issubclass(member, GatewayError)
    }

    assert {name for name in tree if name not in drawn} == set()
    assert tree | {"PASSING_CODES", "Status", "status_error"} == set(errors.__all__)

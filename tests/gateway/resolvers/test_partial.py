"""``partial: true``: the advice to use it, and the namespaces that an answer names."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import Forbidden, Status
from gateway.resolvers.context import Info
from gateway.resolvers.partial import hinting_at_partial, invisible, note_namespaces
from tests.schema.documents import resource

REFUSED = Forbidden(Status(403, "Forbidden", "no"))


def test_a_refusal_gets_the_advice_once() -> None:
    with pytest.raises(Forbidden) as caught, hinting_at_partial(enabled=True):
        raise REFUSED
    assert "`partial: true`" in (caught.value.hint or "")
    with pytest.raises(Forbidden) as again, hinting_at_partial(enabled=True):
        raise caught.value
    assert again.value is caught.value


def test_without_the_argument_there_is_no_advice() -> None:
    with pytest.raises(Forbidden) as caught, hinting_at_partial(enabled=False):
        raise REFUSED
    assert caught.value is REFUSED


def test_a_caller_without_a_right_anywhere_is_refused() -> None:
    error = invisible("list", resource("apps/v1", "Deployment"))
    assert "deployments" in error.message
    assert "none of the namespaces" in error.message


def test_namespaces_are_noted_by_the_response_name_of_the_field() -> None:
    extensions: dict[str, Any] = {}
    for key in ("pods", "other"):
        info = SimpleNamespace(context=SimpleNamespace(extensions=extensions), path=SimpleNamespace(key=key))
        note_namespaces(cast("Info", info), ("a", "b"))
    assert extensions == {"namespaces": {"pods": ["a", "b"], "other": ["a", "b"]}}

"""The arguments of a mutation as parts of a request."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import BadArgument
from gateway.resolvers.context import Info
from gateway.resolvers.written import metadata_of, namespace_of, one_object, parameters_of, with_kind
from schema.building import RootField
from schema.resources import GroupVersionKind
from tests.schema.models import gadget_resource


def place(argument: str | None, written: Any = None, *, namespaced: bool = True) -> str | None:
    served = SimpleNamespace(resource=gadget_resource(namespaced=namespaced))
    info = SimpleNamespace(context=SimpleNamespace(default_namespace="default"))
    return namespace_of(
        cast("RootField", SimpleNamespace(served=served)), cast("Info", info), argument, written
    )


def test_the_namespace_is_the_argument_s_then_the_object_s_then_the_context_s() -> None:
    assert place("a", {"metadata": {"namespace": "b"}}) == "a"
    assert place(None, {"metadata": {"namespace": "b"}}) == "b"
    assert place("", {"metadata": None}) == "default"
    assert place("a", namespaced=False) is None


def test_a_namespace_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"metadata\.namespace"):
        place("a", {"metadata": {"namespace": 1}})
    with pytest.raises(BadArgument, match="metadata has to be an object"):
        metadata_of({"metadata": "a"})


def test_exactly_one_form_of_an_object_is_given() -> None:
    assert one_object({"a": 1}, None) == {"a": 1}
    assert one_object(None, {"a": 1}) == {"a": 1}
    for typed, as_json in ((None, None), ({}, {})):
        with pytest.raises(BadArgument, match="exactly one"):
            one_object(typed, as_json)


@pytest.mark.parametrize("value", ["text", 1, [], False])
def test_json_that_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(BadArgument, match="has to be an object"):
        one_object(None, value)


def test_absent_options_are_no_parameters() -> None:
    assert parameters_of() == {"fieldManager": "kube-graphql"}
    assert parameters_of(True, "me", "Strict") == {
        "fieldManager": "me",
        "fieldValidation": "Strict",
        "dryRun": "All",
    }


def test_an_object_gets_the_kind_that_it_lacks() -> None:
    kind = GroupVersionKind("apps", "v1", "Deployment")
    assert with_kind(kind, {"kind": None}) == {"apiVersion": "apps/v1", "kind": "Deployment"}
    assert with_kind(kind, {"kind": "Other", "a": 1}) == {"apiVersion": "apps/v1", "kind": "Other", "a": 1}

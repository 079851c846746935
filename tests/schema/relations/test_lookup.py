"""Lookups: names of kinds, and equal lookups as equal keys."""

import pytest

from schema.relations.lookup import KindName, ObjectName, Search
from schema.relations.matches import All, Selected
from tests.schema.models import served_gadget


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Pod", KindName("Pod")),
        ("Deployment.apps", KindName("Deployment", "apps")),
        ("Issuer.cert-manager.io", KindName("Issuer", "cert-manager.io")),
        ("v1/Pod", KindName("Pod", "", "v1")),
        ("apps/v1/Deployment", KindName("Deployment", "apps", "v1")),
    ],
)
def test_a_kind_is_named_with_or_without_its_group(text: str, name: KindName) -> None:
    assert KindName.parse(text) == name


def test_an_api_version_precedes_a_group() -> None:
    assert KindName.of("Job", "batch/v1", "apps") == KindName("Job", "batch", "v1")
    assert KindName.of("Job", "", "apps") == KindName("Job", "apps")
    assert KindName.of("Job", None) == KindName("Job")


def test_equal_parts_are_one_key_of_a_batch() -> None:
    gadget = served_gadget()
    assert len({ObjectName(gadget, "a", "n"), ObjectName(served_gadget(), "a", "n")}) == 1
    assert len({Search(gadget, All(), ("",)), Search(gadget, Selected(), ("",))}) == 2
    assert len({Search(gadget, All(), ("",), "n"), Search(gadget, All(), ("",), "n")}) == 1

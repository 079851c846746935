"""From the name of a kind to its resource."""

import pytest

from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName
from tests.schema.documents import lower_all, resource, served

MODEL = lower_all(
    [
        resource("v1", "Pod"),
        resource("apps/v1", "Deployment"),
        resource("apps/v1beta1", "Deployment", preferred=False),
        resource("a.io/v1", "Backup"),
        resource("b.io/v1", "Backup"),
        resource("a.io/v1", "Pod"),
        resource("a.io/v1", "Review", verbs=("create",)),
    ]
)
KINDS = KindIndex(MODEL)


@pytest.mark.parametrize(
    ("text", "near", "found"),
    [
        ("Pod", "a.io", "v1"),
        ("Pod.a.io", "", "a.io/v1"),
        ("Deployment", "", "apps/v1"),
        ("apps/v1beta1/Deployment", "", "apps/v1beta1"),
        ("apps/v9/Deployment", "", "apps/v1"),
        ("Backup", "b.io", "b.io/v1"),
        ("Backup", "", None),
        ("Backup", "c.io", None),
        ("Review", "a.io", None),
        ("Deployment.a.io", "", None),
        ("Unknown", "", None),
    ],
)
def test_the_core_group_comes_first_then_the_near_one_then_the_only_one(
    text: str, near: str, found: str | None
) -> None:
    expected = found and served(MODEL, found, KindName.parse(text).kind)
    assert KINDS.find(KindName.parse(text), near) == expected


def test_a_group_has_each_kind_once_in_its_preferred_version() -> None:
    assert [item.resource.kind.api_version for item in KINDS.of_group("apps")] == ["apps/v1"]
    assert {item.resource.kind.kind for item in KINDS.of_group("a.io")} == {"Backup", "Pod"}
    assert KINDS.of("apps", "Deployment") == served(MODEL, "apps/v1", "Deployment")
    assert KINDS.of("", "Deployment") is None

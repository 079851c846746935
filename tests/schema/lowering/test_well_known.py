"""The ids of definitions, and the stand-ins for documents that could not be fetched."""

import msgspec
import pytest

from schema.lowering.well_known import (
    ALWAYS_LOWERED,
    LIST_META,
    OBJECT_META,
    SCALE,
    STAND_INS,
    friendly_name,
    is_custom_resource,
    stand_in_id,
)
from schema.resources import GroupVersionKind

ISSUER = GroupVersionKind("cert-manager.io", "v1", "Issuer")


def test_a_custom_resource_has_its_group_reversed() -> None:
    assert friendly_name(ISSUER) == "io.cert-manager.v1.Issuer"
    assert is_custom_resource("io.cert-manager.v1.Issuer", ISSUER)
    assert not is_custom_resource("com.github.cert-manager.v1.Issuer", ISSUER)


@pytest.mark.parametrize(
    ("kind", "id_"),
    [
        (ISSUER, "io.cert-manager.v1.Issuer"),
        (GroupVersionKind("", "v1", "Pod"), "io.k8s.api.core.v1.Pod"),
        (GroupVersionKind("apps", "v1", "Deployment"), "io.k8s.api.apps.v1.Deployment"),
    ],
)
def test_a_kind_without_a_definition_has_an_id(kind: GroupVersionKind, id_: str) -> None:
    assert stand_in_id(kind) == id_


def test_a_kind_of_a_group_without_a_dot_is_no_custom_resource() -> None:
    assert not is_custom_resource("apps.v1.Deployment", GroupVersionKind("apps", "v1", "Deployment"))


def test_stand_ins_refer_to_stand_ins() -> None:
    text = b"".join(STAND_INS.values()).decode()
    references = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert references <= STAND_INS.keys()
    assert {OBJECT_META, LIST_META, SCALE} <= STAND_INS.keys()
    assert {OBJECT_META, LIST_META} <= set(ALWAYS_LOWERED)
    assert all(msgspec.json.decode(text)["type"] == "object" for text in STAND_INS.values())

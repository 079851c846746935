"""OpenAPI documents become definitions; a malformed document does not affect the others."""

import json
from typing import Any

import pytest

from schema.openapi import Definitions, MalformedSchema, parse_schema
from schema.resources import GroupVersion, GroupVersionKind
from tests.schema.documents import document, kind_schema, ref

V1 = GroupVersion("", "v1")
APPS = GroupVersion("apps", "v1")


def test_the_first_document_defines_a_definition() -> None:
    definitions = Definitions(
        [(V1, document(Thing={"type": "string"})), (APPS, document(Thing={"type": "integer"}))]
    )

    assert parse_schema(definitions.raw("Thing")).type == "string"


def test_a_kind_is_found_in_the_document_of_its_own_group_version_first() -> None:
    kind = GroupVersionKind("apps", "v1", "Deployment")
    stray, own = (document(**{id_: kind_schema("apps/v1", "Deployment")}) for id_ in ("stray", "own"))

    assert Definitions([(V1, stray)]).id_of(kind) == "stray"
    assert Definitions([(V1, stray), (APPS, own)]).id_of(kind) == "own"
    assert Definitions([]).id_of(kind) is None


@pytest.mark.parametrize(
    "broken", [b"", b"<html>", b"\xff", b"[]", b'{"components": 3}', b'{"components":' + b"[" * 9999]
)
def test_a_malformed_document_is_a_problem_and_the_others_are_used(broken: bytes) -> None:
    definitions = Definitions([(V1, broken), (APPS, document(Thing={}))])

    assert [item.where for item in definitions.problems] == ["v1"]
    assert "Thing" in definitions


def test_a_document_without_definitions_is_empty() -> None:
    documents = [b"{}", b'{"components": null}', b'{"components": {}}', b'{"components": {"schemas": null}}']
    definitions = Definitions([(GroupVersion("", f"v{n}"), item) for n, item in enumerate(documents)])

    assert definitions.problems == []


def test_only_a_changed_document_is_decoded_again() -> None:
    thing, part = document(Thing={}), document(Part={})
    before = Definitions([(V1, thing), (APPS, part)]).documents

    after = Definitions([(V1, thing), (APPS, document(Part={"type": "string"}))], before)

    assert after.documents[V1] is before[V1]
    assert parse_schema(after.raw("Part")).type == "string"


def test_paths_are_not_decoded() -> None:
    whole = json.loads(document(Thing={"type": "string"}))
    whole["paths"] = {"/apis": ["anything", {"at": "all"}]}

    assert "Thing" in Definitions([(V1, json.dumps(whole).encode())])


def test_malformed_group_version_kinds_are_ignored() -> None:
    odd: list[Any] = [None, 5, "Pod", {"kind": 3}, {"group": 1, "kind": "A"}, {"kind": "Plain"}]
    schemas: dict[str, Any] = {
        f"d{number}": {"x-kubernetes-group-version-kind": item} for number, item in enumerate(odd)
    }
    schemas["mixed"] = {"x-kubernetes-group-version-kind": odd}

    definitions = Definitions([(V1, document(**schemas))])

    assert definitions.problems == []
    assert definitions.id_of(GroupVersionKind("", "", "Plain")) == "d5"


@pytest.mark.parametrize("anything", [b"true", b"false", b"null", b"{}", b""])
def test_a_schema_may_be_a_boolean(anything: bytes) -> None:
    assert parse_schema(anything).type is None


@pytest.mark.parametrize("broken", [b"3", b'"x"', b"[]", b'{"properties": []}', b'{"description": "\xff"}'])
def test_a_malformed_schema_raises(broken: bytes) -> None:
    with pytest.raises(MalformedSchema):
        parse_schema(broken)


def test_a_keyword_of_the_wrong_type_does_not_affect_the_others() -> None:
    schema = parse_schema(b'{"type": "string", "format": 5, "description": [], "required": {}}')

    assert schema.type == "string"


def test_references_are_json_pointers() -> None:
    assert parse_schema(json.dumps(ref("a.b~1c~0d")).encode()).target == "a.b/c~d"
    assert parse_schema(b'{"$ref": 5}').target is None

"""Every write of the recorded Kubernetes API takes the arguments that its verb promises."""

from functools import cache
from pathlib import Path

import pytest
from graphql import FieldDefinitionNode, ObjectTypeDefinitionNode, parse, print_ast

from tests.fixtures.sdl import kubernetes_discovery

GOLDEN = Path(__file__).parent.parent / "kubernetes.graphql"
CONNECTIONS = {"exec", "attach", "portforward", "proxy"}
OPTIONS = {"dryRun", "fieldManager", "fieldValidation"}
WRITTEN = {"object", "objectJson", *OPTIONS}
PATCHED = {"patch", "patchJson", "operations", "type", "retryOnConflict", "resourceVersion", "uid", *OPTIONS}
DELETED = {"name", "propagationPolicy", "gracePeriodSeconds", "resourceVersion", "uid", "dryRun"}
MANY = {"labelSelector", "fieldSelector", "propagationPolicy", "gracePeriodSeconds", "dryRun"}


@cache
def mutations() -> dict[str, FieldDefinitionNode]:
    document = parse(GOLDEN.read_text(encoding="utf-8"), no_location=True)
    (mutation,) = (
        item
        for item in document.definitions
        if isinstance(item, ObjectTypeDefinitionNode) and item.name.value == "Mutation"
    )
    return {field.name.value: field for field in mutation.fields or ()}


def pinned(verb: str) -> dict[str, set[str]]:
    """The arguments of the mutations of that verb, by their pinned names; no manifests."""
    return {
        name: {argument.name.value for argument in field.arguments or ()}
        for name, field in mutations().items()
        if name.rpartition("_")[2].startswith(verb) and "_" in name
    }


@pytest.mark.parametrize(
    ("verb", "arguments"), [("create", WRITTEN), ("apply", {"force", *WRITTEN}), ("patch", PATCHED)]
)
def test_every_write_of_a_verb_has_its_arguments(verb: str, arguments: set[str]) -> None:
    found = pinned(verb)
    assert len(found) > 50
    assert {name: arguments - own for name, own in found.items() if not arguments <= own} == {}


def test_every_delete_has_preconditions_or_a_selector() -> None:
    found = pinned("delete")
    assert len(found) > 100
    assert {name for name, own in found.items() if not (own >= DELETED or own >= MANY)} == set()
    assert all(
        "labelSelector: String!" in print_ast(mutations()[name])
        for name, own in found.items()
        if "labelSelector" in own
    )


def test_validation_is_strict_by_default() -> None:
    fields = [name for verb in ("create", "apply", "patch") for name in pinned(verb)]
    assert all("fieldValidation: FieldValidation = STRICT" in print_ast(mutations()[name]) for name in fields)


def test_every_resource_with_deletecollection_is_deleted_by_a_selector() -> None:
    expected = {
        f"delete{resource.gvr.resource}"
        for resource in kubernetes_discovery().resources
        if "deletecollection" in resource.verbs
    }
    found = {
        name.rpartition("_")[2].lower() for name, own in pinned("delete").items() if "labelSelector" in own
    }
    assert len(expected) > 50
    assert expected - found <= {"deleteendpoints"}
    assert "deleteendpointslist" in found


def test_every_subresource_with_create_or_patch_has_a_mutation() -> None:
    expected = {
        f"{verb}{resource.kind.kind}{subresource.name}".lower()
        for resource in kubernetes_discovery().resources
        for subresource in resource.subresources
        for verb in ("create", "patch")
        if verb in subresource.verbs and subresource.name not in CONNECTIONS
    }
    assert {"createserviceaccounttoken", "createpodeviction", "createpodbinding"} <= expected
    assert {"patchpodresize", "patchdeploymentscale", "patchpodstatus"} <= expected
    assert expected - {name.rpartition("_")[2].lower() for name in mutations()} == set()

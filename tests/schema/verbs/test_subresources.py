"""The verbs of subresources follow discovery."""

from schema.verbs import Answer, Operation
from schema.verbs.subresources import SubresourceVerb, claimed_verbs, spec_of_subresource
from tests.schema.documents import resource


def test_names_are_claimed_for_every_subresource_that_is_an_object() -> None:
    pods = resource(
        "v1", "Pod", subresources={"eviction": ("create",), "exec": ("create",), "status": ("get", "patch")}
    )
    assert claimed_verbs(pods) == (
        SubresourceVerb("create", "eviction"),
        SubresourceVerb("patch", "eviction"),
        SubresourceVerb("create", "scale"),
        SubresourceVerb("patch", "scale"),
    )


def test_the_row_of_a_creation() -> None:
    spec = spec_of_subresource(SubresourceVerb("create", "eviction"))
    assert (spec.operation, spec.method, spec.answer) == (Operation.MUTATION, "POST", Answer.SUBRESOURCE)
    assert (spec.field, spec.api_verbs) == ("create{kind}Eviction", ("create",))
    assert {"name", "object", "objectJson", "dryRun"} <= {argument.name for argument in spec.arguments}


def test_the_row_of_a_patch() -> None:
    spec = spec_of_subresource(SubresourceVerb("patch", "ephemeralcontainers"))
    assert (spec.field, spec.method) == ("patch{kind}EphemeralContainers", "PATCH")
    assert "operations" in {argument.name for argument in spec.arguments}


def test_braces_in_a_name_are_no_placeholder() -> None:
    description = spec_of_subresource(SubresourceVerb("create", "a{b}")).description
    assert description.format(kind="Pod") == "Create the subresource `a{b}` of an object of kind Pod."

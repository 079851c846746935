"""Errors about a contested short name name the kinds that claim it."""

from graphql import GraphQLError, parse

from gateway.execution.contested_names import ContestedNames
from schema.lowering import lower
from schema.resources import Resource
from tests.schema.documents import discovery_of, resource


def contested(*resources: Resource) -> ContestedNames:
    return ContestedNames(lower(discovery_of(*resources), {}))


def explained(names: ContestedNames, query: str) -> str:
    document = parse(query)
    (operation,) = document.definitions
    (root,) = operation.selection_set.selections  # type: ignore[attr-defined]  # an operation
    (error,) = names.explain(document, [GraphQLError("No such field.", root)])
    return error.message


def test_a_name_that_several_kinds_claim_without_ages_belongs_to_none() -> None:
    names = contested(resource("a.io/v1", "Backup"), resource("b.io/v1", "Backup"))

    mutations = ["applyBackup", "createBackup", "deleteBackup", "diffBackup", "patchBackup"]
    assert sorted(names.ties) == sorted(["backup", "backups", *mutations])
    assert explained(names, "{ backups { x } }") == (
        "No such field. Several kinds claim `backups`, so it belongs to none of them:"
        " use `a_io_v1_backups` of a.io, `b_io_v1_backups` of b.io."
    )


def test_a_name_that_a_builtin_kind_has_is_no_tie() -> None:
    names = contested(resource("v1", "Pod"), resource("x.io/v1", "Pod"))

    assert names.ties == []
    assert explained(names, "{ pods { x } }") == (
        "No such field. `pods` is `core_v1_pods` of core;"
        " other kinds that claim the name: `x_io_v1_pods` of x.io."
    )


def test_the_gateways_own_field_is_no_tie() -> None:
    names = contested(resource("x.io/v1", "Version"))

    assert names.ties == []
    assert explained(names, "{ version { x } }") == (
        "No such field. `version` is the gateway's own field;"
        " other kinds that claim the name: `x_io_v1_version` of x.io."
    )
    assert explained(names, "{ versions { x } }") == "No such field."

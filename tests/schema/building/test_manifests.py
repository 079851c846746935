"""The root fields that take a manifest exist where a kind of the cluster can be written so."""

from schema.building import ManifestResolvers
from schema.building.manifests import build_manifest_mutations, build_manifest_queries
from schema.building.object_types import ObjectTypes
from schema.model import Model, Verb
from schema.verbs import VERBS
from tests.schema.models import served_gadget, small_model

RESOLVERS = ManifestResolvers(*[lambda _source, _info, name=name, **_arguments: name for name in "abc"])
INTERFACE = ObjectTypes(small_model()).interface


def model(*verbs: Verb) -> Model:
    return small_model(served_gadget(verbs=verbs))


def test_a_manifest_is_applied_deleted_and_compared_where_any_kind_is() -> None:
    assert set(build_manifest_mutations(model(Verb.APPLY), INTERFACE, RESOLVERS)) == {"applyManifest"}
    assert set(build_manifest_mutations(model(Verb.DELETE), INTERFACE, RESOLVERS)) == {"deleteManifest"}
    assert build_manifest_mutations(model(Verb.GET), INTERFACE, RESOLVERS) == {}
    assert set(build_manifest_queries(model(Verb.DIFF), RESOLVERS)) == {"diffManifest"}
    assert build_manifest_queries(model(Verb.APPLY), RESOLVERS) == {}


def test_each_field_has_its_own_resolver() -> None:
    mutations = build_manifest_mutations(small_model(), INTERFACE, RESOLVERS)
    assert mutations["applyManifest"].resolve is RESOLVERS.apply
    assert mutations["deleteManifest"].resolve is RESOLVERS.delete
    assert build_manifest_queries(small_model(), RESOLVERS)["diffManifest"].resolve is RESOLVERS.diff


def test_the_verb_for_one_object_has_the_same_options() -> None:
    arguments = build_manifest_mutations(small_model(), INTERFACE, RESOLVERS)["applyManifest"].args
    of_verb = {argument.name: argument for argument in VERBS[Verb.APPLY].arguments}
    shared = arguments.keys() & of_verb.keys()
    assert {"fieldManager", "force", "dryRun", "fieldValidation"} <= shared
    assert all(arguments[name].out_name == of_verb[name].parameter for name in shared)
    assert str(arguments["manifest"].type) == "String!"

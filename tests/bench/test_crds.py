"""Realistic custom resource definitions repeat pod templates, and their types are shared."""

import json
from typing import Any

import pytest
from graphql import print_type

from bench.crds import CRDs, realistic_crds
from schema.lowering import lower
from schema.model import Model
from schema.resources import GroupVersion
from tests.fixtures.goldens import Golden
from tests.fixtures.sdl import kubernetes_documents, plain_sdl
from tests.schema.documents import built, discovery_of, document, id_of, resource


@pytest.fixture(scope="module")
def crds() -> CRDs:
    core = json.loads(kubernetes_documents()[GroupVersion("", "v1")])
    return realistic_crds(core["components"]["schemas"])


def lower_crds(crds: CRDs, *indices: int) -> Model:
    """The model of the custom resources with these indices."""
    documents: dict[GroupVersion, dict[str, Any]] = {}
    resources = []
    for index in indices:
        spec = crds.definition(index)["spec"]
        kind, api_version = spec["names"]["kind"], f"{spec['group']}/v1"
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        documents.setdefault(GroupVersion.parse(api_version), {})[id_of(api_version, kind)] = schema
        resources.append(resource(api_version, kind))
    return lower(discovery_of(*resources), {item: document(**schemas) for item, schemas in documents.items()})


def test_realistic_definitions_contain_no_references(crds: CRDs) -> None:
    for index in range(20):
        assert '"$ref":' not in json.dumps(crds.definition(index))


def test_the_types_of_pod_templates_are_shared(crds: CRDs, golden: Golden) -> None:
    types = built(lower_crds(crds, 4, 7, 14)).type_map
    own = [print_type(item) for name, item in sorted(types.items()) if name.startswith("R0BenchExampleComV1")]

    golden("bench/realistic.graphql", plain_sdl("\n\n".join(own)))


def test_types_grow_with_the_distinct_structures_of_a_group(crds: CRDs) -> None:
    one, two = lower_crds(crds, 7), lower_crds(crds, 7, 14)

    assert len(two.objects) < len(one.objects) + 12
    assert len(lower_crds(crds, 7, 47).objects) > 1.8 * len(one.objects)

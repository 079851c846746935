"""Relations of custom resources, and relations from the user's file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import core, crd, deployment, grouped, pod
from tests.fixtures.backends import Backend
from tests.fixtures.custom_kinds import install_kind
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.processes import run_gateway

NAME = "{ metadata { name } }"
NAMES = "{ items { metadata { name } } }"
TEXT = {"type": "string"}
REFERENCE = {
    "type": "object",
    "properties": {"kind": TEXT, "name": TEXT, "namespace": TEXT, "apiVersion": TEXT},
}
GROUP = "related.example.test"
SPEC = {
    "type": "object",
    "properties": {
        "targetRef": REFERENCE,
        "otherRefs": {"type": "array", "items": REFERENCE},
        "credentialsSecretRef": {"type": "object", "properties": {"name": TEXT}},
        "podSelector": {
            "type": "object",
            "properties": {"matchLabels": {"type": "object", "additionalProperties": TEXT}},
        },
    },
}
RULES = """
relations:
  - {from: Pod, name: peers, rule: selector, path: metadata.labels, to: Pod}
  - {from: ConfigMap, name: readers, rule: referencedBy, path: "spec.volumes[].configMap.name", to: Pod}
  - {from: Pod, name: read, rule: reference, path: "spec.volumes[].configMap.name", to: ConfigMap}
  - {from: Deployment.apps, name: ownedPods, rule: owned, to: Pod}
  - {from: Service, name: labelled, rule: label, label: app, to: Pod}
  - {from: Pod, name: chosenBy, rule: selectedBy, path: spec.selector, to: Service}
  - {from: Missing.example.test, name: pods, rule: owned, to: Pod}
health:
  - kind: ConfigMap
    rules: [{status: FAILED, field: data.broken, exists: true}]
"""


@pytest.fixture(scope="module")
def own(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with the user's relations."""
    directory = tmp_path_factory.mktemp("own")
    rules = directory / "relations.yaml"
    rules.write_text(RULES)
    options = ("--kubeconfig", str(backend.kubeconfig), "--relations", str(rules))
    with start_gateway(directory / "gateway", *options) as started:
        yield started


def names(value: Any) -> list[str]:
    return [item["metadata"]["name"] for item in value["items"]]


async def test_a_file_adds_relations_and_rules_of_health(
    own: GatewayProcess, backend: Backend, namespace: str
) -> None:
    api = backend.api()
    api.create(core("configmaps", namespace), {"metadata": {"name": "first"}, "data": {"broken": "yes"}})
    plain = pod("reader", labels={"app": "front"})
    volume = {"name": "v", "configMap": {"name": "first"}}
    api.create(core("pods", namespace), {**plain, "spec": {**plain["spec"], "volumes": [volume]}})
    api.create(
        core("services", namespace),
        {"metadata": {"name": "front"}, "spec": {"selector": {"app": "front"}, "ports": [{"port": 80}]}},
    )
    data = await own.data(
        f"""query($n: String) {{
          pod(name: "reader", namespace: $n) {{ peers {NAMES} read {NAMES} chosenBy {NAMES} }}
          configMap(name: "first", namespace: $n) {{ readers {NAMES} health {{ status }} }}
          service(name: "front", namespace: $n) {{ labelled {NAMES} }}
          deployment(name: "web", namespace: $n) {{ ownedPods {NAMES} }}
        }}""",
        {"n": namespace},
    )
    assert {key: names(value) for key, value in data["pod"].items()} == {
        "peers": ["reader"],
        "read": ["first"],
        "chosenBy": ["front"],
    }
    assert names(data["configMap"]["readers"]) == ["reader"]
    assert data["configMap"]["health"] == {"status": "FAILED"}
    assert names(data["service"]["labelled"]) == ["reader"]
    assert names(data["deployment"]["ownedPods"]) == []


@pytest.mark.parametrize(
    ("field", "relation", "expected"),
    [
        ("pods", "peers", ["reader"]),
        ("pods", "read", ["reader"]),
        ("pods", "chosenBy", ["reader"]),
        ("configMaps", "readers", ["first"]),
        ("services", "labelled", ["front"]),
    ],
)
async def test_lists_are_filtered_by_relations_of_the_file(
    own: GatewayProcess, backend: Backend, namespace: str, field: str, relation: str, expected: list[str]
) -> None:
    api = backend.api()
    for name in ("first", "second"):
        api.create(core("configmaps", namespace), {"metadata": {"name": name}})
    plain = pod("reader", labels={"app": "front"})
    volume = {"name": "v", "configMap": {"name": "first"}}
    api.create(core("pods", namespace), {**plain, "spec": {**plain["spec"], "volumes": [volume]}})
    api.create(core("pods", namespace), pod("other", labels={}))
    for name in ("front", "back"):
        spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
        api.create(core("services", namespace), {"metadata": {"name": name}, "spec": spec})
    query = f"""query($n: String, $w: [RelatedFilter!]) {{
      {field}(namespace: $n, whereRelated: $w) {NAMES} }}"""
    data = await own.data(query, {"n": namespace, "w": [{"relation": relation}]})
    assert names(data[field]) == expected


def test_the_command_lists_relations_and_the_ones_left_out(backend: Backend, tmp_path: Path) -> None:
    rules = tmp_path / "relations.yaml"
    rules.write_text(RULES)
    done = run_gateway("schema", "--kubeconfig", str(backend.kubeconfig), "--relations", str(rules))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "Pod.node: Node  (exception) The node of the pod: `spec.nodeName`." in lines
    assert "Pod.peers: PodList  (user) selector: metadata.labels." in lines
    left = lines[lines.index("Left out:") :]
    assert "PodSpec.serviceAccount: reference serviceAccountName: the API has a field of that name" in left
    assert "Missing.pods: the cluster serves no kind Missing.example.test" in left


def test_a_malformed_file_stops_the_start(backend: Backend, tmp_path: Path) -> None:
    rules = tmp_path / "relations.yaml"
    rules.write_text("relations: [{from: Pod}]")
    done = run_gateway("schema", "--kubeconfig", str(backend.kubeconfig), "--relations", str(rules))
    assert done.returncode == 2
    assert "relations[0] needs a text" in done.stderr


@pytest.fixture(scope="session")
def links(seeded_cluster: Backend) -> None:
    """The custom resource ``Link``."""
    schema = {"type": "object", "properties": {"spec": SPEC}}
    install_kind(seeded_cluster.api(), crd(GROUP, "Link", schema))


@pytest.fixture(scope="module")
def linked(
    seeded_cluster: Backend, links: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway that serves links from its start."""
    options = ("--kubeconfig", str(seeded_cluster.kubeconfig))
    with start_gateway(tmp_path_factory.mktemp("linked"), *options) as started:
        yield started


@pytest.mark.cluster
async def test_references_of_custom_resources(seeded_cluster: Backend, linked: GatewayProcess) -> None:
    api = seeded_cluster.api()
    for space in ("links-a", "links-b"):
        api.create(core("namespaces"), {"metadata": {"name": space}})
        api.create(grouped("apps/v1", "deployments", space), deployment("web"))
        api.create(core("secrets", space), {"metadata": {"name": "token"}})
        api.create(core("pods", space), pod("front", labels={"app": "front"}))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    link = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Link",
        "metadata": {"name": "first"},
        "spec": {
            "targetRef": target,
            "otherRefs": [
                {**target, "namespace": "links-b"},
                {"kind": "Link", "name": "first"},
                {"kind": "Unknown", "name": "first"},
                {**target, "name": "missing"},
            ],
            "credentialsSecretRef": {"name": "token"},
            "podSelector": {"matchLabels": {"app": "front"}},
        },
    }
    api.create(grouped(f"{GROUP}/v1", "links", "links-a"), link)
    selection = f"""metadata {{ name }} pods {{ items {{ metadata {{ namespace name }} }} }}
      spec {{
        target {{ __typename metadata {{ namespace name }} ... on Deployment {{ spec {{ replicas }} }} }}
        others {{ items {{ __typename metadata {{ namespace name }} }} }}
        credentialsSecret {NAME}
      }}"""
    data = await linked.data(f"""{{
      links(namespace: "links-a") {{ items {{ {selection} }} }}
      customResourceDefinition(name: "links.{GROUP}") {{ instances {NAMES} }} }}""")
    (found,) = data["links"]["items"]
    assert found["spec"]["target"] == {
        "__typename": "Deployment",
        "metadata": {"namespace": "links-a", "name": "web"},
        "spec": {"replicas": 1},
    }
    others = [
        (item["__typename"], item["metadata"]["namespace"]) for item in found["spec"]["others"]["items"]
    ]
    assert others == [("Deployment", "links-b"), ("RelatedExampleTestV1Link", "links-a")]
    assert found["spec"]["credentialsSecret"] == {"metadata": {"name": "token"}}
    assert found["pods"]["items"] == [{"metadata": {"namespace": "links-a", "name": "front"}}]
    assert names(data["customResourceDefinition"]["instances"]) == ["first"]


@pytest.mark.cluster
async def test_lists_of_custom_resources_are_filtered_by_their_references(
    seeded_cluster: Backend, linked: GatewayProcess
) -> None:
    api, space = seeded_cluster.api(), "links-filtered"
    for name in (space, f"{space}-b"):
        api.create(core("namespaces"), {"metadata": {"name": name}})
    api.create(grouped("apps/v1", "deployments", space), deployment("web"))
    api.create(core("secrets", f"{space}-b"), {"metadata": {"name": "token"}})
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    there = {"apiVersion": "v1", "kind": "Secret", "name": "token", "namespace": f"{space}-b"}
    specs = {
        "near": {"targetRef": web},
        "far": {"otherRefs": [{"kind": "Unknown", "name": "x"}, there]},
        "dangling": {"targetRef": {**web, "name": "gone"}, "otherRefs": [{**there, "name": "gone"}]},
        "unset": {},
    }
    for name, spec in specs.items():
        link = {"metadata": {"name": name}, "spec": spec}
        kind = {"apiVersion": f"{GROUP}/v1", "kind": "Link"}
        api.create(grouped(f"{GROUP}/v1", "links", space), {**kind, **link})
    for condition, expected in (
        ('relation: "spec.target"', ["near"]),
        ('relation: "spec.target", exists: false', ["dangling", "far", "unset"]),
        ('relation: "spec.others"', ["far"]),
        ('relation: "spec.others", exists: false', ["dangling", "near", "unset"]),
        ('relation: "pods", exists: false', ["dangling", "far", "near", "unset"]),
    ):
        data = await linked.data(
            f'{{ links(namespace: "{space}", whereRelated: [{{ {condition} }}]) {NAMES} }}'
        )
        assert names(data["links"]) == expected, condition
    data = await linked.data(f"""{{ customResourceDefinitions(
      whereRelated: [{{ relation: "instances" }}], fieldSelector: "metadata.name=links.{GROUP}"
    ) {NAMES} }}""")
    assert names(data["customResourceDefinitions"]) == [f"links.{GROUP}"]


async def test_objects_that_the_filters_hide_are_not_read(
    backend: Backend, gateway: GatewayProcess, tmp_path: Path, namespace: str
) -> None:
    api = backend.api()
    owner = api.get(grouped("apps/v1", "deployments", namespace, "web"))["metadata"]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner["uid"]}
    config = {"metadata": {"name": "owned", "ownerReferences": [reference]}}
    api.create(core("configmaps", namespace), config)
    query = f'query($n: String) {{ configMap(name: "owned", namespace: $n) {{ owner {NAME} }} }}'
    assert (await gateway.data(query, {"n": namespace}))["configMap"] == {
        "owner": {"metadata": {"name": "web"}}
    }
    options = ("--kubeconfig", str(backend.kubeconfig), "--exclude", "deployments.apps")
    with start_gateway(tmp_path, *options) as filtered:
        assert (await filtered.data(query, {"n": namespace}))["configMap"] == {"owner": None}

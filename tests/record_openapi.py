"""Record discovery and OpenAPI for the demo: ``python tests/record_openapi.py KUBECONFIG [FOLDER]``.

Reads the aggregated discovery and the OpenAPI v3 documents of a real kube-apiserver (the kubeconfig's current
user needs a token, as in the kubeconfigs of ``tests/kube/cluster.sh``). Keeps the demo's resources, their
paths and the definitions that these refer to, without descriptions. The compressed files have no time stamp:
the same server always gives the same bytes.
"""

import base64
import gzip
import json
import re
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
RECORDED = Path(__file__).parent.parent / "gateway" / "demo" / "apiserver" / "openapi"
SERVED: dict[tuple[str, str], frozenset[str]] = {
    ("", "v1"): frozenset(
        (
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "replicationcontrollers",
            "resourcequotas",
            "secrets",
            "serviceaccounts",
            "services",
        )
    ),
    ("apps", "v1"): frozenset(
        ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets")
    ),
    ("autoscaling", "v1"): frozenset(("horizontalpodautoscalers",)),
    ("autoscaling", "v2"): frozenset(("horizontalpodautoscalers",)),
    ("batch", "v1"): frozenset(("cronjobs", "jobs")),
    ("networking.k8s.io", "v1"): frozenset(("ingresses", "networkpolicies")),
    ("policy", "v1"): frozenset(("poddisruptionbudgets",)),
    ("apiextensions.k8s.io", "v1"): frozenset(("customresourcedefinitions",)),
    ("authentication.k8s.io", "v1"): frozenset(("selfsubjectreviews",)),
    ("authorization.k8s.io", "v1"): frozenset(("selfsubjectaccessreviews", "selfsubjectrulesreviews")),
    ("coordination.k8s.io", "v1"): frozenset(("leases",)),
    ("discovery.k8s.io", "v1"): frozenset(("endpointslices",)),
    ("events.k8s.io", "v1"): frozenset(("events",)),
    ("storage.k8s.io", "v1"): frozenset(("storageclasses",)),
}
SUBRESOURCES = frozenset(("eviction", "log", "scale", "status"))
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def connect(kubeconfig: Path) -> httpx.Client:
    """A client for the current context, with its user's token."""
    config = yaml.safe_load(kubeconfig.read_text())
    context = named(config["contexts"], config["current-context"])["context"]
    cluster = named(config["clusters"], context["cluster"])["cluster"]
    user = named(config["users"], context["user"])["user"]
    trust = ssl.create_default_context(
        cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        if "certificate-authority-data" in cluster
        else Path(cluster["certificate-authority"]).read_text()
    )
    return httpx.Client(
        base_url=cluster["server"], verify=trust, headers={"Authorization": f"Bearer {user['token']}"}
    )


def named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def fetch(client: httpx.Client, path: str, accept: str = "application/json") -> Any:
    return client.get(path, headers={"Accept": accept}).raise_for_status().json()


def record_discovery(client: httpx.Client) -> Iterator[dict[str, Any]]:
    """The groups of the aggregated discovery with the demo's resources only; the core group comes first."""
    for path in ("/api", "/apis"):
        for group in fetch(client, path, AGGREGATED)["items"]:
            name = group["metadata"].get("name", "")
            versions = [
                {**version, "resources": list(keep_resources(version["resources"], served))}
                for version in group["versions"]
                if (served := SERVED.get((name, version["version"])))
            ]
            if versions:
                yield {"metadata": {"name": name} if name else {}, "versions": versions}


def keep_resources(resources: list[dict[str, Any]], served: frozenset[str]) -> Iterator[dict[str, Any]]:
    for resource in resources:
        if resource["resource"] in served:
            subresources = [
                subresource
                for subresource in resource.get("subresources", ())
                if subresource["subresource"] in SUBRESOURCES
            ]
            rest = {key: value for key, value in resource.items() if key != "subresources"}
            yield {**rest, "subresources": subresources} if subresources else rest


def keep_document(document: dict[str, Any], served: frozenset[str]) -> dict[str, Any]:
    """The document, reduced to the paths of the served resources and the definitions that they refer to."""
    paths = {path: item for path, item in document["paths"].items() if is_served(path, served)}
    schemas = document["components"]["schemas"]
    needed: set[str] = set()
    pending = set(REFERENCE.findall(json.dumps(paths)))
    while pending:
        needed |= pending
        found = {name for entry in pending for name in REFERENCE.findall(json.dumps(schemas[entry]))}
        pending = found - needed
    kept = {name: schemas[name] for name in sorted(needed)}
    return {**document, "paths": paths, "components": {**document["components"], "schemas": kept}}


def is_served(path: str, served: frozenset[str]) -> bool:
    segments = [part for part in path.split("/") if part]
    rest = segments[2:] if segments[0] == "api" else segments[3:]
    if rest[:2] == ["namespaces", "{namespace}"]:
        rest = rest[2:]
    known = not rest or rest[0] in served
    return known and (len(rest) < 3 or rest[2] in SUBRESOURCES)


def strip_descriptions(value: Any, *, are_properties: bool = False) -> Any:
    """The JSON without descriptions; a property named ``description`` stays."""
    if isinstance(value, list):
        return [strip_descriptions(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: strip_descriptions(item, are_properties=key == "properties" and not are_properties)
        for key, item in value.items()
        if are_properties or key != "description" or not isinstance(item, str)
    }


def write(path: Path, value: Any) -> None:
    encoded = json.dumps(value, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(encoded, 9, mtime=0))
    print(f"{path.name}: {path.stat().st_size} bytes, {len(encoded)} uncompressed")


def main(kubeconfig: Path, folder: Path) -> None:
    """Write discovery and documents to ``folder``."""
    with connect(kubeconfig) as client:
        groups = list(record_discovery(client))
        version = fetch(client, "/version")
        kept = {key: version[key] for key in ("major", "minor", "gitVersion")}
        write(folder / "discovery.json.gz", {"version": kept, "groups": groups})
        for (group, name), served in SERVED.items():
            path = f"apis/{group}/{name}" if group else f"api/{name}"
            document = keep_document(fetch(client, f"/openapi/v3/{path}"), served)
            write(folder / f"{path.replace('/', '_')}.json.gz", strip_descriptions(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else RECORDED)

"""Discovery responses: aggregated discovery (KEP-3352), legacy discovery, the OpenAPI v3 index."""

from collections.abc import Iterator
from typing import Any

from gateway.demo.apiserver.catalog import Catalog
from schema.resources import GroupVersion, Resource

__all__ = ["AGGREGATED", "aggregated", "api_versions", "group_list", "openapi_index", "resource_list"]

Object = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def aggregated(catalog: Catalog, *, core: bool) -> Object:
    """Return the ``APIGroupDiscoveryList`` of ``/api`` (core group) or of ``/apis`` (all other groups)."""
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {**group, "versions": [{**version, "freshness": "Current"} for version in group["versions"]]}
            for group in catalog.groups
            if bool(group["metadata"].get("name")) is not core
        ],
    }


def api_versions(address: str) -> Object:
    """Return the legacy discovery response of ``/api``."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group_list(catalog: Catalog) -> Object:
    """Return the legacy discovery response of ``/apis``."""
    groups = [api_group(group) for group in catalog.groups if group["metadata"].get("name")]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(group: Object) -> Object:
    """Return one group of legacy discovery, for ``/apis`` and (with a kind) for ``/apis/<group>``."""
    name = group["metadata"]["name"]
    versions = [
        {"groupVersion": f"{name}/{item['version']}", "version": item["version"]}
        for item in group["versions"]
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resource_list(catalog: Catalog, group_version: GroupVersion) -> Object:
    """Return the legacy discovery response of one group and version."""
    resources = [
        entry
        for resource in catalog.resources.values()
        if resource.gvr.group_version == group_version
        for entry in _entries(resource)
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version.api_version,
        "resources": resources,
    }


def _entries(resource: Resource) -> Iterator[Object]:
    yield {
        "name": resource.gvr.resource,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind.kind,
        "verbs": sorted(resource.verbs),
        **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
        **({"categories": list(resource.categories)} if resource.categories else {}),
    }
    for subresource in resource.subresources:
        kind = subresource.kind or resource.kind
        other = kind.group_version != resource.gvr.group_version
        yield {
            "name": f"{resource.gvr.resource}/{subresource.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **({"group": kind.group, "version": kind.version} if other else {}),
            "kind": kind.kind,
            "verbs": sorted(subresource.verbs),
        }


def openapi_index(catalog: Catalog) -> Object:
    """Return the index of ``/openapi/v3``; each URL contains the hash of its document."""
    paths = {}
    for path in catalog.documents.paths():
        if document := catalog.documents.get(path):
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={document.hash}"}
    return {"paths": paths}

"""The ages of a cluster's APIs: metadata of CRDs and APIServices, which decides contested short names."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from gateway.errors import Forbidden, GatewayError
from gateway.kube.client import KubeClient
from gateway.kube.lists import fetch_list
from gateway.kube.paths import resource_path
from gateway.kube.received import decode
from schema.installed import APIService, InstalledAPIs, Origin
from schema.resources import Resource

__all__ = ["fetch_installed"]

T = TypeVar("T")

_CRDS = "apiextensions.k8s.io", "customresourcedefinitions"
_API_SERVICES = "apiregistration.k8s.io", "apiservices"
_ORIGIN = "kube-aggregator.kubernetes.io/automanaged"
"""The label of an APIService that the API server itself made (``kube-aggregator``'s ``autoregister``)."""


class _Metadata(msgspec.Struct, gc=False, rename="camel"):
    name: str
    creation_timestamp: str = ""
    labels: Mapping[str, str] | None = None


class _Object(msgspec.Struct, gc=False):
    metadata: _Metadata


async def fetch_installed(
    client: KubeClient, resources: Sequence[Resource], before: InstalledAPIs | None = None
) -> InstalledAPIs:
    """The ages of the APIs in ``resources``, from two LISTs of metadata; both run at the same time.

    A refused list is None; a list that fails for another reason is that of ``before``. Never raises
    GatewayError.
    """
    previous = before or InstalledAPIs()
    crds, services = await asyncio.gather(
        _fetch(client, resources, _CRDS), _fetch(client, resources, _API_SERVICES)
    )
    return InstalledAPIs(
        crds=_kept(crds, previous.crds) if isinstance(crds, GatewayError) else _ages(crds),
        api_services=_kept(services, previous.api_services)
        if isinstance(services, GatewayError)
        else _origins(services),
    )


async def _fetch(
    client: KubeClient, resources: Sequence[Resource], wanted: tuple[str, str]
) -> list[_Metadata] | GatewayError:
    served = [item for item in resources if (item.gvr.group, item.gvr.resource) == wanted and item.preferred]
    if not served:
        return []
    try:
        path = resource_path(served[0], None)
        listing = await fetch_list(client, path, {}, kind=served[0].kind, metadata_only=True)
        return [decode(item.object, _Object, "an object's metadata").metadata for item in listing.objects]
    except GatewayError as error:
        return error


def _kept(error: GatewayError, before: Mapping[str, T] | None) -> Mapping[str, T] | None:
    return None if isinstance(error, Forbidden) else before


def _ages(crds: list[_Metadata]) -> Mapping[str, str]:
    return {item.name: item.creation_timestamp for item in crds}


def _origins(services: list[_Metadata]) -> Mapping[str, APIService]:
    return {item.name: APIService(item.creation_timestamp, _origin(item.labels or {})) for item in services}


def _origin(labels: Mapping[str, str]) -> Origin:
    try:
        return Origin(labels.get(_ORIGIN, ""))
    except ValueError:
        return Origin.AGGREGATED

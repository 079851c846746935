"""Many custom resource definitions of 50 properties each, in groups of 50."""

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx

from bench.cluster import Cluster
from tests.fixtures.waiting import eventually

__all__ = ["definition", "install_definitions", "rename_property"]

PER_GROUP = 50
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
CREATED_AT_ONCE = 4

SCALARS: tuple[dict[str, Any], ...] = (
    {"type": "string"},
    {"type": "integer", "format": "int64"},
    {"type": "boolean"},
    {"x-kubernetes-int-or-string": True},
    {"type": "string", "format": "date-time"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "additionalProperties": {"type": "string"}},
)


def definition(index: int, changing: str = "original") -> dict[str, Any]:
    """The CRD with that number; ``changing`` is the name of one of its properties."""
    group, kind = f"g{index // PER_GROUP}.bench.example.com", f"Bench{index}"
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema(kind, changing)},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def schema(kind: str, changing: str) -> dict[str, Any]:
    """50 properties: 29 of the spec itself, 5 of an object in it, 8 of a list's items, 8 of the status."""
    spec = {
        **scalars("setting", 26),
        changing: {"type": "string"},
        "template": an_object(scalars("part", 5)),
        "rules": {"type": "array", "items": an_object(scalars("match", 8))},
    }
    return {
        "type": "object",
        "description": f"{kind} is one of many kinds.",
        "properties": {
            "spec": an_object(spec),
            "status": an_object(scalars("observed", 8)),
        },
    }


def scalars(prefix: str, count: int) -> dict[str, Any]:
    return {
        f"{prefix}{index}": {
            **SCALARS[index % len(SCALARS)],
            "description": f"What {prefix} {index} is about.",
        }
        for index in range(count)
    }


def an_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


async def install_definitions(cluster: Cluster, indices: Iterable[int]) -> None:
    """Create those definitions, and return when all of them are in discovery and in OpenAPI."""
    slots = asyncio.Semaphore(CREATED_AT_ONCE)
    wanted = [definition(each) for each in indices]

    async with cluster.client() as client:

        async def create(body: dict[str, Any]) -> None:
            async with slots:
                response = await client.post(PATH, json=body)
                if response.status_code != httpx.codes.CONFLICT:
                    response.raise_for_status()

        await asyncio.gather(*(create(each) for each in wanted))
        for each in last_of_each_group(wanted):
            group, kind = each["spec"]["group"], each["spec"]["names"]["kind"]

            async def described(group: str = group, kind: str = kind) -> bool:
                response = await client.get(f"/openapi/v3/apis/{group}/v1")
                return response.is_success and f'.{kind}"' in response.text

            await eventually(described, f"{kind} to be described", seconds=300)


def last_of_each_group(definitions: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    return {each["spec"]["group"]: each for each in definitions}.values()


async def rename_property(cluster: Cluster, index: int, changing: str) -> None:
    """Give one property of that definition another name."""
    versions = definition(index, changing)["spec"]["versions"]
    name = definition(index)["metadata"]["name"]
    async with cluster.client() as client:
        response = await client.patch(
            f"{PATH}/{name}", json={"spec": {"versions": versions}}, headers=MERGE_PATCH
        )
        response.raise_for_status()

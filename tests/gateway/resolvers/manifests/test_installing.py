"""The kinds that a manifest installs, and waiting until they are served."""

import asyncio
import time
from typing import Any

import pytest

from gateway.resolvers.manifests import installing
from gateway.resolvers.manifests.installing import (
    await_active,
    await_established,
    comes_first,
    defined_kind,
    defined_kinds,
    is_namespace,
)
from schema.manifests import ManifestObject, parse_manifest
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.example.io}
spec: {group: example.io, names: {kind: Gadget}}
"""
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"


def parsed(text: str) -> ManifestObject:
    (object_,) = parse_manifest(text).objects
    return object_


def test_namespaces_and_definitions_come_first() -> None:
    pod = parsed(NAMESPACE.replace("Namespace", "Pod"))
    assert [comes_first(item) for item in (parsed(CRD), parsed(NAMESPACE), pod)] == [True, True, False]
    assert is_namespace(parsed(NAMESPACE))
    assert not is_namespace(parsed(CRD))


def test_a_definition_defines_one_kind() -> None:
    assert defined_kind(parsed(CRD)) == ("example.io", "Gadget")
    assert defined_kinds([parsed(CRD), parsed(NAMESPACE)]) == {("example.io", "Gadget")}


@pytest.mark.parametrize("spec", ["spec: text", "spec: {group: example.io}", "spec: {names: []}"])
def test_a_malformed_definition_defines_none(spec: str) -> None:
    assert defined_kind(parsed(CRD.replace("spec: {group: example.io, names: {kind: Gadget}}", spec))) is None


def conditions(**statuses: str) -> dict[str, Any]:
    items = [{"type": type_, "status": status, "message": "taken"} for type_, status in statuses.items()]
    return {"status": {"conditions": items}}


async def established(*states: dict[str, Any], seconds: float = 60) -> str:
    """The result for an object that has the first state as applied, and then the others."""
    later = list(states[1:])

    async def answer(_: Request) -> Reply:
        return json_reply(later.pop(0) if len(later) > 1 else later[0])

    async with served_client(answer) as (client, _):
        return await await_established(client, "apis/x", states[0], time.monotonic() + seconds)


async def test_a_definition_is_read_until_it_is_established() -> None:
    assert await established({}, conditions(Established="False"), conditions(Established="True")) == ""


async def test_a_definition_whose_names_are_refused_is_not_awaited() -> None:
    assert "names are not accepted: taken" in await established(conditions(NamesAccepted="False"))


async def test_the_wait_ends_at_the_deadline() -> None:
    assert "not ready after" in await established({}, {}, seconds=-1)


@pytest.mark.parametrize(("phase", "reason"), [("Active", ""), ("Terminating", "it is being deleted")])
async def test_a_namespace_is_active_or_going(
    phase: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "_FIRST_PAUSE_SECONDS", 0)

    async def answer(_: Request) -> Reply:
        await asyncio.sleep(0)
        return json_reply({"status": {"phase": phase}})

    async with served_client(answer) as (client, _):
        assert await await_active(client, "api/v1/namespaces/a", {}, time.monotonic() + 60) == reason

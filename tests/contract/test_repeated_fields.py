"""A field that is written twice is refused with its path, and nothing is stored."""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.typing import Subprotocol

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess
from tests.fixtures.waiting import DEADLINE

TWICE = '{"metadata": {"name": "twice", "namespace": "NS"}, "data": {"a": "1", "b": "", "a": "2"}}'
MUTATIONS = {
    "create": "mutation($o: ConfigMapInput) { createConfigMap(object: $o) { kind } }",
    "create JSON": "mutation($o: JSON) { createConfigMap(objectJson: $o) { kind } }",
    "apply JSON": "mutation($o: JSON) { applyConfigMap(objectJson: $o, fieldValidation: IGNORE) { kind } }",
}


def is_stored(backend: Backend, namespace: str) -> bool:
    return backend.api().request("GET", core("configmaps", namespace, "twice")).is_success


async def post(gateway: GatewayProcess, body: str) -> httpx.Response:
    return await gateway.request(
        "POST", "/graphql", content=body, headers={"content-type": "application/json"}
    )


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_repeated_field_of_the_variables_is_named_with_its_path(
    gateway: GatewayProcess, backend: Backend, namespace: str, mutation: str
) -> None:
    variables = TWICE.replace("NS", namespace)
    body = f'{{"query": "{MUTATIONS[mutation]}", "variables": {{"o": {variables}}}}}'
    response = await post(gateway, body)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["message"] == "variables.o.data.a occurs twice in the request's JSON"
    assert not is_stored(backend, namespace)


async def test_a_repeated_field_of_a_patch_changes_nothing(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    path = core("configmaps", namespace, "twice")
    backend.api().create(core("configmaps", namespace), {"metadata": {"name": "twice"}, "data": {"a": "0"}})
    field = f'patchConfigMap(name: \\"twice\\", namespace: \\"{namespace}\\", patchJson: $p)'
    variables = '{"p": {"data": {"a": "1", "a": "2"}}}'
    body = f'{{"query": "mutation($p: JSON) {{ {field} {{ kind }} }}", "variables": {variables}}}'
    response = await post(gateway, body)
    (error,) = response.json()["errors"]
    assert error["message"] == "variables.p.data.a occurs twice in the request's JSON"
    assert backend.api().get(path)["data"] == {"a": "0"}


@pytest.mark.parametrize("argument", ["object", "objectJson"])
async def test_a_repeated_field_of_the_document_has_both_locations(
    gateway: GatewayProcess, backend: Backend, namespace: str, argument: str
) -> None:
    error = await gateway.error(
        f'mutation {{ createConfigMap(namespace: "{namespace}",\n'
        f'{argument}: {{metadata: {{name: "twice"}}, data: {{a: "1",\n a: "2"}}}}) {{ kind }} }}'
    )
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert [location["line"] for location in error["locations"]] == [2, 3]
    assert not is_stored(backend, namespace)


@pytest.mark.parametrize("subprotocol", ["graphql-transport-ws", "graphql-ws"])
async def test_a_message_with_a_repeated_key_closes_its_websocket(
    gateway: GatewayProcess, subprotocol: str
) -> None:
    async with connect(gateway.socket_url, subprotocols=[Subprotocol(subprotocol)]) as socket:
        await socket.send('{"type": "connection_init", "payload": {"a": 1, "a": 2}}')
        with pytest.raises(ConnectionClosedError) as closed:
            await asyncio.wait_for(socket.recv(), DEADLINE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4400
    assert closed.value.rcvd.reason == "payload.a occurs twice in the request's JSON"


async def test_a_repeated_item_of_an_applied_list_has_its_place(
    gateway: GatewayProcess, backend: Backend, namespace: str
) -> None:
    if not backend.is_real:
        pytest.skip("the demo keeps repeated items of lists")
    error = await gateway.error(
        """mutation($n: String) { applyPod(namespace: $n, object: {metadata: {name: "p"}, spec: {
          containers: [{name: "main", image: "i", env: [{name: "A"}, {name: "A"}]}]}}) { kind } }""",
        {"n": namespace},
    )
    assert error["extensions"]["code"] == "BAD_REQUEST"
    (cause,) = error["extensions"]["causes"]
    assert cause["inputPath"] == ["object", "spec", "containers", 0, "env"]
    assert "duplicate entries" in cause["message"]

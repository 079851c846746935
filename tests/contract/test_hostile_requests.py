"""Requests of any content get a GraphQL-shaped answer: no 5xx, no ``INTERNAL``, no traceback in the log.

Hypothesis draws JSON bodies, variables, literals and messages of both websocket protocols. It draws the texts
of numbers and strings, not their values, because only conversions may fail.
"""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.properties import examples
from tests.fixtures.waiting import DEADLINE

ROOT_FIELDS = """{ __schema {
  queryType { ...root } mutationType { ...root } subscriptionType { ...root } } }
  fragment root on __Type { fields { name args { name } type { kind ofType { kind } } } }"""
OPERATIONS = ("query", "mutation", "subscription")
NUMBERS = ["0", "-1", "2147483648", "9" * 19, "1" * 4301, "-" + "7" * 6000, "1e400", "1e-999", "0.1", "1E+9"]
CHARACTERS = [
    "a",
    "/",
    "..",
    "%2f",
    "\\u0000",
    "\\ud800",
    "\\udfff\\ud800",
    "\\u2028",
    "é",
    "🙂",
    " ",
    "=",
    ",",
    "'",
]

fuzz = settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

numbers = st.sampled_from(NUMBERS)
quoted = st.lists(st.sampled_from(CHARACTERS), max_size=6).map(lambda parts: f'"{"".join(parts)}"')
constants = st.sampled_from(["true", "false", "null"])
names = st.sampled_from(["a", "metadata", "spec", "name", "__typename", "items"])


def _object(key: str, colon: str) -> Any:
    def joined(entries: list[tuple[str, str]]) -> str:
        return "{" + ", ".join(f"{key.format(name)}{colon}{value}" for name, value in entries) + "}"

    return joined


def _list(values: list[str]) -> str:
    return "[" + ", ".join(values) + "]"


def nested(leaves: SearchStrategy[str], key: str) -> SearchStrategy[str]:
    """The texts of values; ``key`` is the format of an object's key."""
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3).map(_list)
            | st.lists(st.tuples(names, inner), max_size=3).map(_object(key, ": "))
        ),
        max_leaves=6,
    )


json_texts = nested(numbers | quoted | constants, '"{}"') | st.integers(1, 3000).map(
    lambda n: "[" * n + "]" * n
)
literals = nested(
    numbers
    | quoted
    | constants
    | st.sampled_from(["ENUM", "$v", '"""a\\u0000"""', "{", "", "[" * 300 + "]" * 300]),
    "{}",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A demo gateway whose log has no traceback at the end."""
    directory: Path = tmp_path_factory.mktemp("hostile")
    with start_gateway(directory, "--demo", "--grace-period", "0.2") as gateway:
        yield gateway
        output = gateway.process.output()
    assert "Traceback" not in output, output[-4000:]


@pytest.fixture(scope="module")
def client(hostile: GatewayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hostile.url, timeout=DEADLINE, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture(scope="module")
def documents(client: httpx.Client) -> SearchStrategy[str]:
    """Operations with one root field and any literals as its arguments."""
    schema = client.post("/graphql", json={"query": ROOT_FIELDS}).json()["data"]["__schema"]
    fields = [
        (operation, field)
        for operation in OPERATIONS
        for field in schema[f"{operation}Type"]["fields"]
        if field["args"] and "_" not in field["name"]
    ]

    @st.composite
    def document(draw: st.DrawFn) -> str:
        operation, field = draw(st.sampled_from(fields))
        given_names = draw(
            st.sets(st.sampled_from([argument["name"] for argument in field["args"]]), min_size=1)
        )
        arguments = ", ".join(f"{name}: {draw(literals)}" for name in sorted(given_names))
        header = draw(st.sampled_from(["", "($v: JSON)", "($v: Int = 99999999999)", "A($v: String)"]))
        selection = draw(st.sampled_from(["{ __typename }", "{ json }", "{ kind metadata { name } }", ""]))
        return f"{operation} {header} {{ {field['name']}({arguments}) {selection} }}"

    return document()


def assert_graphql_shaped(answer: Mapping[str, Any]) -> None:
    assert "data" in answer or answer["errors"]
    for error in answer.get("errors", ()):
        assert error["message"]
        assert error["extensions"]["code"] != "INTERNAL", answer


def post(client: httpx.Client, body: str | bytes) -> None:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    response = client.post("/graphql", content=content, headers={"content-type": "application/json"})
    assert response.status_code < 500
    assert_graphql_shaped(response.json())


@fuzz
@given(body=st.binary(max_size=40) | json_texts)
def test_any_body(client: httpx.Client, body: str | bytes) -> None:
    post(client, body)


def test_too_many_validation_errors_name_the_limit(client: httpx.Client) -> None:
    query = f"{{ {' '.join(f'unknown{number}' for number in range(200))} }}"
    errors = client.post("/graphql", json={"query": query}).json()["errors"]
    assert len(errors) == 101
    assert errors[-1]["message"] == "The document has more than 100 errors, the limit. Validation aborted."
    assert errors[-1]["extensions"] == {"code": "QUERY_TOO_COMPLEX"}


def test_a_client_may_leave_in_the_middle_of_its_body(hostile: GatewayProcess, client: httpx.Client) -> None:
    for sent in (b"", b'{"query": "{ __type'):
        with socket.create_connection(("127.0.0.1", hostile.port)) as connection:
            connection.sendall(
                b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n" + sent
            )
    post(client, '{"query": "{ __typename }"}')


def request_text(query: str, variables: str, name: str) -> str:
    return f'{{"query": {json.dumps(query)}, "variables": {variables}, "operationName": {name}}}'


variable_maps = json_texts.map(lambda text: f'{{"v": {text}}}') | json_texts
operation_names = st.sampled_from(["null", '"A"', '""']) | json_texts


@fuzz
@given(data=st.data())
def test_any_operation(client: httpx.Client, documents: SearchStrategy[str], data: st.DataObject) -> None:
    query, variables, name = data.draw(documents), data.draw(variable_maps), data.draw(operation_names)
    if not query.startswith("subscription"):
        post(client, request_text(query, variables, name))
        response = client.get("/graphql", params={"query": query[:8000], "variables": variables[:8000]})
        assert response.status_code < 500
        assert_graphql_shaped(response.json())


STARTS = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
"""The type of the message that starts an operation, by subprotocol."""
PROTOCOL_ERROR = 1002
ENDS = ("next", "data", "error", "complete")


def assert_answered(connection: ClientConnection) -> None:
    """Receive until the answer to an operation, or the end of the connection for a malformed message."""
    with suppress(ConnectionClosed):
        while True:
            message = json.loads(connection.recv(timeout=DEADLINE))
            payload = message.get("payload")
            if message["type"] == "error":
                assert_graphql_shaped({"errors": payload if isinstance(payload, list) else [payload]})
            elif message["type"] in ENDS:
                assert_graphql_shaped(payload or {"data": None})
            if message["type"] in ENDS:
                return
    assert connection.close_code is not None
    assert connection.close_code == PROTOCOL_ERROR or 4000 <= connection.close_code < 4500


@contextmanager
def initialised(gateway: GatewayProcess, subprotocol: str) -> Iterator[ClientConnection]:
    with connect(gateway.socket_url, subprotocols=[Subprotocol(subprotocol)], compression=None) as connection:
        connection.send('{"type": "connection_init"}')
        assert json.loads(connection.recv(timeout=DEADLINE))["type"] == "connection_ack"
        yield connection


@pytest.mark.parametrize("subprotocol", STARTS)
@fuzz
@given(data=st.data())
def test_any_operation_of_a_websocket(
    hostile: GatewayProcess, documents: SearchStrategy[str], subprotocol: str, data: st.DataObject
) -> None:
    query = data.draw(documents | st.sampled_from(["", " ", "#", "{"]))
    payload = request_text(query, data.draw(variable_maps), data.draw(operation_names))
    identifier = data.draw(st.just('"1"') | json_texts)
    with initialised(hostile, subprotocol) as connection:
        connection.send(f'{{"type": "{STARTS[subprotocol]}", "id": {identifier}, "payload": {payload}}}')
        assert_answered(connection)


@pytest.mark.parametrize("subprotocol", STARTS)
@fuzz
@given(message=json_texts | st.binary(max_size=20) | st.text(max_size=20))
def test_any_message_of_a_websocket(hostile: GatewayProcess, subprotocol: str, message: str | bytes) -> None:
    operation = {"type": STARTS[subprotocol], "id": "1", "payload": {"query": "{ __typename }"}}
    with initialised(hostile, subprotocol) as connection, suppress(ConnectionClosed):
        connection.send(
            message if isinstance(message, bytes) else message.encode("utf-8", "replace").decode()
        )
        connection.send(json.dumps(operation))
        assert_answered(connection)

"""Masked values of Secrets: which paths, and which parts of a response."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import UpstreamProtocolError
from gateway.kube.redaction import is_secret_path, mask_copies, masked_lines, redact

CANARY = "canary-93b1"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SECRET: dict[str, Any] = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": {"name": "s", "labels": {"a": "b"}, "annotations": {LAST_APPLIED: CANARY, "c": "d"}},
    "data": {"key": base64.b64encode(CANARY.encode()).decode()},
    "stringData": {"other": CANARY},
    "type": "Opaque",
}
MASKED = {
    **SECRET,
    "metadata": {**SECRET["metadata"], "annotations": {LAST_APPLIED: "REDACTED", "c": "d"}},
    "data": {"key": base64.b64encode(b"REDACTED").decode()},
    "stringData": {"other": "REDACTED"},
}
STATUS = {"kind": "Status", "status": "Success", "details": {"name": "s"}}


@pytest.mark.parametrize(
    ("received", "masked"),
    [
        (SECRET, MASKED),
        ({"kind": "SecretList", "items": [SECRET, SECRET]}, {"kind": "SecretList", "items": [MASKED] * 2}),
        ({"type": "ADDED", "object": SECRET}, {"type": "ADDED", "object": MASKED}),
        (STATUS, STATUS),
        ({"metadata": {}, "data": None}, {"metadata": {}, "data": None}),
        ({"kind": "SecretList", "items": None}, {"kind": "SecretList", "items": None}),
        ([], []),
    ],
    ids=["object", "list", "event", "status", "without data", "empty list", "no object"],
)
def test_values_are_masked_and_the_rest_stays(received: Any, masked: Any) -> None:
    assert json.loads(redact(json.dumps(received).encode())) == masked


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", CANARY.encode()])
def test_a_body_that_cannot_be_read_is_not_passed_on(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError) as error:
        redact(body)
    assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        ("api/v1/secrets", True),
        ("api/v1/namespaces/a/secrets", True),
        ("api/v1/namespaces/a/secrets/b", True),
        ("api/v1/watch/namespaces/a/secrets/b", True),
        ("api/v1/namespaces/secrets/pods", False),
        ("api/v1/namespaces/a/configmaps/secrets", False),
        ("apis/example.com/v1/secrets", False),
        ("api/v1/namespaces/secrets", False),
    ],
)
def test_the_paths_of_secrets(path: str, secret: bool) -> None:
    assert is_secret_path(path) is secret


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_the_lines_of_a_watch_are_masked_in_chunks_of_any_size(size: int) -> None:
    event = json.dumps({"type": "ADDED", "object": SECRET}).encode() + b"\n"
    stream = event * 3

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(stream), size):
            yield stream[start : start + size]

    lines = [line async for line in masked_lines(chunks(), redact)]
    assert [json.loads(line) for line in lines] == [{"type": "ADDED", "object": MASKED}] * 3


async def test_a_broken_line_is_not_passed_on() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"type": "ADDED", "object": {"data": {"key": "' + CANARY.encode()

    assert b"".join([line async for line in masked_lines(chunks(), redact)]) == b"{"


COPY = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize("copy", ["", "x", '{"data":{"a":"\\"b\\\\"}}', "line\nbreak", "\u65e5"])
def test_the_annotation_of_kubectl_apply_is_masked_and_all_else_stays(copy: str) -> None:
    annotations: dict[str, Any] = {"a": f'"{COPY}":"quoted"', COPY: copy, "z": "kept"}
    body: dict[str, Any] = {"metadata": {"annotations": annotations, "managedFields": [{f"f:{COPY}": {}}]}}
    for indent in (None, 2):
        masked = json.loads(mask_copies(json.dumps(body, indent=indent).encode()))
        assert masked == {"metadata": {**body["metadata"], "annotations": {**annotations, COPY: "REDACTED"}}}


def test_json_without_that_annotation_is_not_touched() -> None:
    body = b'{"metadata":{"annotations":{"a":"b"}}}'
    assert mask_copies(body) is body

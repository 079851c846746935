"""The reading of YAML, compared with kubectl itself."""

import json
import subprocess
from typing import Any

import pytest

from schema.manifests import MalformedManifest, parse_manifest
from tests.fixtures.control_plane import ControlPlane
from tests.schema.manifests.corpus import REFUSED, SCALARS, VALUES

pytestmark = pytest.mark.cluster

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
JSON_HEAD = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},'


def kubectl(cluster: ControlPlane, text: str) -> list[Any] | None:
    """The objects that kubectl reads, without a write; None if it refuses the text."""
    command = [str(cluster.assets / "kubectl"), "--kubeconfig", str(cluster.kubeconfig), "create"]
    command += ["--dry-run=client", "--validate=false", "-o", "json", "-f", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, timeout=60)
    if done.returncode:
        return None
    found, offset, printed = [], 0, done.stdout.decode().strip()
    while offset < len(printed):
        value, end = json.JSONDecoder().raw_decode(printed, offset)
        found.append(value["x"])
        offset = end + len(printed[end:]) - len(printed[end:].lstrip())
    return found


def ours(text: str) -> list[Any] | None:
    try:
        return [item.content["x"] for item in parse_manifest(text).objects]
    except MalformedManifest:
        return None


def as_floats(value: Any) -> Any:
    """The value with large integers as floating point numbers, as JSON readers may print either."""
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(as_floats, value))
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63
    return float(value) if is_large else value


def assert_same(read: list[Any] | None, expected: list[Any] | None, sources: list[str]) -> None:
    assert read is not None
    assert expected is not None
    pairs = zip(sources, map(as_floats, read), map(as_floats, expected), strict=True)
    assert [
        pair for pair in pairs if json.dumps(pair[1], sort_keys=True) != json.dumps(pair[2], sort_keys=True)
    ] == []


def test_plain_scalars_have_the_values_that_kubectl_gives_them(real_cluster: ControlPlane) -> None:
    text = "---\n".join(f"{HEAD}x: {scalar}\n" for scalar in SCALARS)
    assert_same(ours(text), kubectl(real_cluster, text), SCALARS)


def test_values_are_those_of_kubectl(real_cluster: ControlPlane) -> None:
    text = "\n---\n".join(f"{HEAD}x: {value}" for value in VALUES)
    assert_same(ours(text), kubectl(real_cluster, text), VALUES)


@pytest.mark.parametrize("value", REFUSED)
def test_a_text_that_kubectl_refuses_is_refused(real_cluster: ControlPlane, value: str) -> None:
    text = f"{HEAD}x: {value}\n"
    assert kubectl(real_cluster, text) is None
    assert ours(text) is None


@pytest.mark.parametrize(
    "text",
    [
        f"---\n---\n# c\n---\n{HEAD}x: 1\n---\n\n---\nnull\n---\n",
        f"\ufeff{HEAD}x: 1\n---\n\ufeff{HEAD}x: 2\n",
        f"---   # c\n{HEAD}x: 1\n",
        f"{HEAD}x: 1\n...\n---\n{HEAD}x: 2\n",
        f"{HEAD}x: |\n  a\n  b\n".replace("\n", "\r\n"),
        f"{HEAD}x: 1\n".replace("\n", "\r"),
        JSON_HEAD + '"x":1.0}\n' + JSON_HEAD + '"x":[1e3,12345678901234567890,"\\u00e9"]}',
    ],
)
def test_documents_are_separated_as_by_kubectl(real_cluster: ControlPlane, text: str) -> None:
    expected = kubectl(real_cluster, text)
    assert expected
    assert_same(ours(text), expected, ["document"] * len(expected))


@pytest.mark.parametrize(
    "text", [f"--- {{a: b}}\n{HEAD}x: 1\n", f"---x\n{HEAD}x: 1\n", f"{HEAD}x: 1\n--- {{a: b}}\n"]
)
def test_text_behind_a_separator_is_refused_as_by_kubectl(real_cluster: ControlPlane, text: str) -> None:
    assert kubectl(real_cluster, text) is None
    assert ours(text) is None

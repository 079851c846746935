"""The operations of docs/writes.md are executed as they are printed, against controllers."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.api import API, core, deployment, grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.graphql_ws import StreamEnded
from tests.fixtures.waiting import eventually

DOCUMENT = (Path(__file__).parents[2] / "docs" / "writes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
OPERATION = re.compile(r"\s*(query|mutation|subscription)\b")
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
MANIFEST = "{apiVersion: v1, kind: ConfigMap, metadata: {name: applied}}"


def operations_of_commands() -> list[str]:
    words = [
        word for language, text in BLOCKS if language == "sh" for word in shlex.split(text, comments=True)
    ]
    return [word for word in words if OPERATION.match(word) and word != "query"]


COMMANDS = operations_of_commands()
PRINTED = [text for _, text in BLOCKS if OPERATION.match(text)]


@pytest.fixture(scope="module")
def shop(
    controlled_backend: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[API, GatewayProcess]]:
    """The namespace of the recipes, with their Deployment and pods that it does not control."""
    api = controlled_backend.api()
    api.create(core("namespaces"), {"metadata": {"name": "shop"}})
    api.create(grouped("apps/v1", "deployments", "shop"), deployment("web"))
    arguments = ("--kubeconfig", str(controlled_backend.kubeconfig))
    with start_gateway(tmp_path_factory.mktemp("recipes"), *arguments) as gateway:
        yield api, gateway
    api.request("DELETE", core("namespaces", None, "shop"))


def test_the_document_has_its_recipes() -> None:
    fields = {re.findall(r"\w+(?=\()", re.sub(r"^\s*\w+ \([^)]*\)", "", text))[0] for text in COMMANDS}
    assert fields == {
        "scaleDeployment",
        "patchDeployment",
        "restartDeployment",
        "deploymentRollout",
        "undoDeployment",
        "createSecret",
        "createConfigMap",
        "deleteConfigMap",
        "deletePods",
    }
    assert len(PRINTED) == 4


async def test_the_commands_do_what_their_comments_say(shop: tuple[API, GatewayProcess]) -> None:
    api, gateway = shop
    path = grouped("apps/v1", "deployments", "shop", "web")
    answers: list[Any] = []
    for operation in COMMANDS:
        if operation.startswith("subscription"):
            async with gateway.subscribe(operation) as stream:
                assert (await stream.event())["message"]
            continue

        async def answer(operation: str = operation) -> dict[str, Any] | None:
            variables = {"object": SETTINGS} if "$object" in operation else None
            answer = await gateway.execute(operation, variables)
            if "undoDeployment" in operation and "errors" in answer:
                return None  # the controller has not recorded the new template yet
            assert "errors" not in answer, answer
            data: dict[str, Any] = answer["data"]
            return data

        answers.append(await eventually(answer, "the operation to succeed"))
    scaled, _, labelled, unlabelled, *_, deleted, pods = answers
    assert scaled["scaleDeployment"]["spec"]["replicas"] == 3
    assert labelled["patchDeployment"]["metadata"]["labels"]["team"] == "checkout"
    assert "team" not in unlabelled["patchDeployment"]["metadata"]["labels"]
    assert deleted["deleteConfigMap"] == {"status": "Success"}
    assert pods["deletePods"]["count"] == len(pods["deletePods"]["names"])
    stored = api.get(path)
    assert stored["spec"]["replicas"] == 3
    assert "annotations" not in stored["spec"]["template"]["metadata"]
    containers = stored["spec"]["template"]["spec"]["containers"]
    assert [container["image"] for container in containers if container["name"] == "main"] == [
        "registry.example/main:2.0"
    ]
    assert api.get(core("secrets", "shop", "login"))["type"] == "Opaque"


@pytest.mark.parametrize("operation", PRINTED)
async def test_the_printed_operations_are_valid(shop: tuple[API, GatewayProcess], operation: str) -> None:
    _, gateway = shop
    if operation.lstrip().startswith("subscription"):
        async with gateway.subscribe(operation) as stream:
            with pytest.raises(StreamEnded) as ended:
                await stream.result()
        errors = ended.value.errors
    else:
        variables = {"manifest": MANIFEST} if "$manifest" in operation else None
        errors = (await gateway.execute(operation, variables)).get("errors", [])
    # nodes and Deployments of these names may be absent
    assert [error["extensions"]["code"] for error in errors] in ([], ["NOT_FOUND"])

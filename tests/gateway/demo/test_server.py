"""Start and stop of the demo, its authentication, and its own command."""

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.demo import run_demo
from tests.gateway.demo.demo_client import CORE, DEADLINE, DemoCluster, connect

REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


@asynccontextmanager
async def guarded() -> AsyncIterator[DemoCluster]:
    demo = run_demo(living=False, controllers=False, planted=False, tokens={"secret": "alice"})
    async with demo as running, connect(running) as cluster:
        yield cluster


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer other", "Basic secret"])
async def test_an_unknown_token_is_unauthorized(header: str) -> None:
    async with guarded() as cluster:
        for path in ("/api/v1/pods", "/apis", "/openapi/v3"):
            response = await cluster.client.get(path, headers={"Authorization": header} if header else {})
            assert (response.status_code, response.json()["reason"]) == (401, "Unauthorized")


async def test_a_token_identifies_its_user() -> None:
    async with guarded() as cluster:
        cluster.client.headers["Authorization"] = "Bearer secret"
        assert (await cluster.get("/api/v1/pods"))["items"] == []
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        review = await cluster.create(WHO, body)
        assert review["status"]["userInfo"]["username"] == "alice"


async def test_access_reviews_allow_everything(bare: DemoCluster) -> None:
    body = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods"}}}
    review = await bare.create(REVIEW, body)
    assert review["status"]["allowed"] is True
    assert review["spec"] == body["spec"]


async def test_the_rules_of_every_user_allow_everything(bare: DemoCluster) -> None:
    review = await bare.create(RULES, {"spec": {"namespace": "default"}})
    (rule,) = review["status"]["resourceRules"]
    assert rule == {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert review["status"]["incomplete"] is False


async def test_the_health_endpoint_of_the_server_succeeds(bare: DemoCluster) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert (await bare.client.get(path)).text == "ok"
    assert (await bare.get("/version"))["gitVersion"].startswith("v1.")


async def test_a_log_has_lines(still: DemoCluster) -> None:
    name = (await still.get("/api/v1/namespaces/shop/pods"))["items"][0]["metadata"]["name"]
    path = f"/api/v1/namespaces/shop/pods/{name}/log"
    log = (await still.client.get(path, params={"tailLines": 3, "timestamps": "true"})).text
    assert len(log.splitlines()) == 3
    assert (await still.client.get(path)).text.endswith(log.splitlines()[-1].partition(" ")[2] + "\n")
    refused = await still.client.get(path, params={"container": "other"})
    assert (refused.status_code, refused.json()["reason"]) == (400, "BadRequest")


async def test_a_port_in_use_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with run_demo(port=taken.getsockname()[1], planted=False):
            pass


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with run_demo(planted=False):
            raise KeyError("mine")


async def test_it_ends_with_a_watch_open() -> None:
    async with asyncio.timeout(DEADLINE):
        async with httpx.AsyncClient(timeout=DEADLINE, verify=False) as client:
            async with run_demo(planted=False) as demo:
                request = client.build_request("GET", f"{demo.url}{CORE}/pods", params={"watch": "true"})
                response = await client.send(request, stream=True)
                assert response.is_success
            assert [line async for line in response.aiter_lines()] == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_serves_until_it_is_signalled(tmp_path: Path, end: signal.Signals) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.demo", "--still", "--token", "secret=alice"),
        *("--write-kubeconfig", str(kubeconfig)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        line = (await process.stdout.readline()).decode()
        url = line.split()[-1]
        config = json.loads(kubeconfig.read_text())
        assert config["clusters"][0]["cluster"]["server"] == url
        assert config["users"] == [{"name": "alice", "user": {"token": "secret"}}]
        headers = {"Authorization": "Bearer secret"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=DEADLINE, verify=False) as client:
            watch = client.stream("GET", "/api/v1/pods", params={"watch": "true"})
            async with watch as response:
                assert response.is_success
                process.send_signal(end)
                _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_the_command_reports_that_it_cannot_serve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.demo", "--port", str(taken.getsockname()[1])),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE):
            _, errors = await process.communicate()
    assert process.returncode == 2
    assert errors.count(b"\n") == 1


async def test_it_ends_with_a_log_followed() -> None:
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient(timeout=DEADLINE, verify=False) as client:
        async with run_demo(living=False) as demo:
            path = f"{demo.url}/api/v1/namespaces/media/pods/postgres-0/log"
            query = {"follow": "true", "tailLines": "1"}
            response = await client.send(client.build_request("GET", path, params=query), stream=True)
            lines = response.aiter_lines()
            assert "level=info" in await anext(lines)
        assert [line async for line in lines if "level=info" not in line] == []

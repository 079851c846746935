"""Start and stop of the demo, and its own command."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from gateway.demo import run_demo
from tests.gateway.demo.demo_client import APPS, CORE, DEADLINE, DemoCluster, deployment


async def test_the_health_endpoint_of_the_server_succeeds(bare: DemoCluster) -> None:
    for path in ("/livez", "/readyz", "/healthz"):
        assert (await bare.client.get(path)).text == "ok"
    assert (await bare.get("/version"))["gitVersion"].startswith("v1.")


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


async def test_without_controllers_objects_stay_as_they_are(bare: DemoCluster) -> None:
    await bare.create(f"{APPS}/deployments", deployment("web"))
    revision = bare.demo.storage.revision
    await asyncio.sleep(0.2)
    assert bare.demo.storage.revision == revision
    assert (await bare.get(f"{CORE}/pods"))["items"] == []

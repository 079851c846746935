from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings

from gateway.informers import InformerRegistry, Limits, Scope
from gateway.kube.client import KubeClient
from gateway.kube.cluster_config import ClusterConfig
from tests.gateway.informers.reading import InstantClock
from tests.gateway.informers.script import Step, run_script, steps
from tests.gateway.informers.scripted_server import ScriptedServer, running_server


class ScriptedWorld:
    """The scripted server, which can do every mishap there is."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    async def put(self, name: str, label: str) -> None:
        write = self.server.update if f"default/{name}" in self.server.objects else self.server.create
        labels = {"app": label} if label else {}
        await write(name, v=self.server.resource_version, labels=labels)

    async def delete(self, name: str) -> None:
        if f"default/{name}" in self.server.objects:
            await self.server.delete(name)

    async def mishap(self, what: str) -> None:
        match what:
            case "stop":
                await self.server.stop()
            case "start":
                await self.server.start()
            case "disconnect":
                await self.server.disconnect()
            case "renew":
                await self.server.end_watches()
            case "forget":
                self.server.compact()
                await self.server.disconnect()

    async def recover(self) -> None:
        if not self.server.running:
            await self.server.start()

    async def state(self) -> Mapping[str, tuple[str, str]]:
        return {
            key: (each["metadata"]["resourceVersion"], each["metadata"].get("labels", {}).get("app", ""))
            for key, each in self.server.objects.items()
        }


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(steps())
async def test_whatever_happens_the_folded_events_of_every_subscriber_are_what_the_server_has(
    script: list[Step],
) -> None:
    await play(script, watch_list=True)


@settings(deadline=None, max_examples=75, suppress_health_check=[HealthCheck.too_slow])
@given(steps())
async def test_whatever_happens_it_is_so_with_a_list_and_a_watch_too(script: list[Step]) -> None:
    await play(script, watch_list=False)


async def play(script: list[Step], *, watch_list: bool) -> None:
    async with running_server() as server:
        server.watch_list = watch_list
        registry = InformerRegistry(clock=InstantClock(), limits=Limits(objects=3))
        async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
            try:
                await run_script(ScriptedWorld(server), registry, client, Scope("default"), script)
            finally:
                await registry.aclose()

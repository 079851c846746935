"""The demo's API server in a process of its own, for several workers."""

from gateway.cli.channel import Channel
from gateway.cli.loop import run, stop_signal
from gateway.cli.parts import Part
from gateway.demo import run_demo

__all__ = ["run_demo_part"]


def run_demo_part(part: Part) -> None:
    """Serve it until SIGINT or SIGTERM, or until the supervisor is gone."""
    channel = Channel(part.channel)
    with channel.reporting():
        run(_serve(channel))


async def _serve(channel: Channel) -> None:
    channel.watch()
    stop = stop_signal()
    async with run_demo() as demo:
        channel.report(ready=demo.url)
        await stop.wait()

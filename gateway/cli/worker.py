"""One of several workers: a gateway as any other, on its share of the address."""

import faulthandler
import shutil
import socket

from gateway.cli.channel import Channel
from gateway.cli.parts import Part
from gateway.cli.serving import Site, serve_at
from gateway.server import Siblings
from gateway.settings import Settings

__all__ = ["run_worker"]


def run_worker(settings: Settings, part: Part, worker: int) -> None:
    """Serve until SIGINT or SIGTERM, or until the supervisor is gone."""
    # what the supervisor sends to one that does not answer makes it print where each thread is
    faulthandler.enable()
    channel = Channel(part.channel)
    siblings = Siblings(worker, part.workers, part.directory)
    with (
        channel.reporting(),
        socket.socket(fileno=part.listening) as bound,
        siblings.bind() as private,
    ):
        bound.set_inheritable(False)
        site = Site(
            bound,
            announce=lambda line: channel.report(ready=line),
            begin=channel.watch,
            siblings=siblings,
            private=private,
            demo_url=part.demo_url,
        )
        serve_at(settings, site)
    if channel.orphaned:
        # the supervisor's to remove, but it is gone
        shutil.rmtree(part.directory, ignore_errors=True)

"""A throw-away control plane for measurements, and a plain client of it."""

import contextlib
import signal
import ssl
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.fixtures.control_plane import ControlPlane, find_assets
from tests.fixtures.ports import free_port

__all__ = ["Cluster", "NoControlPlane", "cluster_of", "start_cluster"]


class NoControlPlane(Exception):
    """No kube-apiserver binary was found on this machine."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A real API server with an administrator's token; ``directory`` is for temporary files."""

    server: str
    kubeconfig: Path
    certificate_authority: Path
    token: str
    directory: Path
    plane: ControlPlane

    def client(self) -> httpx.AsyncClient:
        """A client with its own connections; like the gateway, it requests uncompressed responses."""
        return httpx.AsyncClient(
            base_url=self.server,
            headers={"Authorization": f"Bearer {self.token}", "Accept-Encoding": "identity"},
            verify=ssl.create_default_context(cafile=str(self.certificate_authority)),
            timeout=120,
            trust_env=False,
        )


@contextlib.contextmanager
def start_cluster() -> Iterator[Cluster]:
    """An empty control plane, stopped at the end of the block. Raises NoControlPlane."""
    assets = find_assets()
    if assets is None:
        raise NoControlPlane("no kube-apiserver on this machine: tests/kube/build.sh builds one (needs Go)")
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="kube-graphql-bench-") as directory:
        plane = ControlPlane(Path(directory) / "cluster", assets, free_port())
        try:
            plane.up()
            yield cluster_of(plane, Path(directory))
        finally:
            plane.down()


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Unwind the block on SIGTERM, as on Ctrl-C, so that the control plane does not outlive this process."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def cluster_of(plane: ControlPlane, directory: Path) -> Cluster:
    """The control plane, accessed as its administrator."""
    return Cluster(
        plane.server,
        plane.kubeconfig,
        plane.certificate_authority,
        "admin-token",
        directory,
        plane,
    )

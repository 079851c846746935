"""What it takes to reach one API server as one user, as plain data.

The kubeconfig and the service account of a pod are its sources; :mod:`gateway.kube.client` uses it.
Secrets never show in a ``repr``.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ClusterConfig", "ExecConfig", "Impersonation", "PEMSource", "TLSSettings", "UserConfig"]


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """How to know the API server: ``ca`` in PEM (None: the system's), the name its certificate must have."""

    ca: bytes | None = field(default=None, repr=False)
    insecure: bool = False
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class PEMSource:
    """PEM from a file, which may be rotated, or as data; exactly one of the two is set."""

    file: Path | None = None
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A credential plugin (``client.authentication.k8s.io``, "Configuration").

    ``cluster_config`` is the cluster's extension ``client.authentication.k8s.io/exec``, passed on as it is.
    """

    command: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    cluster_config: Any = None


@dataclass(frozen=True, slots=True)
class Impersonation:
    """The user to act as, from the user entry's ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The credentials of one user entry; a token file, being rotated, wins over ``token``."""

    name: str = ""
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: PEMSource | None = None
    key: PEMSource | None = None
    exec: ExecConfig | None = None
    impersonation: Impersonation | None = None


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One API server and one user.

    ``server`` is a URL without a trailing slash and may have a path; ``namespace`` is the context's,
    else ``default``. ``compress`` says that gzip pays: never for a server on this machine or inside
    the same cluster. ``proxy_url`` None leaves the choice to the environment (``HTTPS_PROXY``, ``NO_PROXY``).
    """

    server: str
    context: str = ""
    cluster: str = ""
    namespace: str = "default"
    tls: TLSSettings = TLSSettings()
    proxy_url: str | None = field(default=None, repr=False)
    user: UserConfig = UserConfig()
    compress: bool = False

"""The address of one API server and the credentials of one user, as plain data.

:mod:`gateway.kube.config.loading` builds it from a kubeconfig or a pod's service account;
:mod:`gateway.kube.client` uses it. A ``repr`` contains no secret.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "ClusterConfig",
    "ExecConfig",
    "Impersonation",
    "OIDCConfig",
    "PEMSource",
    "TLSSettings",
    "UserConfig",
]


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """How to verify the API server.

    ``ca`` is PEM, None for the system's authorities; ``server_name`` is the name expected in the certificate.
    """

    ca: bytes | None = field(default=None, repr=False)
    insecure: bool = False
    server_name: str | None = None


@dataclass(frozen=True, slots=True)
class PEMSource:
    """PEM data, or a file with it, which may be rotated; exactly one of the two is set."""

    file: Path | None = None
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A credential plugin (``client.authentication.k8s.io``, "Configuration").

    ``cluster_config`` is the cluster's extension ``client.authentication.k8s.io/exec``, passed on unchanged.
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
class OIDCConfig:
    """The settings of ``auth-provider: oidc``.

    ``ca`` is the issuer's authority in PEM, None for the system's; ``kubeconfig`` is the tokens' file.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    ca: bytes | None = field(default=None, repr=False)
    kubeconfig: Path | None = None


@dataclass(frozen=True, slots=True)
class Impersonation:
    """The impersonated user: the user entry's ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The credentials of one user entry; a token file wins over ``token``, because the file is rotated."""

    name: str = ""
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: PEMSource | None = None
    key: PEMSource | None = None
    exec: ExecConfig | None = None
    oidc: OIDCConfig | None = None
    impersonation: Impersonation | None = None


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """One API server and one user.

    ``server`` is a URL without a trailing slash and may have a path; ``namespace`` is the context's, else
    ``default``. ``compress`` requests gzip: not for a server on this machine or in the same cluster.
    ``proxy_url`` None means the environment's proxy (``HTTPS_PROXY``, ``NO_PROXY``).
    """

    server: str
    context: str = ""
    cluster: str = ""
    namespace: str = "default"
    tls: TLSSettings = TLSSettings()
    proxy_url: str | None = field(default=None, repr=False)
    user: UserConfig = UserConfig()
    compress: bool = False

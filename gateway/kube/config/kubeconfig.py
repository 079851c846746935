"""Select a context of a kubeconfig and validate its cluster and its user, with kubectl's rules.

:func:`select_context` is the entry point. Every error is a KubeconfigError with a message of one line that
names the file and the change to make.
"""

import base64
import binascii
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import KubeconfigError
from gateway.kube.config.cluster_config import (
    ClusterConfig,
    ExecConfig,
    Impersonation,
    OIDCConfig,
    PEMSource,
    TLSSettings,
    UserConfig,
)
from gateway.kube.config.kubeconfig_file import (
    AuthInfo,
    AuthProvider,
    Cluster,
    Context,
    EnvironmentVariable,
    ExecEntry,
    Kubeconfig,
)
from gateway.settings import is_loopback

__all__ = ["select_context"]

logger = logging.getLogger(__name__)

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXEC_EXTENSION = "client.authentication.k8s.io/exec"
_INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")


def select_context(config: Kubeconfig, name: str | None = None) -> ClusterConfig:
    """The cluster and the user of the context ``name``, else of the current one. Raises KubeconfigError."""
    where = "kubeconfig " + ", ".join(config.files)
    name = name or config.current_context
    known = ", ".join(sorted(config.contexts)) or "none"
    if not name:
        raise KubeconfigError(f"{where} has no current-context: choose one with --context (it has {known})")
    if name not in config.contexts:
        raise KubeconfigError(f"{where} has no context {name!r} (it has {known})")
    context = config.contexts[name]
    where = f"{where}, context {name!r}"
    cluster = _cluster_of(context, config, where)
    server = _server_url(cluster, where)
    return ClusterConfig(
        server=server,
        context=name,
        cluster=context.cluster or "",
        # Not validated, as in kubectl: a malformed namespace fails a request that uses it.
        namespace=context.namespace or "default",
        tls=_tls_settings(cluster, where),
        proxy_url=cluster.proxy_url or None,
        user=_user_config(context.user or "", config, _Target(server, cluster), where),
        compress=not (cluster.disable_compression or is_loopback(urlsplit(server).hostname or "")),
    )


def _cluster_of(context: Context, config: Kubeconfig, where: str) -> Cluster:
    cluster = config.clusters.get(context.cluster or "")
    if cluster is not None:
        return cluster
    if not context.cluster:
        raise KubeconfigError(f"{where} names no cluster: add one")
    raise KubeconfigError(f"{where} names the cluster {context.cluster!r}, which is not there")


@dataclass(frozen=True, slots=True)
class _Target:
    """The receiver of the user's credentials."""

    server: str
    cluster: Cluster

    @property
    def may_get_credentials(self) -> bool:
        """Whether credentials do not cross a network unencrypted; kubectl sends none over plain HTTP."""
        parts = urlsplit(self.server)
        return parts.scheme == "https" or is_loopback(parts.hostname or "")


def _server_url(cluster: Cluster, where: str) -> str:
    """The server as an absolute URL without query and fragment; the default scheme is http, as in kubectl."""
    server = (cluster.server or "").strip()
    if not server:
        raise KubeconfigError(f"{where}: the cluster has no server: add its URL")
    server = server if "://" in server else f"http://{server}"
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username is not None or re.search(r"\s", server):
        raise KubeconfigError(
            f"{where}: server {_shown(server)!r} is not a URL like https://host:6443 (without a user)"
        )
    return parts._replace(query="", fragment="").geturl().rstrip("/")


def _shown(url: str) -> str:
    """The URL for a message, its user information replaced: it may contain a password."""
    return re.sub(r"//[^/]*@", "//…@", url)


def _tls_settings(cluster: Cluster, where: str) -> TLSSettings:
    insecure = bool(cluster.insecure_skip_tls_verify)
    authority = _pem_source(
        cluster.certificate_authority, cluster.certificate_authority_data, "certificate-authority", where
    )
    if insecure and authority is not None:
        raise KubeconfigError(
            f"{where}: insecure-skip-tls-verify goes with no certificate-authority: remove one of the two"
        )
    ca = None
    if authority is not None:
        ca = authority.data if authority.file is None else _read_file(authority.file, where)
    return TLSSettings(ca=ca, insecure=insecure, server_name=cluster.tls_server_name or None)


def _pem_source(file: str | None, data: str | None, key: str, where: str) -> PEMSource | None:
    if file and data:
        raise KubeconfigError(f"{where}: {key} and {key}-data are both there: remove one")
    if file:
        return PEMSource(file=Path(file))
    if not data:
        return None
    try:
        # Go's decoder ignores line breaks.
        return PEMSource(data=base64.b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise KubeconfigError(f"{where}: {key}-data is not base64: {error}") from error


def _read_file(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{where}: cannot read {path}: {error.strerror or error}") from error


def _user_config(name: str, config: Kubeconfig, target: _Target, where: str) -> UserConfig:
    """The user ``name``; without such an entry requests are anonymous, as in kubectl."""
    user = config.users.get(name, AuthInfo())
    if name and name not in config.users:
        logger.warning("%s names the user %r, which is not there: requests are anonymous", where, name)
    where = f"{where}, user {name!r}"
    if user.token and (user.username or user.password):
        raise KubeconfigError(f"{where}: token and username/password are both there: remove one")
    certificate, key = _certificate_and_key(user, where)
    plugin = _exec_config(user.exec, target.cluster, where) if user.exec is not None else None
    if plugin is not None and user.auth_provider is not None:
        raise KubeconfigError(f"{where}: exec and auth-provider are both there: remove one")
    bare = UserConfig(name=name, impersonation=_impersonation(user, where))
    if not target.may_get_credentials:
        if user != AuthInfo():
            logger.warning(
                "the credentials of user %r are not sent to %s, which is plain HTTP", name, target.server
            )
        return bare
    if user.token_file and not user.token:
        _read_file(Path(user.token_file), where)
    return replace(
        bare,
        token=user.token or "",
        token_file=Path(user.token_file) if user.token_file else None,
        username=user.username or "",
        password=user.password or "",
        certificate=certificate,
        key=key,
        exec=plugin,
        oidc=_oidc_config(user.auth_provider, config.user_files.get(name), where),
    )


def _certificate_and_key(user: AuthInfo, where: str) -> tuple[PEMSource | None, PEMSource | None]:
    """Both or neither; a key without a certificate is ignored, as in kubectl."""
    certificate = _pem_source(
        user.client_certificate, user.client_certificate_data, "client-certificate", where
    )
    if certificate is None:
        return None, None
    key = _pem_source(user.client_key, user.client_key_data, "client-key", where)
    if key is None:
        raise KubeconfigError(f"{where}: client-certificate needs client-key or client-key-data")
    for source in (certificate, key):
        if source.file is not None:
            _read_file(source.file, where)
    return certificate, key


def _oidc_config(provider: AuthProvider | None, file: str | None, where: str) -> OIDCConfig | None:
    """The settings of ``auth-provider: oidc``; client-go has removed the other providers."""
    if provider is None:
        return None
    if provider.name != "oidc":
        raise KubeconfigError(
            f"{where}: auth-provider {provider.name!r} is gone since Kubernetes 1.26: use an exec plugin"
        )
    settings = {key: value or "" for key, value in (provider.config or {}).items()}
    for required in ("idp-issuer-url", "client-id"):
        if not settings.get(required):
            raise KubeconfigError(f"{where}: auth-provider oidc needs {required}")
    authority = _pem_source(
        settings.get("idp-certificate-authority"),
        settings.get("idp-certificate-authority-data"),
        "idp-certificate-authority",
        where,
    )
    ca = None
    if authority is not None:
        ca = authority.data if authority.file is None else _read_file(authority.file, where)
    return OIDCConfig(
        issuer=settings["idp-issuer-url"],
        client_id=settings["client-id"],
        client_secret=settings.get("client-secret", ""),
        id_token=settings.get("id-token", ""),
        refresh_token=settings.get("refresh-token", ""),
        ca=ca,
        kubeconfig=Path(file) if file else None,
    )


def _impersonation(user: AuthInfo, where: str) -> Impersonation | None:
    if user.as_user:
        extra = tuple((key, _strings(values)) for key, values in (user.as_user_extra or {}).items())
        return Impersonation(user.as_user, user.as_uid or "", _strings(user.as_groups), extra)
    if user.as_uid or user.as_groups or user.as_user_extra:
        raise KubeconfigError(
            f"{where}: as-uid, as-groups and as-user-extra need as (the user to impersonate)"
        )
    return None


def _strings(values: list[str | None] | None) -> tuple[str, ...]:
    """``null`` in a list of strings is the empty string, as in Go."""
    return tuple(value or "" for value in values or ())


def _exec_config(entry: ExecEntry, cluster: Cluster, where: str) -> ExecConfig:
    version = entry.api_version or ""
    if not entry.command:
        raise KubeconfigError(f"{where}: exec has no command: add the plugin's")
    if version not in _EXEC_VERSIONS:
        raise KubeconfigError(f"{where}: exec has apiVersion {version!r}, use {' or '.join(_EXEC_VERSIONS)}")
    # Only v1beta1 has a default interactiveMode (client-go's kubeconfig defaults).
    mode = entry.interactive_mode or ("IfAvailable" if version.endswith("v1beta1") else "")
    if mode not in _INTERACTIVE_MODES:
        raise KubeconfigError(
            f"{where}: exec has interactiveMode {mode!r}, use {', '.join(_INTERACTIVE_MODES)}"
        )
    variables = [variable or EnvironmentVariable() for variable in entry.env or ()]
    if any(not variable.name for variable in variables):
        raise KubeconfigError(f"{where}: exec has an env entry without a name")
    return ExecConfig(
        command=entry.command,
        api_version=version,
        args=_strings(entry.args),
        env=tuple((variable.name or "", variable.value or "") for variable in variables),
        install_hint=entry.install_hint or "",
        provide_cluster_info=bool(entry.provide_cluster_info),
        interactive_mode=mode,
        cluster_config=next(
            (
                named.extension
                for named in cluster.extensions or ()
                if named and named.name == _EXEC_EXTENSION
            ),
            None,
        ),
    )

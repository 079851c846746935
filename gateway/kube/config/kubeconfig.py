"""Which API server to talk to, and as whom: kubeconfig exactly as kubectl reads it, else the pod's own.

``load_config`` is the whole of it. Every malformed input leaves as a KubeconfigError with one line that
names the file and what to change in it.
"""

import base64
import binascii
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import BadArgument, ConfigurationError, KubeconfigError
from gateway.kube.config.cluster_config import (
    ClusterConfig,
    ExecConfig,
    Impersonation,
    PEMSource,
    TLSSettings,
    UserConfig,
)
from gateway.kube.config.in_cluster import SERVICE_ACCOUNT, in_cluster_config, runs_in_cluster
from gateway.kube.config.kubeconfig_file import (
    AuthInfo,
    Cluster,
    Context,
    ExecEntry,
    Kubeconfig,
    merge_kubeconfigs,
    read_kubeconfigs,
)
from gateway.kube.paths import validate_namespace
from gateway.kube.proxy import is_loopback

__all__ = ["ClusterConfig", "in_cluster_config", "load_config", "load_kubeconfig", "select_context"]

logger = logging.getLogger(__name__)

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
EXEC_EXTENSION = "client.authentication.k8s.io/exec"
INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")


def load_config(
    kubeconfig: str | os.PathLike[str] | None = None,
    context: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> ClusterConfig:
    """The cluster and user that kubectl would use: of that file, ``KUBECONFIG``, ``~/.kube/config``, the pod.

    Raises ConfigurationError (KubeconfigError where a file is to blame), always one line.
    """
    environ = os.environ if environ is None else environ
    config = load_kubeconfig(kubeconfig, environ=environ)
    if not config.empty or kubeconfig is not None:
        return select_context(config, context)
    if context is None and runs_in_cluster(environ, service_account):
        return in_cluster_config(environ, service_account)
    looked = environ.get("KUBECONFIG") or "~/.kube/config"
    raise ConfigurationError(
        f"no cluster to talk to: {looked} has no kubeconfig; set KUBECONFIG, pass --kubeconfig, or try --demo"
    )


def load_kubeconfig(
    kubeconfig: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Kubeconfig:
    """Read and merge the files that kubectl would; an explicit one stands alone and must exist."""
    environ = os.environ if environ is None else environ
    if kubeconfig is not None:
        return merge_kubeconfigs(read_kubeconfigs([Path(kubeconfig)], must_exist=True))
    named = environ.get("KUBECONFIG")
    if named:
        files = [Path(each) for each in dict.fromkeys(named.split(os.pathsep)) if each]
    else:
        home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 (never raises, unlike Path.home)
        files = [Path(home, ".kube", "config")]
    return merge_kubeconfigs(read_kubeconfigs(files, must_exist=False))


def select_context(config: Kubeconfig, name: str | None = None) -> ClusterConfig:
    """The cluster and user of that context, else of the current one. Raises KubeconfigError."""
    where = "kubeconfig " + ", ".join(config.files)
    name = name or config.current_context
    known = ", ".join(sorted(config.contexts)) or "none"
    if not name:
        raise KubeconfigError(f"{where} has no current-context: choose one with --context (it has {known})")
    if name not in config.contexts:
        raise KubeconfigError(f"{where} has no context {name!r} (it has {known})")
    context = config.contexts[name]
    cluster, user = referenced(config, name, context, where)
    where = f"{where}, context {name!r}"
    server = server_url(cluster, where)
    return ClusterConfig(
        server=server,
        context=name,
        cluster=context.cluster or "",
        namespace=namespace_of(context, where),
        tls=tls_settings(cluster, where),
        proxy_url=cluster.proxy_url or None,
        user=sent_to(server, user_config(context.user or "", user, cluster, where)),
        compress=not (cluster.disable_compression or is_loopback(urlsplit(server).hostname)),
    )


def referenced(config: Kubeconfig, name: str, context: Context, where: str) -> tuple[Cluster, AuthInfo]:
    for kind, value, entries in (
        ("cluster", context.cluster, config.clusters),
        ("user", context.user, config.users),
    ):
        if not value:
            raise KubeconfigError(f"{where}: context {name!r} names no {kind}: add one")
        if value not in entries:
            raise KubeconfigError(f"{where}: context {name!r} names the {kind} {value!r}, which is not there")
    return config.clusters[context.cluster or ""], config.users[context.user or ""]


def namespace_of(context: Context, where: str) -> str:
    if not context.namespace:
        return "default"
    try:
        return validate_namespace(context.namespace)
    except BadArgument as error:
        raise KubeconfigError(f"{where}: {error}") from error


def server_url(cluster: Cluster, where: str) -> str:
    """The server as an absolute URL without query and fragment; plain HTTP without a scheme (as kubectl)."""
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
            f"{where}: server {shown(server)!r} is not a URL like https://host:6443 (without a user)"
        )
    return parts._replace(query="", fragment="").geturl().rstrip("/")


def shown(url: str) -> str:
    """The URL without what may be a password in it."""
    return re.sub(r"//[^/]*@", "//…@", url)


def tls_settings(cluster: Cluster, where: str) -> TLSSettings:
    insecure = bool(cluster.insecure_skip_tls_verify)
    authority = pem_source(
        cluster.certificate_authority, cluster.certificate_authority_data, "certificate-authority", where
    )
    if insecure and authority is not None:
        raise KubeconfigError(
            f"{where}: insecure-skip-tls-verify goes with no certificate-authority: remove one of the two"
        )
    ca = None
    if authority is not None:
        ca = authority.data if authority.file is None else read_file(authority.file, where)
    return TLSSettings(ca=ca, insecure=insecure, server_name=cluster.tls_server_name or None)


def pem_source(file: str | None, data: str | None, key: str, where: str) -> PEMSource | None:
    if file and data:
        raise KubeconfigError(f"{where}: {key} and {key}-data are both there: remove one")
    if file:
        return PEMSource(file=Path(file))
    if not data:
        return None
    try:
        # Line breaks are fine, as they are for Go's decoder.
        return PEMSource(data=base64.b64decode("".join(data.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise KubeconfigError(f"{where}: {key}-data is not base64: {error}") from error


def read_file(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{where}: cannot read {path}: {error.strerror or error}") from error


def user_config(name: str, user: AuthInfo, cluster: Cluster, where: str) -> UserConfig:
    where = f"{where}, user {name!r}"
    if user.auth_provider:
        raise KubeconfigError(f"{where}: auth-provider is gone since Kubernetes 1.26: use an exec plugin")
    if user.token and (user.username or user.password):
        raise KubeconfigError(f"{where}: token and username/password are both there: remove one")
    certificate = pem_source(
        user.client_certificate, user.client_certificate_data, "client-certificate", where
    )
    key = pem_source(user.client_key, user.client_key_data, "client-key", where)
    if certificate is not None and key is None:
        raise KubeconfigError(f"{where}: client-certificate needs client-key or client-key-data")
    for source in (certificate, key):
        if certificate is not None and source is not None and source.file is not None:
            read_file(source.file, where)
    if user.token_file and not user.token:
        read_file(Path(user.token_file), where)
    return UserConfig(
        name=name,
        token=user.token or "",
        token_file=Path(user.token_file) if user.token_file else None,
        username=user.username or "",
        password=user.password or "",
        certificate=certificate,
        key=key if certificate is not None else None,
        exec=exec_config(user.exec, cluster, where) if user.exec is not None else None,
        impersonation=impersonation(user, where),
    )


def sent_to(server: str, user: UserConfig) -> UserConfig:
    """Without credentials where they would cross a network in the clear (kubectl sends none over HTTP)."""
    parts = urlsplit(server)
    if parts.scheme == "https" or is_loopback(parts.hostname):
        return user
    bare = UserConfig(name=user.name, impersonation=user.impersonation)
    if user != bare:
        logger.warning(
            "the credentials of user %r are not sent to %s, which is plain HTTP", user.name, server
        )
    return bare


def impersonation(user: AuthInfo, where: str) -> Impersonation | None:
    if user.as_user:
        extra = tuple((key, tuple(values)) for key, values in (user.as_user_extra or {}).items())
        return Impersonation(user.as_user, user.as_uid or "", tuple(user.as_groups or ()), extra)
    if user.as_uid or user.as_groups or user.as_user_extra:
        raise KubeconfigError(
            f"{where}: as-uid, as-groups and as-user-extra need as (the user to impersonate)"
        )
    return None


def exec_config(entry: ExecEntry, cluster: Cluster, where: str) -> ExecConfig:
    version = entry.api_version or ""
    if not entry.command:
        raise KubeconfigError(f"{where}: exec has no command: add the plugin's")
    if version not in EXEC_VERSIONS:
        raise KubeconfigError(f"{where}: exec has apiVersion {version!r}, use {' or '.join(EXEC_VERSIONS)}")
    # Only v1beta1 has a default (client-go's defaults for kubeconfig).
    mode = entry.interactive_mode or ("IfAvailable" if version.endswith("v1beta1") else "")
    if mode not in INTERACTIVE_MODES:
        raise KubeconfigError(
            f"{where}: exec has interactiveMode {mode!r}, use {', '.join(INTERACTIVE_MODES)}"
        )
    if any(not each.name for each in entry.env or ()):
        raise KubeconfigError(f"{where}: exec has an env entry without a name")
    return ExecConfig(
        command=entry.command,
        api_version=version,
        args=tuple(entry.args or ()),
        env=tuple((each.name or "", each.value or "") for each in entry.env or ()),
        install_hint=entry.install_hint or "",
        provide_cluster_info=bool(entry.provide_cluster_info),
        interactive_mode=mode,
        cluster_config=next(
            (each.extension for each in cluster.extensions or () if each.name == EXEC_EXTENSION), None
        ),
    )

"""The service account of the pod that this process runs in."""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.kube.config.cluster_config import ClusterConfig, TLSSettings, UserConfig

__all__ = ["SERVICE_ACCOUNT", "in_cluster_config", "runs_in_cluster"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def runs_in_cluster(environ: Mapping[str, str] | None = None, directory: Path = SERVICE_ACCOUNT) -> bool:
    """Whether the kubelet gave this process an API server and a token."""
    environ = os.environ if environ is None else environ
    names = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
    return all(environ.get(name) for name in names) and (directory / "token").is_file()


def in_cluster_config(
    environ: Mapping[str, str] | None = None, directory: Path = SERVICE_ACCOUNT
) -> ClusterConfig:
    """The API server of the cluster around this pod, as the pod's service account.

    The token is read again as it is rotated. Raises ConfigurationError outside a cluster.
    """
    environ = os.environ if environ is None else environ
    if not runs_in_cluster(environ, directory):
        raise ConfigurationError(
            "not in a cluster: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT"
            f" or {directory / 'token'} is missing"
        )
    host = environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    return ClusterConfig(
        server=f"https://{host}:{environ['KUBERNETES_SERVICE_PORT']}",
        context="in-cluster",
        cluster="in-cluster",
        namespace=environ.get("POD_NAMESPACE") or read_text(directory / "namespace").strip() or "default",
        tls=TLSSettings(ca=read_text(directory / "ca.crt").encode() or None),
        user=UserConfig(name="service account", token_file=directory / "token"),
    )


def read_text(path: Path) -> str:
    """Empty where there is none: a projected volume may carry the token alone."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path} of the service account: {error}") from error

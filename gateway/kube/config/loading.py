"""Load the cluster and the user: from the kubeconfig that kubectl would use, else from the pod.

:func:`load_config` is the entry point. Every malformed input raises ConfigurationError with a message of one
line that names the file and the change to make.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from gateway.errors import ConfigurationError, KubeconfigError
from gateway.kube.config.cluster_config import ClusterConfig, TLSSettings, UserConfig
from gateway.kube.config.kubeconfig import select_context
from gateway.kube.config.kubeconfig_file import Kubeconfig, merge_kubeconfigs, parse_kubeconfig

__all__ = ["in_cluster_config", "load_config", "load_kubeconfig"]

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load_config(
    kubeconfig: str | os.PathLike[str] | None = None,
    context: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    service_account: Path = _SERVICE_ACCOUNT,
) -> ClusterConfig:
    """The cluster and the user that kubectl would use.

    The first source that exists wins: ``kubeconfig``, the files in ``KUBECONFIG``, ``~/.kube/config``, the
    pod's service account. Raises ConfigurationError; KubeconfigError for an error in a file.
    """
    environ = os.environ if environ is None else environ
    config = load_kubeconfig(kubeconfig, environ=environ)
    if not config.empty or kubeconfig is not None:
        return select_context(config, context)
    if context is None and _runs_in_cluster(environ, service_account):
        return in_cluster_config(environ, service_account)
    looked = environ.get("KUBECONFIG") or "~/.kube/config"
    raise ConfigurationError(
        f"no cluster to talk to: {looked} has no kubeconfig; set KUBECONFIG, pass --kubeconfig, or try --demo"
    )


def load_kubeconfig(
    kubeconfig: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
) -> Kubeconfig:
    """Read and merge the kubeconfig files; ``kubeconfig`` replaces the environment's files and must exist.

    Raises KubeconfigError.
    """
    environ = os.environ if environ is None else environ
    if kubeconfig is not None:
        return merge_kubeconfigs(_read_kubeconfigs([Path(kubeconfig)], must_exist=True))
    named = environ.get("KUBECONFIG")
    if named:
        files = [Path(file) for file in dict.fromkeys(named.split(os.pathsep)) if file]
    else:
        home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 (never raises, unlike Path.home)
        files = [Path(home, ".kube", "config")]
    return merge_kubeconfigs(_read_kubeconfigs(files, must_exist=False))


def _read_kubeconfigs(paths: list[Path], *, must_exist: bool) -> list[Kubeconfig]:
    """Read and parse the files; a missing file is skipped unless ``must_exist``. Raises KubeconfigError."""
    found = []
    for path in paths:
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            if must_exist:
                raise KubeconfigError(f"there is no kubeconfig {path}: check the path") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise KubeconfigError(f"cannot read kubeconfig {path}: {reason}") from error
        else:
            found.append(parse_kubeconfig(content, path))
    return found


def _runs_in_cluster(environ: Mapping[str, str], directory: Path) -> bool:
    """Whether this process runs in a pod with a service account."""
    names = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
    return all(environ.get(name) for name in names) and (directory / "token").is_file()


def in_cluster_config(
    environ: Mapping[str, str] | None = None, directory: Path = _SERVICE_ACCOUNT
) -> ClusterConfig:
    """The API server of the surrounding cluster, and the pod's service account as the user.

    The kubelet rotates the token, so the config refers to the token's file. Raises ConfigurationError outside
    a cluster.
    """
    environ = os.environ if environ is None else environ
    if not _runs_in_cluster(environ, directory):
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
        namespace=environ.get("POD_NAMESPACE") or _read_text(directory / "namespace").strip() or "default",
        tls=TLSSettings(ca=_read_text(directory / "ca.crt").encode() or None),
        user=UserConfig(name="service account", token_file=directory / "token"),
    )


def _read_text(path: Path) -> str:
    """The file's text; empty for a missing file, because a projected volume may contain the token only."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path} of the service account: {error}") from error

"""The shape of kubeconfig files: parse one file, merge several files.

The result is entries as Structs, with absolute paths. :mod:`gateway.kube.config.kubeconfig` selects a context
and validates its entries.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from gateway.errors import KubeconfigError

__all__ = [
    "AuthInfo",
    "Cluster",
    "Context",
    "ExecEntry",
    "Kubeconfig",
    "merge_kubeconfigs",
    "parse_kubeconfig",
]


_MAX_DEPTH = 100


class _NamedExtension(msgspec.Struct):
    name: str = ""
    extension: Any = None


class Cluster(msgspec.Struct, rename="kebab"):
    server: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None
    extensions: list[_NamedExtension] | None = None


class _EnvironmentVariable(msgspec.Struct):
    name: str | None = None
    value: str | None = None


class ExecEntry(msgspec.Struct, rename="camel"):
    command: str | None = None
    args: list[str] | None = None
    env: list[_EnvironmentVariable] | None = None
    api_version: str | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class AuthInfo(msgspec.Struct, rename="kebab"):
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    as_user: str | None = msgspec.field(default=None, name="as")
    as_uid: str | None = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str]] | None = None
    username: str | None = None
    password: str | None = None
    auth_provider: Any = None
    exec: ExecEntry | None = None


class Context(msgspec.Struct):
    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None


class _NamedCluster(msgspec.Struct):
    name: str = ""
    cluster: Cluster | None = None


class _NamedAuthInfo(msgspec.Struct):
    name: str = ""
    user: AuthInfo | None = None


class _NamedContext(msgspec.Struct):
    name: str = ""
    context: Context | None = None


class _KubeconfigDocument(msgspec.Struct):
    """One file: lists of named entries."""

    kind: str | None = None
    api_version: str | None = msgspec.field(default=None, name="apiVersion")
    current_context: str | None = msgspec.field(default=None, name="current-context")
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedAuthInfo] | None = None
    contexts: list[_NamedContext] | None = None


class Kubeconfig(msgspec.Struct, frozen=True):
    """One file, or several merged files: entries by name. ``files`` are the file names, for messages."""

    files: tuple[str, ...] = ()
    current_context: str = ""
    clusters: dict[str, Cluster] = {}
    users: dict[str, AuthInfo] = {}
    contexts: dict[str, Context] = {}

    @property
    def empty(self) -> bool:
        return not (self.current_context or self.clusters or self.users or self.contexts)


class _KubeconfigLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # base chosen at run time: libyaml is optional
    """PyYAML's safe loader without timestamps: a date is a string, as in JSON."""


_KubeconfigLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _KubeconfigLoader.yaml_implicit_resolvers.items()
}


def parse_kubeconfig(content: bytes, path: Path) -> Kubeconfig:
    """Parse one file, YAML or JSON; resolve relative paths against its folder. Raises KubeconfigError."""
    document = _validate_document(_load_yaml(content, path), path)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 (client-go does not resolve links either)
    clusters = _by_name(((named.name, named.cluster or Cluster()) for named in document.clusters or ()), path)
    users = _by_name(((named.name, named.user or AuthInfo()) for named in document.users or ()), path)
    contexts = _by_name(((named.name, named.context or Context()) for named in document.contexts or ()), path)
    for cluster in clusters.values():
        cluster.certificate_authority = _absolute(cluster.certificate_authority, folder)
    for user in users.values():
        _resolve_paths(user, folder)
    return Kubeconfig((str(path),), document.current_context or "", clusters, users, contexts)


def merge_kubeconfigs(configs: Sequence[Kubeconfig]) -> Kubeconfig:
    """Merge files: the first file with an entry of a name wins, as in client-go; entries are not merged."""
    merged = Kubeconfig(
        files=tuple(file for config in configs for file in config.files),
        current_context=next((config.current_context for config in configs if config.current_context), ""),
    )
    for config in configs:
        for target, source in (
            (merged.clusters, config.clusters),
            (merged.users, config.users),
            (merged.contexts, config.contexts),
        ):
            _add_missing(target, source)
    return merged


Entry = TypeVar("Entry")


def _add_missing(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, entry in source.items():
        target.setdefault(name, entry)


def _by_name(entries: Iterable[tuple[str, Entry]], path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, entry in entries:
        if name in found:
            raise KubeconfigError(f"kubeconfig {path} has two entries named {name!r} in one list: remove one")
        found[name] = entry
    return found


def _load_yaml(content: bytes, path: Path) -> Any:
    try:
        _check_depth(content)
        # kubectl reads the first of several documents.
        return next(iter(yaml.load_all(content, Loader=_KubeconfigLoader)), None)
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise KubeconfigError(f"kubeconfig {path} is not YAML: {where}{error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise KubeconfigError(f"kubeconfig {path} is not YAML: {reason}") from error


def _check_depth(content: bytes) -> None:
    """Limit the nesting: libyaml's composer recurses without a limit and overflows the stack."""
    depth = 0
    for event in yaml.parse(content, Loader=_KubeconfigLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")


def _validate_document(loaded: Any, path: Path) -> _KubeconfigDocument:
    """Convert and check ``kind`` and ``apiVersion``; an empty file is an empty kubeconfig, as for kubectl."""
    try:
        document = msgspec.convert({} if loaded is None else loaded, _KubeconfigDocument)
    except (msgspec.ValidationError, RecursionError) as error:
        raise KubeconfigError(f"kubeconfig {path} is malformed: {error}") from error
    if document.kind not in (None, "", "Config") or document.api_version not in (None, "", "v1"):
        found = f"{document.kind} of {document.api_version}"
        raise KubeconfigError(f"{path} is not a kubeconfig: it is a {found}, not a Config of v1")
    return document


def _resolve_paths(user: AuthInfo, folder: Path) -> None:
    user.client_certificate = _absolute(user.client_certificate, folder)
    user.client_key = _absolute(user.client_key, folder)
    user.token_file = _absolute(user.token_file, folder)
    # A command without a path separator is looked up in PATH when the plugin runs.
    if user.exec is not None and user.exec.command and os.sep in user.exec.command:
        user.exec.command = _absolute(user.exec.command, folder)


def _absolute(path: str | None, folder: Path) -> str | None:
    return os.path.normpath(folder / path) if path else path

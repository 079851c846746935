"""Kubeconfig files: reading, checking their shape, merging several of them.

Gives every file's entries as Structs with absolute paths; choosing a context and validating what it
names is :mod:`gateway.kube.config.kubeconfig`'s.
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
    "read_kubeconfigs",
]


DEEPEST = 100


class NamedExtension(msgspec.Struct):
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
    extensions: list[NamedExtension] | None = None


class EnvironmentVariable(msgspec.Struct):
    name: str | None = None
    value: str | None = None


class ExecEntry(msgspec.Struct, rename="camel"):
    command: str | None = None
    args: list[str] | None = None
    env: list[EnvironmentVariable] | None = None
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


class NamedCluster(msgspec.Struct):
    name: str = ""
    cluster: Cluster | None = None


class NamedAuthInfo(msgspec.Struct):
    name: str = ""
    user: AuthInfo | None = None


class NamedContext(msgspec.Struct):
    name: str = ""
    context: Context | None = None


class KubeconfigDocument(msgspec.Struct):
    """The file as it is written: lists of named entries."""

    kind: str | None = None
    api_version: str | None = msgspec.field(default=None, name="apiVersion")
    current_context: str | None = msgspec.field(default=None, name="current-context")
    clusters: list[NamedCluster] | None = None
    users: list[NamedAuthInfo] | None = None
    contexts: list[NamedContext] | None = None


class Kubeconfig(msgspec.Struct, frozen=True):
    """One or several merged files: entries by name; ``files`` are those that were read, for messages."""

    files: tuple[str, ...] = ()
    current_context: str = ""
    clusters: dict[str, Cluster] = {}
    users: dict[str, AuthInfo] = {}
    contexts: dict[str, Context] = {}

    @property
    def empty(self) -> bool:
        return not (self.current_context or self.clusters or self.users or self.contexts)


class KubeconfigLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # base chosen at run time: libyaml is optional
    """PyYAML's safe loader, but a date stays the text that it is in JSON."""


KubeconfigLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in KubeconfigLoader.yaml_implicit_resolvers.items()
}


def read_kubeconfigs(paths: Iterable[Path], *, must_exist: bool) -> list[Kubeconfig]:
    """Read those files; one that is missing is skipped unless ``must_exist``. Raises KubeconfigError."""
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


def parse_kubeconfig(content: bytes, path: Path) -> Kubeconfig:
    """Parse one file (YAML or JSON); relative paths in it are resolved against its folder."""
    document = validate_document(load_yaml(content, path), path)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 (client-go does not resolve links either)
    clusters = by_name(((each.name, each.cluster or Cluster()) for each in document.clusters or ()), path)
    users = by_name(((each.name, each.user or AuthInfo()) for each in document.users or ()), path)
    contexts = by_name(((each.name, each.context or Context()) for each in document.contexts or ()), path)
    for cluster in clusters.values():
        cluster.certificate_authority = absolute(cluster.certificate_authority, folder)
    for user in users.values():
        resolve_paths(user, folder)
    return Kubeconfig((str(path),), document.current_context or "", clusters, users, contexts)


def merge_kubeconfigs(configs: Sequence[Kubeconfig]) -> Kubeconfig:
    """Merge files, the first one to name an entry wins it whole (client-go's loading rules)."""
    merged = Kubeconfig(
        files=tuple(file for config in configs for file in config.files),
        current_context=next((each.current_context for each in configs if each.current_context), ""),
    )
    for config in configs:
        for target, source in (
            (merged.clusters, config.clusters),
            (merged.users, config.users),
            (merged.contexts, config.contexts),
        ):
            add_missing(target, source)
    return merged


Entry = TypeVar("Entry")


def add_missing(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, entry in source.items():
        target.setdefault(name, entry)


def by_name(entries: Iterable[tuple[str, Entry]], path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for name, entry in entries:
        if name in found:
            raise KubeconfigError(f"kubeconfig {path} has two entries named {name!r} in one list: remove one")
        found[name] = entry
    return found


def load_yaml(content: bytes, path: Path) -> Any:
    try:
        check_depth(content)
        # Of several documents kubectl reads the first.
        return next(iter(yaml.load_all(content, Loader=KubeconfigLoader)), None)
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise KubeconfigError(f"kubeconfig {path} is not YAML: {where}{error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise KubeconfigError(f"kubeconfig {path} is not YAML: {reason}") from error


def check_depth(content: bytes) -> None:
    """libyaml's composer recurses without a limit, and takes the process with it when the stack ends."""
    depth = 0
    for event in yaml.parse(content, Loader=KubeconfigLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def validate_document(loaded: Any, path: Path) -> KubeconfigDocument:
    """An empty file is an empty kubeconfig, as for kubectl."""
    try:
        document = msgspec.convert({} if loaded is None else loaded, KubeconfigDocument)
    except (msgspec.ValidationError, RecursionError) as error:
        raise KubeconfigError(f"kubeconfig {path} is malformed: {error}") from error
    if document.kind not in (None, "", "Config") or document.api_version not in (None, "", "v1"):
        found = f"{document.kind} of {document.api_version}"
        raise KubeconfigError(f"{path} is not a kubeconfig: it is a {found}, not a Config of v1")
    return document


def resolve_paths(user: AuthInfo, folder: Path) -> None:
    user.client_certificate = absolute(user.client_certificate, folder)
    user.client_key = absolute(user.client_key, folder)
    user.token_file = absolute(user.token_file, folder)
    # A command without a separator is looked up in PATH when it runs.
    if user.exec is not None and user.exec.command and os.sep in user.exec.command:
        user.exec.command = absolute(user.exec.command, folder)


def absolute(path: str | None, folder: Path) -> str | None:
    return os.path.normpath(folder / path) if path else path

"""The shape of kubeconfig files: parse one file, merge several files.

The result is entries as Structs, with absolute paths. :mod:`gateway.kube.config.kubeconfig` selects a context
and validates its entries.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from gateway.errors import KubeconfigError
from schema.confidential import Confidential

__all__ = [
    "AuthInfo",
    "AuthProvider",
    "Cluster",
    "Context",
    "EnvironmentVariable",
    "ExecEntry",
    "Kubeconfig",
    "merge_kubeconfigs",
    "parse_kubeconfig",
]


_MAX_DEPTH = 100

# Every field and every list item may be null: Go decodes null to the zero value.


class _NamedExtension(Confidential, msgspec.Struct):
    name: str | None = None
    extension: Any = None


class Cluster(Confidential, msgspec.Struct, rename="kebab"):
    server: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None
    extensions: list[_NamedExtension | None] | None = None


class EnvironmentVariable(Confidential, msgspec.Struct):
    name: str | None = None
    value: str | None = None


class ExecEntry(msgspec.Struct, rename="camel"):
    command: str | None = None
    args: list[str | None] | None = None
    env: list[EnvironmentVariable | None] | None = None
    api_version: str | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class AuthProvider(Confidential, msgspec.Struct):
    name: str | None = None
    config: dict[str, str | None] | None = None


class AuthInfo(Confidential, msgspec.Struct, rename="kebab"):
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    as_user: str | None = msgspec.field(default=None, name="as")
    as_uid: str | None = None
    as_groups: list[str | None] | None = None
    as_user_extra: dict[str, list[str | None] | None] | None = None
    username: str | None = None
    password: str | None = None
    auth_provider: AuthProvider | None = None
    exec: ExecEntry | None = None


class Context(msgspec.Struct):
    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None


class _NamedCluster(msgspec.Struct):
    name: str | None = None
    cluster: Cluster | None = None


class _NamedAuthInfo(msgspec.Struct):
    name: str | None = None
    user: AuthInfo | None = None


class _NamedContext(msgspec.Struct):
    name: str | None = None
    context: Context | None = None


class _KubeconfigDocument(msgspec.Struct):
    """One file: lists of named entries."""

    kind: str | None = None
    api_version: str | None = msgspec.field(default=None, name="apiVersion")
    current_context: str | None = msgspec.field(default=None, name="current-context")
    clusters: list[_NamedCluster | None] | None = None
    users: list[_NamedAuthInfo | None] | None = None
    contexts: list[_NamedContext | None] | None = None


class Kubeconfig(msgspec.Struct, frozen=True):
    """One file, or several merged files: entries by name.

    ``files`` are the file names, for messages; ``user_files`` maps a user to the file with its entry.
    """

    files: tuple[str, ...] = ()
    current_context: str = ""
    clusters: dict[str, Cluster] = {}
    users: dict[str, AuthInfo] = {}
    contexts: dict[str, Context] = {}
    user_files: dict[str, str] = {}

    @property
    def empty(self) -> bool:
        return not (self.current_context or self.clusters or self.users or self.contexts)


class _KubeconfigLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # base chosen at run time: libyaml is optional
    """PyYAML's safe loader with the scalars of kubectl's YAML reader (goyaml v2, then JSON).

    Dates, ``=``, ``<<`` as a value and base 60 numbers such as ``12:34`` are strings; keys become strings.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        loaded = super().construct_mapping(node, deep=deep)
        return {_key(key): value for key, value in loaded.items()}

    def construct_untagged(self, node: yaml.Node) -> Any:
        """The value of a node with an unknown tag, as if it had none; a plain scalar is a string."""
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return "null" if key is None else str(key)


_TAG = "tag:yaml.org,2002:"
_STRING_TAGS = {_TAG + "timestamp", _TAG + "value"}


class _WithoutBase60:
    """A resolver's pattern that does not match a scalar with a colon."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def match(self, scalar: str) -> re.Match[str] | None:
        return None if ":" in scalar else self._pattern.match(scalar)


_KubeconfigLoader.yaml_implicit_resolvers = {
    first: [(tag, _WithoutBase60(pattern)) for tag, pattern in resolvers if tag not in _STRING_TAGS]
    for first, resolvers in _KubeconfigLoader.yaml_implicit_resolvers.items()
}
_KubeconfigLoader.add_constructor(_TAG + "merge", _KubeconfigLoader.construct_untagged)
_KubeconfigLoader.add_constructor(None, _KubeconfigLoader.construct_untagged)


def parse_kubeconfig(content: bytes, path: Path) -> Kubeconfig:
    """Parse one file, YAML or JSON; resolve relative paths against its folder. Raises KubeconfigError."""
    document = _validate_document(_load_yaml(content, path), path)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 (client-go does not resolve links either)
    clusters = _by_name(
        ((entry.name, entry.cluster or Cluster()) for entry in _entries(document.clusters, _NamedCluster)),
        path,
    )
    users = _by_name(
        ((entry.name, entry.user or AuthInfo()) for entry in _entries(document.users, _NamedAuthInfo)), path
    )
    contexts = _by_name(
        ((entry.name, entry.context or Context()) for entry in _entries(document.contexts, _NamedContext)),
        path,
    )
    for cluster in clusters.values():
        cluster.certificate_authority = _absolute(cluster.certificate_authority, folder)
    for user in users.values():
        _resolve_paths(user, folder)
    return Kubeconfig(
        files=(str(path),),
        current_context=document.current_context or "",
        clusters=clusters,
        users=users,
        contexts=contexts,
        user_files=dict.fromkeys(users, str(path)),
    )


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
            (merged.user_files, config.user_files),
        ):
            _add_missing(target, source)
    return merged


Entry = TypeVar("Entry")


def _add_missing(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, entry in source.items():
        target.setdefault(name, entry)


def _entries(items: list[Entry | None] | None, empty: Callable[[], Entry]) -> Iterator[Entry]:
    return (empty() if item is None else item for item in items or ())


def _by_name(entries: Iterable[tuple[str | None, Entry]], path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for nullable_name, entry in entries:
        name = nullable_name or ""
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

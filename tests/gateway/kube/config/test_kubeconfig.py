"""A kubeconfig is read as kubectl reads it: files, contexts, credentials, and errors of one line.

Covers ``gateway/kube/config/cluster_config.py``.
"""

import asyncio
import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import BadArgument, ConfigurationError, KubeconfigError
from gateway.kube.config.cluster_config import ClusterConfig, ExecConfig, Impersonation, PEMSource
from gateway.kube.config.loading import load_config
from gateway.kube.paths import validate_namespace
from tests.fixtures.control_plane import find_assets
from tests.fixtures.requirements import unavailable
from tests.gateway.kube.conftest import Certificates, Connect
from tests.gateway.kube.loopback import Reply, Request, json_reply, serve


def kubeconfig(
    cluster: dict[str, Any] | None = None,
    user: dict[str, Any] | None = None,
    context: dict[str, Any] | None = None,
    **top: Any,
) -> dict[str, Any]:
    """A kubeconfig with one cluster, one user and one context."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "clusters": [{"name": "c", "cluster": {"server": "https://host:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "main", "context": {"cluster": "c", "user": "u", **(context or {})}}],
        **top,
    }


def entries(name: str, server: str, token: str, **top: Any) -> dict[str, Any]:
    """A kubeconfig whose three entries are called ``name``."""
    return {
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": name}}],
        **top,
    }


def write(path: Path, config: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    return path


def load(path: Path, config: Any, context: str | None = None) -> ClusterConfig:
    return load_config(write(path / "config", config), context, environ={})


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_current_context_selects_cluster_user_and_namespace(tmp_path: Path) -> None:
    config = load(tmp_path, kubeconfig(user={"token": "t"}, context={"namespace": "team-1"}))
    assert (config.context, config.cluster, config.user.name) == ("main", "c", "u")
    assert (config.server, config.namespace) == ("https://host:6443", "team-1")
    assert config.user.token == "t"
    assert config.compress


def test_named_context_wins_over_the_current_one(tmp_path: Path) -> None:
    both = kubeconfig()
    both["contexts"].append({"name": "other", "context": {"cluster": "c", "user": "u", "namespace": "b"}})
    assert load(tmp_path, both, "other").namespace == "b"
    assert load(tmp_path, both).namespace == "default"


def test_kubeconfig_may_be_json(tmp_path: Path) -> None:
    assert load(tmp_path, json.dumps(kubeconfig())).server == "https://host:6443"


def test_dates_are_strings_and_unknown_keys_are_ignored(tmp_path: Path) -> None:
    config = kubeconfig(preferences={}, extensions=[{"name": "x", "extension": {}}])
    text = yaml.safe_dump(config).replace("name: main", "name: 2026-01-01").replace(": main", ": 2026-01-01")
    assert load(tmp_path, text).context == "2026-01-01"


def test_empty_lists_may_be_null(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match="no current-context"):
        load(tmp_path, {"clusters": None, "users": None, "contexts": None})


def test_tls_settings(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        kubeconfig({"certificate-authority-data": encoded("PEM"), "tls-server-name": "name"}),
    )
    assert (config.tls.ca, config.tls.server_name, config.tls.insecure) == (b"PEM", "name", False)
    assert load(tmp_path, kubeconfig({"insecure-skip-tls-verify": True})).tls.insecure


def test_base64_may_be_folded(tmp_path: Path) -> None:
    config = load(tmp_path, kubeconfig({"certificate-authority-data": "UEVN\n  UEVN\n"}))
    assert config.tls.ca == b"PEMPEM"


def test_relative_paths_are_resolved_against_the_folder_of_their_file(tmp_path: Path) -> None:
    write(tmp_path / "dir" / "pki" / "ca.crt", "PEM")
    write(tmp_path / "dir" / "pki" / "tls.crt", "CERT")
    write(tmp_path / "dir" / "tls.key", "KEY")
    write(tmp_path / "dir" / "token", "t")
    user = {
        "client-certificate": "pki/tls.crt",
        "client-key": "./pki/../tls.key",
        "tokenFile": "token",
        "exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "bin/plugin"},
    }
    config = load(tmp_path / "dir", kubeconfig({"certificate-authority": "pki/ca.crt"}, user))
    assert config.tls.ca == b"PEM"
    assert config.user.certificate == PEMSource(file=tmp_path / "dir" / "pki" / "tls.crt")
    assert config.user.key == PEMSource(file=tmp_path / "dir" / "tls.key")
    assert config.user.token_file == tmp_path / "dir" / "token"
    assert config.user.exec is not None
    assert config.user.exec.command == str(tmp_path / "dir" / "bin" / "plugin")


def test_all_fields_of_a_user(tmp_path: Path) -> None:
    user = {
        "client-certificate-data": encoded("CERT"),
        "client-key-data": encoded("KEY"),
        "as": "jane",
        "as-uid": "1",
        "as-groups": ["a"],
        "as-user-extra": {"scope": ["x", "y"]},
        "username": "me",
        "password": "secret",
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "plugin",
            "args": ["a"],
            "env": [{"name": "A", "value": "b"}],
            "installHint": "get it",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        },
    }
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
    found = load(tmp_path, kubeconfig({"extensions": [extension]}, user)).user
    assert (found.certificate, found.key) == (PEMSource(data=b"CERT"), PEMSource(data=b"KEY"))
    assert found.impersonation == Impersonation("jane", "1", ("a",), (("scope", ("x", "y")),))
    assert (found.username, found.password) == ("me", "secret")
    assert found.exec == ExecConfig(
        command="plugin",
        api_version="client.authentication.k8s.io/v1",
        args=("a",),
        env=(("A", "b"),),
        install_hint="get it",
        provide_cluster_info=True,
        interactive_mode="Never",
        cluster_config={"audience": "x"},
    )


def test_first_file_with_an_entry_of_a_name_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "1" / "a", entries("same", "https://first", "1"))
    second = write(
        tmp_path / "2" / "b", entries("same", "https://second", "2", **{"current-context": "other"})
    )
    third = write(tmp_path / "3" / "c", entries("other", "https://third", "3", **{"current-context": "same"}))
    files = [first, tmp_path / "missing", second, "", third, first]
    environ = {"KUBECONFIG": os.pathsep.join(map(str, files))}
    current = load_config(environ=environ)
    assert (current.context, current.server, current.user.token) == ("other", "https://third", "3")
    same = load_config(context="same", environ=environ)
    assert (same.server, same.user.token, same.namespace) == ("https://first", "1", "same")


def test_entries_of_one_context_may_be_in_several_files(tmp_path: Path) -> None:
    context = {"contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}], "current-context": "x"}
    files = [
        write(tmp_path / "context", context),
        write(tmp_path / "cluster", {"clusters": [{"name": "c", "cluster": {"server": "https://host"}}]}),
        write(tmp_path / "user", {"users": [{"name": "u", "user": {"tokenFile": "t"}}]}),
    ]
    write(tmp_path / "t", "token")
    config = load_config(environ={"KUBECONFIG": os.pathsep.join(map(str, files))})
    assert config.user.token_file == tmp_path / "t"


def test_default_file_is_in_the_home_directory(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", kubeconfig())
    for variable in ({}, {"KUBECONFIG": ""}):
        assert load_config(environ={"HOME": str(tmp_path), **variable}).context == "main"


def test_explicit_file_replaces_the_environment_and_must_exist(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", kubeconfig())
    environ = {"HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / ".kube" / "config")}
    with pytest.raises(KubeconfigError, match=r"there is no kubeconfig .*missing"):
        load_config(tmp_path / "missing", environ=environ)
    with pytest.raises(KubeconfigError, match="no context 'main'"):
        load_config(write(tmp_path / "empty", ""), "main", environ=environ)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://host:6443/", "https://host:6443"),
        ("https://rancher.example/k8s/clusters/c-1", "https://rancher.example/k8s/clusters/c-1"),
        ("https://[::1]:6443", "https://[::1]:6443"),
        ("host:8080", "http://host:8080"),
        ("https://host/a/?b=c#d", "https://host/a"),
    ],
)
def test_server_url_is_normalised_as_in_kubectl(tmp_path: Path, server: str, expected: str) -> None:
    assert load(tmp_path, kubeconfig({"server": server})).server == expected


def test_plain_http_gets_credentials_on_loopback_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = {"token": "s3cret", "as": "jane"}
    for server, token in (("http://127.0.0.1:8001", "s3cret"), ("http://host:8001", ""), ("host", "")):
        found = load(tmp_path, kubeconfig({"server": server}, user)).user
        assert (found.name, found.token, found.impersonation) == ("u", token, Impersonation("jane"))
    assert "the credentials of user 'u' are not sent to http://host:8001" in caplog.text
    assert "s3cret" not in caplog.text


def test_first_of_several_documents_is_used(tmp_path: Path) -> None:
    assert load(tmp_path, yaml.safe_dump_all([kubeconfig(), {"kind": "Pod"}])).context == "main"


@pytest.mark.parametrize(
    "cluster",
    [{"server": "https://127.0.0.1:6443"}, {"server": "https://localhost"}, {"disable-compression": True}],
)
def test_compression_is_off_for_loopback(tmp_path: Path, cluster: dict[str, Any]) -> None:
    assert not load(tmp_path, kubeconfig(cluster)).compress


MALFORMED = {
    "not YAML": "clusters: [",
    "tabs": "clusters:\n\t- name: a",
    "binary": "\x00\x01",
    "nested without end": "[" * 100_000,
    "a list": "- a",
    "a word": "hello",
    "another kind": {"kind": "Pod"},
    "another version": {"kind": "Config", "apiVersion": "v2"},
    "clusters no list": {"clusters": {"a": 1}},
    "same name twice": {"users": [{"name": "a"}, {"name": "a"}]},
    "number as server": kubeconfig({"server": 5}),
    "number as token": kubeconfig(user={"token": 12345}),
    "text as switch": kubeconfig({"insecure-skip-tls-verify": "maybe"}),
    "no server": kubeconfig({"server": ""}),
    "server no URL": kubeconfig({"server": "ftp://host"}),
    "server without host": kubeconfig({"server": "https://"}),
    "server with port zero": kubeconfig({"server": "https://host:0"}),
    "server with bad port": kubeconfig({"server": "https://host:port"}),
    "server with space": kubeconfig({"server": "https://ho st"}),
    "server with bracket": kubeconfig({"server": "https://[::1"}),
    "CA not base64": kubeconfig({"certificate-authority-data": "!!!"}),
    "CA twice": kubeconfig({"certificate-authority-data": "UEVN", "certificate-authority": "ca"}),
    "CA missing": kubeconfig({"certificate-authority": "no-such-file"}),
    "CA a directory": kubeconfig({"certificate-authority": "."}),
    "CA and insecure": kubeconfig({"certificate-authority-data": "UEVN", "insecure-skip-tls-verify": True}),
    "certificate without key": kubeconfig(user={"client-certificate-data": "UEVN"}),
    "certificate missing": kubeconfig(user={"client-certificate": "no", "client-key-data": "UEVN"}),
    "key missing": kubeconfig(user={"client-certificate-data": "UEVN", "client-key": "no"}),
    "key not base64": kubeconfig(user={"client-certificate-data": "UEVN", "client-key-data": "?"}),
    "token file missing": kubeconfig(user={"tokenFile": "no-such-token"}),
    "token and password": kubeconfig(user={"token": "t", "username": "u"}),
    "removed auth-provider": kubeconfig(user={"auth-provider": {"name": "gcp"}}),
    "oidc without issuer": kubeconfig(user={"auth-provider": {"name": "oidc", "config": {"client-id": "a"}}}),
    "oidc and exec": kubeconfig(
        user={
            "auth-provider": {"name": "oidc"},
            "exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "x"},
        }
    ),
    "groups without user": kubeconfig(user={"as-groups": ["a"]}),
    "exec without command": kubeconfig(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1"}}),
    "exec of old": kubeconfig(
        user={"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}
    ),
    "exec v1 without mode": kubeconfig(
        user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}}
    ),
    "exec with nameless env": kubeconfig(
        user={
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": "x",
                "env": [{"value": "x"}],
            }
        }
    ),
    "no such cluster": kubeconfig(context={"cluster": "x"}),
    "no current context": {**kubeconfig(), "current-context": ""},
    "no such context": {**kubeconfig(), "current-context": "x"},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_kubeconfig_raises_one_line_that_names_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(KubeconfigError) as caught:
        load(tmp_path, MALFORMED[name])
    assert str(tmp_path / "config") in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 600


@pytest.fixture(scope="session")
def kubectl() -> Path:
    """The real kubectl."""
    assets = find_assets()
    if assets is None:
        unavailable("cluster", "no kubectl on this machine", "tests/kube/build.sh (needs Go)")
    return assets / "kubectl"


CLUSTER = "clusters: [{name: c, cluster: {server: 'https://host'}}]\n"
CONTEXT = "contexts: [{name: main, context: {cluster: c, user: u}}]\n"
SCALARS = [
    "=",
    "<<",
    "12:34",
    "12:34:56.7",
    "190:20:30.15",
    "2026-11-27",
    "2026-11-27T01:02:03Z",
    "!secret text",
    "'1'",
    "null",
    "~",
    "",
]


def parsed_token(path: Path, scalar: str) -> str:
    text = f"{CLUSTER}{CONTEXT}current-context: main\nusers: [{{name: u, user: {{token: {scalar} }}}}]\n"
    return load(path, text).user.token


def test_plain_equals_sign_is_a_string(tmp_path: Path) -> None:
    assert parsed_token(tmp_path, "=") == "="


@pytest.mark.cluster
@pytest.mark.parametrize("scalar", SCALARS)
def test_scalars_are_read_as_in_kubectl(tmp_path: Path, kubectl: Path, scalar: str) -> None:
    found = parsed_token(tmp_path, scalar)
    command = f"{kubectl} --kubeconfig {tmp_path}/config config view --raw --output json".split()
    view = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)
    assert found == view["users"][0]["user"].get("token", "")


TOKEN = {"token": "t"}
NUMBERED: dict[Any, Any] = {"token": "t", 5: 6, True: None}
LENIENT: dict[str, dict[str, Any]] = {
    "no user": kubeconfig(contexts=[{"name": "main", "context": {"cluster": "c"}}]),
    "empty user": kubeconfig(context={"user": ""}),
    "null user": kubeconfig(context={"user": None}),
    "missing user": kubeconfig(context={"user": "gone"}),
    "null user entry": kubeconfig(users=[{"name": "u", "user": None}]),
    "null entry": kubeconfig(user=TOKEN) | {"users": [None, {"name": "u", "user": TOKEN}]},
    "null name": kubeconfig(
        users=[{"name": None, "user": TOKEN}],
        contexts=[{"name": "main", "context": {"cluster": "c", "user": ""}}],
    ),
    "null username and token": kubeconfig(user={"username": None, "password": None, "token": None}),
    "null username": kubeconfig(user={"username": None, "password": "p"}),
    "malformed namespace": kubeconfig(user=TOKEN, context={"namespace": "Team 1"}),
    "key without certificate": kubeconfig(user={**TOKEN, "client-key": "/nowhere"}),
    "two keys without certificate": kubeconfig(
        user={**TOKEN, "client-key": "/nowhere", "client-key-data": "YQ=="}
    ),
    "token file beside a token": kubeconfig(user={**TOKEN, "tokenFile": "/nowhere"}),
    "number as key": kubeconfig(user=NUMBERED),
    "null groups": kubeconfig(user={**TOKEN, "as": "jane", "as-groups": ["a"], "as-user-extra": {"k": None}}),
    "another malformed context": kubeconfig(
        contexts=[
            {"name": "main", "context": {"cluster": "c", "user": "u"}},
            {"name": "other", "context": {"cluster": "gone", "user": "v", "namespace": "A B"}},
        ],
        users=[
            {"name": "u", "user": TOKEN},
            {"name": "v", "user": {"exec": {}, "client-certificate": "/nowhere", "as-groups": ["a"]}},
            {"name": "w", "user": {"auth-provider": {"name": "gcp"}, "tokenFile": "/nowhere"}},
        ],
    ),
}


async def answer(request: Request) -> Reply:
    return json_reply({})


def credentials_of(request: Request) -> list[tuple[str, str]]:
    return sorted(
        (name, value)
        for name, value in request.header_list
        if name == "authorization" or name.startswith("impersonate")
    )


def with_server(config: dict[str, Any], server: str, ca: bytes) -> dict[str, Any]:
    authority = base64.b64encode(ca).decode()
    clusters = [
        {"name": "c", "cluster": {"server": server, "certificate-authority-data": authority}},
        {"name": "d", "cluster": {"server": "ftp://", "insecure-skip-tls-verify": True, "proxy-url": ":"}},
    ]
    return {**config, "clusters": clusters}


@pytest.mark.parametrize("name", LENIENT)
def test_unused_and_missing_parts_are_not_checked(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, LENIENT[name]).context == "main"


@pytest.mark.cluster
@pytest.mark.parametrize("name", LENIENT)
async def test_credentials_are_the_ones_that_kubectl_sends(
    tmp_path: Path, kubectl: Path, connect: Connect, certificates: Certificates, name: str
) -> None:
    async with serve(answer, certificates.server_context()) as server, serve(answer) as plain_server:
        config = load(tmp_path, with_server(LENIENT[name], server.url, certificates.ca))
        await connect(config).get("api")
        sent = credentials_of(server.requests[0])
        # kubectl prompts for a user name before it sends an anonymous request over TLS
        compared = server if sent else plain_server
        write(tmp_path / "config", with_server(LENIENT[name], compared.url, certificates.ca))
        command = [str(kubectl), "--kubeconfig", str(tmp_path / "config"), "get", "--raw", "/api"]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        await process.communicate()
    assert process.returncode == 0
    assert credentials_of(compared.requests[-1]) == sent


def test_malformed_namespace_fails_the_request_that_uses_it(tmp_path: Path) -> None:
    config = load(tmp_path, LENIENT["malformed namespace"])
    with pytest.raises(BadArgument, match="Team 1"):
        validate_namespace(config.namespace)


def test_password_in_a_server_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError) as caught:
        load(tmp_path, kubeconfig({"server": "https://me:s3cret@host"}))
    assert "s3cret" not in caught.value.message


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=f"cannot read kubeconfig {tmp_path}"):
        load_config(tmp_path, environ={})


def test_unknown_context_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"no context 'nope' \(it has main\)"):
        load(tmp_path, kubeconfig(), "nope")


def test_missing_configuration_names_the_alternatives(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    with pytest.raises(ConfigurationError, match=r"set KUBECONFIG, pass --kubeconfig, or try --demo"):
        load_config(environ=environ, service_account=tmp_path / "none")

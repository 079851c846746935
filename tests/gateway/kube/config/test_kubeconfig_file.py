"""The shape of kubeconfig files, before a context is selected."""

import os
from pathlib import Path

import pytest

from gateway.errors import KubeconfigError
from gateway.kube.config.kubeconfig_file import Kubeconfig, merge_kubeconfigs, parse_kubeconfig

PATH = Path("/etc/kube/config")


def parse(text: str, path: Path = PATH) -> Kubeconfig:
    return parse_kubeconfig(text.encode(), path)


@pytest.mark.parametrize("text", ["", "{}", "# nothing", "clusters:\nusers: []\ncontexts: ~\n"])
def test_an_empty_file_is_an_empty_kubeconfig(text: str) -> None:
    assert parse(text).empty


def test_null_entries_are_empty_entries() -> None:
    parsed = parse("clusters: [~]\nusers: [{name: a}]\n")
    assert list(parsed.clusters) == [""]
    assert parsed.users["a"].token is None
    assert parsed.user_files == {"a": str(PATH)}


def test_paths_are_relative_to_the_file_and_commands_only_with_a_separator() -> None:
    user = "{name: a, user: {client-key: k.pem, tokenFile: /t, exec: {command: COMMAND}}}"
    parsed = parse(
        f"clusters: [{{name: c, cluster: {{certificate-authority: ../ca.pem}}}}]\nusers: [{user}]\n"
    )
    assert parsed.clusters["c"].certificate_authority == "/etc/ca.pem"
    found = parsed.users["a"]
    assert (found.client_key, found.token_file) == ("/etc/kube/k.pem", "/t")
    assert found.exec is not None
    assert found.exec.command == "COMMAND"
    relative = parse(f"users: [{user.replace('COMMAND', f'bin{os.sep}x')}]").users["a"].exec
    assert relative is not None
    assert relative.command == "/etc/kube/bin/x"


def test_the_first_file_with_a_name_wins() -> None:
    first = parse("current-context: ''\nusers: [{name: a, user: {token: one}}]", Path("/1"))
    second = parse("current-context: x\nusers: [{name: a, user: {token: two}}, {name: b}]", Path("/2"))
    merged = merge_kubeconfigs([first, second])
    assert merged.current_context == "x"
    assert merged.users["a"].token == "one"
    assert merged.user_files == {"a": "/1", "b": "/2"}
    assert merged.files == ("/1", "/2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not YAML: line 2"),
        ("users: [{name: a}, {name: a}]", "two entries named 'a'"),
        ("users: text", "is malformed"),
        ("kind: Pod\napiVersion: v1", "it is a Pod of v1, not a Config of v1"),
        ("a: " + "[" * 200, "nested more than 100 levels deep"),
    ],
)
def test_another_file_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(KubeconfigError, match=message) as caught:
        parse(text)
    assert str(PATH) in str(caught.value)


@pytest.mark.parametrize("scalar", ["2026-01-01", "=", "<<", "12:34"])
def test_scalars_that_go_reads_as_strings_are_strings(scalar: str) -> None:
    assert parse(f"users: [{{name: a, user: {{token: {scalar}}}}}]").users["a"].token == scalar


def test_no_representation_shows_a_credential() -> None:
    assert "secret" not in repr(parse("users: [{name: a, user: {token: secret, password: secret}}]"))

from pathlib import Path

import pytest

from gateway.kube.openapi_cache import DocumentKey, OpenAPICache, default_directory

CORE = DocumentKey("api/v1", "h1")
APPS = DocumentKey("apis/apps/v1", "h1")
SERVER = "https://host:6443"


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_documents_persist_for_another_process(tmp_path: Path) -> None:
    OpenAPICache(tmp_path / "a" / "b").store(SERVER, {CORE: b"core", APPS: b"apps"})
    found = OpenAPICache(tmp_path / "a" / "b").load(SERVER, [CORE, APPS, DocumentKey("api/v1", "h2")])
    assert found == {CORE: b"core", APPS: b"apps"}


def test_servers_share_no_documents(tmp_path: Path) -> None:
    cache = OpenAPICache(tmp_path)
    cache.store(SERVER, {CORE: b"core"})
    assert cache.load("https://other:6443", [CORE]) == {}


def test_only_the_earlier_hash_of_the_same_path_is_removed(tmp_path: Path) -> None:
    cache = OpenAPICache(tmp_path)
    beta = DocumentKey("apis/apps/v1beta1", "h1")
    cache.store(SERVER, {CORE: b"old", APPS: b"apps", beta: b"beta"})
    new = DocumentKey("api/v1", "h2")
    cache.store(SERVER, {new: b"new"})
    assert len(files(tmp_path)) == 3
    assert cache.load(SERVER, [CORE, APPS, beta, new]) == {APPS: b"apps", beta: b"beta", new: b"new"}


@pytest.mark.parametrize("damage", [b"", b"garbage", b"0" * 32 + b"\ncore"])
def test_corrupt_file_counts_as_missing(tmp_path: Path, damage: bytes) -> None:
    OpenAPICache(tmp_path).store(SERVER, {CORE: b"core"})
    [file] = files(tmp_path)
    file.write_bytes(damage or file.read_bytes()[:-1])
    assert OpenAPICache(tmp_path).load(SERVER, [CORE]) == {}


@pytest.mark.parametrize("hostile", ["../../../escape", "/etc/passwd", "a" * 1000, "\x00"])
def test_no_server_supplied_name_escapes_the_directory(tmp_path: Path, hostile: str) -> None:
    inside = tmp_path / "cache"
    cache = OpenAPICache(inside)
    keys = [DocumentKey(hostile, "h"), DocumentKey("api/v1", hostile)]
    for key in keys:
        cache.store(SERVER, {key: b"x"})
    assert cache.load(SERVER, keys) == dict.fromkeys(keys, b"x")
    assert all(inside in file.parents for file in files(tmp_path))


def test_unwritable_directory_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = OpenAPICache(tmp_path / "file")
    cache.store(SERVER, {CORE: b"core"})
    assert cache.load(SERVER, [CORE]) == {CORE: b"core"}
    assert OpenAPICache(tmp_path / "file").load(SERVER, [CORE]) == {}


def test_default_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_directory() == Path("/cache/kube-graphql/openapi")

"""The distribution: the wheel, the lock files, the image and the compose file."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import gateway
import schema
from gateway.cli import main
from gateway.server.graphiql.files import PACKAGES

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
GRID = [
    f"examples/spreadsheet/node_modules/tabulator-tables/{name}"
    for name in ("LICENSE", "dist/css/tabulator_simple.min.css", "dist/js/tabulator.min.js")
]
LAYOUT = [
    f"examples/topology/node_modules/@dagrejs/dagre/{name}"
    for name in ("LICENSE", "dist/dagre.min.js", "dist/dagre.min.js.LEGAL.txt")
]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
    "examples/spreadsheet/requirements.lock",
    "examples/typed-clients/python/requirements.lock",
)


def test_the_packages_are_imported_from_this_repository() -> None:
    """PyPI has an unrelated package that also imports as ``schema``."""
    assert Path(schema.__file__).parent.parent == ROOT
    assert Path(gateway.__file__).parent.parent == ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The file names in a wheel, built from the same files as in the Dockerfile."""
    source = tmp_path_factory.mktemp("source")
    skip = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("pyproject.toml", "README.md", "LICENSE", "schema", "gateway", "examples"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, source)
    for item in PACKAGES:
        installed = source / "gateway/server/graphiql/node_modules" / item.package / item.path
        installed.parent.mkdir(parents=True, exist_ok=True)
        installed.touch()
    for name in (*GRID, *LAYOUT):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", source / "wheels", source], check=True, timeout=100)
    (built,) = (source / "wheels").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_the_wheel_has_both_packages_and_no_tests(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name and ".data/" not in name}
    assert tops == {"gateway", "schema"}
    modules = {str(path.relative_to(ROOT)) for top in tops for path in (ROOT / top).rglob("*.py")}
    assert {module for module in modules if "node_modules" not in module} <= set(wheel)


def test_the_wheel_has_the_files_beside_the_modules(wheel: list[str]) -> None:
    for folder, pattern in (
        ("gateway/demo/apiserver/openapi", "*"),
        ("gateway/server/graphiql", "page.html"),
        ("gateway/server/graphiql/static", "*"),
    ):
        files = [str(path.relative_to(ROOT)) for path in (ROOT / folder).glob(pattern)]
        assert files
        assert set(files) <= set(wheel)
    packages = {f"gateway/server/graphiql/node_modules/{item.package}/{item.path}" for item in PACKAGES}
    assert packages <= set(wheel)


def test_the_wheel_has_the_examples(wheel: list[str]) -> None:
    shipped = {name.partition(".data/data/share/kube-graphql/")[2] for name in wheel}
    # the files that the gateway serves; projects of their own, with packages, stay in the repository
    found = [*(ROOT / "examples").glob("*"), *(ROOT / "examples").glob("*/*")]
    examples = {str(path.relative_to(ROOT)) for path in found if path.is_file()}
    assert examples
    assert {*examples, *GRID, *LAYOUT} <= shipped


def test_the_spreadsheet_example_brings_the_gateway_no_dependency() -> None:
    assert not {"openpyxl", "google-auth"} & set(locked("requirements.lock"))
    example, development = locked("examples/spreadsheet/requirements.lock"), locked("requirements-dev.lock")
    assert {"openpyxl", "google-auth", "httpx"} <= set(example)
    assert example.items() <= development.items()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_has_a_hash_for_every_version_and_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert not re.search(r"https?://|file:|find-links|index-url|/home|/root|/tmp", text)


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def test_every_dependency_is_locked_and_tests_use_the_shipped_versions() -> None:
    wanted = PROJECT["project"]["dependencies"]
    development = PROJECT["project"]["optional-dependencies"]["dev"]
    names = [re.split(r"[<>=;\[ ]", item)[0].lower() for item in wanted]
    runtime, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert set(names) <= set(runtime)
    assert {re.split(r"[<>=;\[ ]", item)[0].lower() for item in development} <= set(everything)
    assert runtime.items() <= everything.items()


def test_both_commands_are_installed() -> None:
    assert PROJECT["project"]["scripts"] == {
        "kube-graphql": "gateway.cli:main",
        "kubectl-graphql": "gateway.cli:main",
    }


def options_of_serve() -> str:
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert result.exit_code == 0
    return result.output


def test_the_image_copies_existing_files_that_are_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    assert copied
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in ignored, source


def test_the_image_serves_on_all_interfaces_and_is_not_root() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 65532:65532$", dockerfile, re.MULTILINE)
    command = re.search(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE)
    assert command is not None
    assert command.group(1) == '"serve", "--host", "0.0.0.0"'
    assert "--host" in options_of_serve()


def test_compose_publishes_on_loopback_only_with_passthrough() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:8000:8000"]
    arguments = services["gateway"]["command"].split()
    assert arguments[arguments.index("--auth") + 1] == "passthrough"
    help_text = options_of_serve()
    assert [
        argument for argument in arguments if argument.startswith("--") and argument not in help_text
    ] == []
    assert services["gateway"]["build"] == "."
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)

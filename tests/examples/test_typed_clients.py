"""The typed clients: the compiler accepts them against the served schema, and refuses a wrong field."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser.accessibility import SCHEMES, audit, contrasts, use_scheme
from tests.browser.conftest import Page
from tests.fixtures.api import grouped
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.processes import run_gateway
from tests.fixtures.requirements import unavailable
from tests.fixtures.waiting import wait_until

ROOT = Path(__file__).parents[2]
TYPESCRIPT = ROOT / "examples" / "typed-clients" / "typescript"
TABLE = "src/Deployments.tsx"
WRONG_TABLE = "src/WrongDeployments.tsx"
ORIGINS = "[...new Set(performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin))]"


def run(folder: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout + done.stderr


def npx(folder: Path, *command: str) -> tuple[int, str]:
    return run(folder, str(folder / "node_modules" / ".bin" / command[0]), *command[1:])


def print_schema(folder: Path) -> None:
    done = run_gateway("schema", "--demo", "--kinds", "Deployment")
    assert done.returncode == 0, done.stderr
    (folder / "schema.graphql").write_text(done.stdout)


GENERATE = """
import { runCli } from "@graphql-codegen/cli";
for (const folder of process.argv.slice(1)) {
  process.chdir(folder);
  console.log(`graphql-codegen in ${folder} ends with ${await runCli()}`);
}
"""
"""The command ``graphql-codegen`` in each folder, in one process: loading the generator takes 4 s."""


@dataclass(frozen=True, slots=True)
class Generation:
    """Copies of the TypeScript client, one with a wrong field in a document, and the generator's output."""

    project: Path
    wrong: Path
    output: str

    def assert_ended(self, folder: Path, status: int) -> None:
        assert f"graphql-codegen in {folder} ends with {status}" in self.output, self.output


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    if shutil.which("node") is None or not (TYPESCRIPT / "node_modules" / "urql").is_dir():
        unavailable("node", "the npm packages are not installed", f"npm ci --prefix {TYPESCRIPT}")
    folder = tmp_path_factory.mktemp("typescript") / "client"
    shutil.copytree(TYPESCRIPT, folder, ignore=shutil.ignore_patterns("node_modules", "generated"))
    (folder / "node_modules").symlink_to(TYPESCRIPT / "node_modules")
    print_schema(folder)
    wrong_field = {"status { readyReplicas }": "status { readyReplica }"}
    wrong = altered(folder, folder.with_name("wrong-document"), wrong_field)
    status, output = run(folder, "node", "--input-type=module", "--eval", GENERATE, str(folder), str(wrong))
    assert status == 0, output
    return Generation(folder, wrong, output)


@pytest.fixture(scope="module")
def project(generation: Generation) -> Path:
    """A copy of the TypeScript client with its generated types."""
    generation.assert_ended(generation.project, 0)
    return generation.project


def altered(project: Path, folder: Path, changes: Mapping[str, str]) -> Path:
    """A copy of the project with texts of the table replaced."""
    shutil.copytree(project, folder, symlinks=True)
    table = (folder / TABLE).read_text(encoding="utf-8")
    (folder / TABLE).write_text(replaced(table, changes), encoding="utf-8")
    return folder


def replaced(text: str, changes: Mapping[str, str]) -> str:
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def compiler_errors(project: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The errors of one compilation of the client and of a second, wrong table beside the first."""
    folder = tmp_path_factory.mktemp("compiled") / "client"
    shutil.copytree(project, folder, symlinks=True)
    wrong_field = {"deployment.status?.readyReplicas": "deployment.status?.readyReplica"}
    wrong_argument = {"replicas: Math.max(0, (spec?.replicas ?? 0) + by)": 'replicas: "3"'}
    table = (folder / TABLE).read_text(encoding="utf-8")
    (folder / WRONG_TABLE).write_text(replaced(table, wrong_field | wrong_argument), encoding="utf-8")
    _, output = npx(folder, "tsc", "--noEmit", "--listFiles")
    for name in ("src/main.tsx", TABLE, WRONG_TABLE):
        assert str((folder / name).resolve()) in output.splitlines(), output
    return [line for line in output.splitlines() if "error TS" in line]


@pytest.mark.node
def test_the_compiler_accepts_the_typescript_client(compiler_errors: list[str]) -> None:
    assert [line for line in compiler_errors if not line.startswith(f"{WRONG_TABLE}(")] == []


@pytest.mark.node
def test_a_wrong_field_or_argument_is_an_error_of_the_typescript_compiler(compiler_errors: list[str]) -> None:
    errors = [line for line in compiler_errors if line.startswith(f"{WRONG_TABLE}(")]
    assert ["Property 'readyReplica' does not" in line for line in errors].count(True) == 1
    assert ["not assignable to type 'number'" in line for line in errors].count(True) == 1
    assert len(errors) == 2


@pytest.mark.node
def test_a_wrong_field_in_a_document_is_an_error_of_the_generator(generation: Generation) -> None:
    generation.assert_ended(generation.wrong, 1)
    assert 'Cannot query field "readyReplica" on type "DeploymentStatus"' in generation.output


@pytest.fixture(scope="module")
def page_address(project: Path) -> str:
    """The page's address at a gateway; the page is built as by ``npm run build``."""
    bundle = f"--outfile={TYPESCRIPT / 'page.js'}"
    status, output = npx(project, "esbuild", "src/main.tsx", "--bundle", "--minify", bundle)
    assert status == 0, output
    return "/examples/typed-clients/typescript/"


def more_button(namespace: str) -> str:
    return f"""document.querySelector('[aria-label="One more {namespace}/web"]')"""


@pytest.mark.browser
@pytest.mark.node
async def test_the_react_page_shows_and_scales_live_deployments(
    page_address: str, page: Page, backend: Backend, gateway: GatewayProcess, namespace: str
) -> None:
    await page.open(gateway.url + page_address)
    button = more_button(namespace)
    await page.wait_for(button)
    path = grouped("apps/v1", "deployments", namespace, "web")
    before = backend.api().get(path)["spec"]["replicas"]
    await page.evaluate(f"{button}.click()")
    await page.wait_for(f"{button}.closest('tr').cells[2].textContent === '{before + 1}'")
    wait_until(
        lambda: backend.api().get(path)["spec"]["replicas"] == before + 1, "the deployment to be scaled"
    )
    assert await page.problems() == []


@pytest.mark.browser
@pytest.mark.node
async def test_the_react_page_signs_in_to_a_passthrough_gateway(
    page_address: str, page: Page, backend: Backend, namespace: str, tmp_path: Path
) -> None:
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough")
    path = grouped("apps/v1", "deployments", namespace, "web")
    with start_gateway(tmp_path, *options) as gateway:
        await page.open(gateway.url + page_address)
        await page.wait_for("document.querySelector('[role=alert] button')")
        await page.call("click", "[role=alert] button")
        await page.call("fill", "input[name=token]", "admin-token")
        await page.press("Enter")
        await page.wait_for(more_button(namespace))
        before = backend.api().get(path)["spec"]["replicas"]
        await page.evaluate(f"{more_button(namespace)}.click()")
        wait_until(
            lambda: backend.api().get(path)["spec"]["replicas"] == before + 1, "the deployment to be scaled"
        )


@pytest.mark.browser
@pytest.mark.node
async def test_roles_names_labels_and_contrasts_of_the_react_page_meet_wcag(
    page_address: str, page: Page, demo_gateway: GatewayProcess
) -> None:
    await use_scheme(page, SCHEMES[0])
    await page.open(demo_gateway.url + page_address)
    await page.wait_for("document.querySelectorAll('tr').length > 3")
    for scheme in SCHEMES:
        await use_scheme(page, scheme)
        assert (await audit(page))[0] == [], scheme
        assert (await contrasts(page))[0] == [], scheme
    assert await page.evaluate(ORIGINS) == [demo_gateway.url]

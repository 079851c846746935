"""Each caller may do exactly what the API server grants: users, operations, transports and identity modes.

The expected column is computed by the reviews of ``kubectl auth can-i`` on the real API server; each right is
asked for once.
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trustme
import yaml

from tests.fixtures.api import bearer_token, core, pod
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.issuer import CLIENT_ID, running_issuer
from tests.fixtures.kubectl import Kubectl, can_i
from tests.fixtures.transports import TRANSPORTS
from tests.fixtures.waiting import DEADLINE

pytestmark = pytest.mark.cluster

OWN, OTHER = "matrix-own", "matrix-other"
SECRET = "correct-horse-battery-staple"
ACCOUNT = f"system:serviceaccount:{OWN}:nobody"
NAMES = ("admin", "gateway", "alice", "bob", "nobody", ACCOUNT)
"""The users; a token exists for each but the name ``nobody``, which stands for the account's elsewhere."""
CREATE = '{metadata: {name: "new"}, spec: {containers: [{name: "a", image: "a"}]}}'
PATCH = 'dryRun: true, patch: {metadata: {labels: {a: "b"}}}'


@dataclass(frozen=True)
class Operation:
    """An operation and the rights that it needs, as arguments of ``kubectl auth can-i``."""

    query: str
    rights: tuple[tuple[str, ...], ...]


def one(query: str, *rights: str) -> Operation:
    """An operation whose rights are written as ``get pods/mine -n own``, one text each."""
    return Operation(query, tuple(tuple(right.split()) for right in rights))


def reads(arguments: str = "") -> dict[str, Operation]:
    """The queries, with more arguments."""
    inside = f'namespace: "{OWN}" {arguments}'
    selected = "{ items { metadata { name } } }"
    return {
        "get mine": one(f'{{ pod(name: "mine", {inside}) {{ kind }} }}', f"get pods/mine -n {OWN}"),
        "get other": one(f'{{ pod(name: "other", {inside}) {{ kind }} }}', f"get pods/other -n {OWN}"),
        "list own": one(f"{{ pods({inside}) {selected} }}", f"list pods -n {OWN}"),
        "list mine": one(
            f'{{ pods({inside}, fieldSelector: "metadata.name=mine") {selected} }}',
            f"list pods/mine -n {OWN}",
        ),
        "list elsewhere": one(
            f'{{ pods(namespace: "{OTHER}" {arguments}) {selected} }}', f"list pods -n {OTHER}"
        ),
        "list all": one(f"{{ pods(limit: 9 {arguments}) {selected} }}", "list pods -A"),
    }


OPERATIONS: Mapping[str, Operation] = {
    **reads(),
    **{f"{name}, cached": item for name, item in reads('resourceVersion: "0"').items()},
    "related objects": one(
        f'{{ service(name: "mine", namespace: "{OWN}") {{ pods {{ items {{ kind }} }} }} }}',
        f"get services/mine -n {OWN}",
        f"list pods -n {OWN}",
    ),
    "filter by related objects": one(
        f'{{ pods(namespace: "{OWN}", whereRelated: [{{relation: "services"}}]) {{ items {{ kind }} }} }}',
        f"list pods -n {OWN}",
        f"list services -n {OWN}",
    ),
    "owner": one(
        f'{{ pod(name: "mine", namespace: "{OWN}") {{ owner {{ kind }} }} }}',
        f"get pods/mine -n {OWN}",
        f"get pods/other -n {OWN}",
    ),
    **{
        f"tree of {name}": one(
            f'{{ tree(kind: "Pod", name: "{name}", namespace: "{OWN}") {{ depth }} }}',
            f"get pods/{name} -n {OWN}",
        )
        for name in ("mine", "other")
    },
    "watch mine": one(
        f'subscription {{ pod(name: "mine", namespace: "{OWN}") {{ type }} }}', f"watch pods/mine -n {OWN}"
    ),
    "watch own": one(f'subscription {{ pods(namespace: "{OWN}") {{ type }} }}', f"watch pods -n {OWN}"),
    "watch elsewhere": one(
        f'subscription {{ pods(namespace: "{OTHER}") {{ type }} }}', f"watch pods -n {OTHER}"
    ),
    "watch all": one("subscription { pods { type } }", "watch pods -A"),
    "create own": one(
        f'mutation {{ createPod(namespace: "{OWN}", object: {CREATE}, dryRun: true) {{ kind }} }}',
        f"create pods -n {OWN}",
    ),
    "create elsewhere": one(
        f'mutation {{ createPod(namespace: "{OTHER}", object: {CREATE}, dryRun: true) {{ kind }} }}',
        f"create pods -n {OTHER}",
    ),
    "logs of mine": one(
        f'subscription {{ podLogs(name: "mine", namespace: "{OWN}", follow: false) {{ __typename }} }}',
        f"watch pods/mine -n {OWN}",
        f"get pods/mine --subresource=log -n {OWN}",
    ),
    **{
        f"patch {name}": one(
            f'mutation {{ patchPod(name: "{name}", namespace: "{OWN}", {PATCH}) {{ kind }} }}',
            f"patch pods/{name} -n {OWN}",
        )
        for name in ("mine", "other")
    },
    **{
        f"delete {name}": one(
            f'mutation {{ deletePod(name: "{name}", namespace: "{OWN}", dryRun: true) {{ status }} }}',
            f"delete pods/{name} -n {OWN}",
        )
        for name in ("mine", "other")
    },
}
"""The operations by name; all writes are dry runs, which need the same rights."""


@dataclass
class Rights:
    """The answers of the API server to ``kubectl auth can-i``; each question is asked once."""

    kubectl: Kubectl
    answers: dict[tuple[tuple[str, ...], str], bool] = field(default_factory=dict)

    def ask(self) -> None:
        """Ask for every right of every user, and kubectl itself for each right of one user, in turns."""
        wanted = {right for operation in OPERATIONS.values() for right in operation.rights}
        api = self.kubectl.backend.api()
        for right, user in itertools.product(sorted(wanted), NAMES):
            self.answers[right, user] = can_i(api, right, user)
        for right, user in zip(sorted(wanted), itertools.cycle(NAMES), strict=False):
            said = self.kubectl.can_i(*right, "--as", user)
            assert said is self.answers[right, user], (right, user)

    def allow(self, user: str, operation: Operation) -> bool:
        return all(self.answers[right, user] for right in operation.rights)


@pytest.fixture(scope="module")
def rights(seeded_cluster: Backend) -> Rights:
    """The users' rights; alice has one namespace, bob one pod by its name, nobody none."""
    kubectl, api = Kubectl(seeded_cluster), seeded_cluster.api()
    for namespace in (OWN, OTHER):
        api.create(core("namespaces"), {"metadata": {"name": namespace}})
        other = api.create(core("pods", namespace), pod("other", labels={"app": "other"}))
        mine = pod("mine", labels={"app": "mine"})
        uid = other["metadata"]["uid"]
        mine["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "Pod", "name": "other", "uid": uid}
        ]
        api.create(core("pods", namespace), mine)
        service = {
            "metadata": {"name": "mine"},
            "spec": {"selector": {"app": "mine"}, "ports": [{"port": 80}]},
        }
        api.create(core("services", namespace), service)
    kubectl.succeed("create", "serviceaccount", "nobody", "-n", OWN)
    bind = partial(kubectl.succeed, "create", "clusterrolebinding")
    bind("matrix-admin", "--clusterrole=cluster-admin", "--user=admin")
    every = "--verb=get,list,watch,create,patch,delete"
    grants = {"alice": [every], "bob": ["--verb=get,list,watch,patch,delete", "--resource-name=mine"]}
    for user, options in grants.items():
        role = f"matrix-{user}"
        kubectl.succeed("create", "role", role, "-n", OWN, *options, "--resource=pods,pods/log,services")
        kubectl.succeed("create", "rolebinding", role, "-n", OWN, f"--role={role}", f"--user={user}")
    kubectl.succeed("create", "clusterrole", "matrix-gateway", "--verb=list,watch", "--resource=pods")
    kubectl.succeed("create", "clusterrole", "matrix-impersonate", "--verb=impersonate", "--resource=users")
    for role in ("matrix-gateway", "matrix-impersonate"):
        bind(role, f"--clusterrole={role}", "--user=gateway")
    found = Rights(kubectl)
    found.ask()
    for nobody in ("nobody", ACCOUNT):
        assert not any(found.allow(nobody, operation) for operation in OPERATIONS.values())
    assert all(found.allow("admin", operation) for operation in OPERATIONS.values())
    return found


@pytest.fixture(scope="module")
def tokens(rights: Rights) -> Mapping[str, str]:
    """The bearer token of each user that has one."""
    issued = rights.kubectl.succeed("create", "token", "nobody", "-n", OWN).strip()
    return {user: issued if user == ACCOUNT else f"{user}-token" for user in NAMES if user != "nobody"}


async def check(gateway: GatewayProcess, rights: Rights, callers: Mapping[str, Mapping[str, str]]) -> None:
    """Try every operation over every transport as every caller; ``callers`` maps their names to headers."""
    places = asyncio.Semaphore(16)

    async def outcome(user: str, operation: Operation, transport: str) -> str:
        async with places, asyncio.timeout(DEADLINE):
            answer = await TRANSPORTS[transport](gateway, operation.query, callers[user])
        codes = {error["extensions"]["code"] for error in answer.get("errors") or ()}
        if codes == {"FORBIDDEN"}:
            return "no"
        return "/".join(sorted(codes)) or "yes"

    cells = list(itertools.product(callers, OPERATIONS, TRANSPORTS))
    found = await asyncio.gather(*(outcome(user, OPERATIONS[name], how) for user, name, how in cells))
    wrong = [
        f"{name:22} {user:34} {how:10} {'yes' if rights.allow(user, OPERATIONS[name]) else 'no':8} {result}"
        for (user, name, how), result in zip(cells, found, strict=True)
        if result != ("yes" if rights.allow(user, OPERATIONS[name]) else "no")
    ]
    heading = f"{'operation':22} {'user':34} {'transport':10} {'can-i':8} gateway"
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cells)} cells are wrong:", heading, *wrong])


@pytest.mark.parametrize("user", [name for name in NAMES if name != "nobody"])
async def test_local(
    seeded_cluster: Backend, rights: Rights, tokens: Mapping[str, str], tmp_path: Path, user: str
) -> None:
    kubeconfig = kubeconfig_of(seeded_cluster, tokens[user], tmp_path)
    with start_gateway(tmp_path / "gateway", "--kubeconfig", kubeconfig, "--auth", "local") as gateway:
        await check(gateway, rights, {user: {}})


def kubeconfig_of(backend: Backend, token: str, directory: Path) -> str:
    """The path of a kubeconfig of that token's user."""
    config = yaml.safe_load(backend.kubeconfig.read_text())
    config["users"] = [{"name": "user", "user": {"token": token}}]
    config["contexts"] = [{"name": "user", "context": {"cluster": "test", "user": "user"}}]
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump({**config, "current-context": "user"}))
    return str(path)


SHARED = ("--share-informers", "--cache", "pods")
ALONE = ("--no-share-informers",)
IMPERSONATED = [name for name in NAMES if name != ACCOUNT]


@pytest.fixture
def own(seeded_cluster: Backend, rights: Rights, tmp_path: Path) -> tuple[str, ...]:
    """The options of a gateway with an identity of its own."""
    del rights  # the gateway's own, too
    return ("--kubeconfig", kubeconfig_of(seeded_cluster, "gateway-token", tmp_path))


@pytest.mark.parametrize("sharing", [ALONE, SHARED], ids=["own informers", "shared informers"])
async def test_passthrough(
    own: tuple[str, ...],
    rights: Rights,
    tokens: Mapping[str, str],
    tmp_path: Path,
    sharing: tuple[str, ...],
) -> None:
    with start_gateway(tmp_path / "gateway", *own, "--auth", "passthrough", *sharing) as gateway:
        await check(gateway, rights, {user: bearer_token(token) for user, token in tokens.items()})


@pytest.mark.parametrize("sharing", [ALONE, SHARED], ids=["own informers", "shared informers"])
async def test_a_front_proxy(
    own: tuple[str, ...], rights: Rights, tmp_path: Path, sharing: tuple[str, ...]
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    options = [*own, "--auth", "impersonate", "--proxy-secret-file", str(tmp_path / "secret"), *sharing]
    with start_gateway(tmp_path / "gateway", *options) as gateway:
        proxied = {user: {**bearer_token(SECRET), "x-remote-user": user} for user in IMPERSONATED}
        await check(gateway, rights, proxied)


async def test_id_tokens(own: tuple[str, ...], rights: Rights, tmp_path: Path) -> None:
    authority = trustme.CA()
    (tmp_path / "issuer.pem").write_bytes(authority.cert_pem.bytes())
    options = [*own, "--auth", "impersonate", "--oidc-client-id", CLIENT_ID, "--oidc-username-prefix", "-"]
    options += ["--oidc-ca", str(tmp_path / "issuer.pem"), *SHARED]
    async with running_issuer(authority) as issuer:
        with start_gateway(tmp_path / "gateway", *options, "--oidc-issuer", issuer.url) as gateway:
            named = {user: bearer_token(issuer.token(sub=user)) for user in IMPERSONATED}
            await check(gateway, rights, named)

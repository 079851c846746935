"""A write is never executed twice: lost answers, and which requests are sent again.

The tap drops the API server's answer after the API server has executed the request.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fixtures.api import API, core, grouped, pod
from tests.fixtures.backends import Backend, TappedGateway, write_kubeconfig
from tests.fixtures.gateways import start_gateway
from tests.fixtures.tap import Loss, Refusal, Request

DEPLOYMENTS = "apps/v1", "deployments"
WEB = 'name: "web", namespace: $n'
CREATED = '{metadata: {generateName: "new-"}, data: {a: "1"}}'
LOST: dict[str, tuple[str, str]] = {
    "create": ("POST", f"createConfigMap(namespace: $n, object: {CREATED}) {{ kind }}"),
    "strategic patch": ("PATCH", f"patchDeployment({WEB}, patch: {{spec: {{replicas: 2}}}}) {{ kind }}"),
    "merge patch": (
        "PATCH",
        f"patchDeployment({WEB}, type: MERGE, patch: {{spec: {{replicas: 2}}}}) {{ kind }}",
    ),
    "JSON patch": (
        "PATCH",
        f'patchDeployment({WEB}, operations: [{{op: "add", path: "/spec/replicas", value: 2}}]) {{ kind }}',
    ),
    "patch with uid": (
        "PATCH",
        f"patchDeployment({WEB}, uid: $uid, patch: {{spec: {{replicas: 2}}}}) {{ kind }}",
    ),
    "patch of the status": (
        "PATCH",
        f"patchDeploymentStatus({WEB}, patch: {{status: {{replicas: 1}}}}) {{ kind }}",
    ),
    "patch of a subresource": (
        "PATCH",
        f"patchDeploymentScale({WEB}, patch: {{spec: {{replicas: 2}}}}) {{ kind }}",
    ),
    "scale": ("PATCH", f"scaleDeployment({WEB}, replicas: 2) {{ kind }}"),
    "restart": ("PATCH", f"restartDeployment({WEB}) {{ kind }}"),
    "pause": ("PATCH", f"pauseDeployment({WEB}) {{ kind }}"),
    "delete": ("DELETE", f"deleteDeployment({WEB}) {{ status }}"),
    "delete of a collection": (
        "DELETE",
        'deleteDeployments(namespace: $n, labelSelector: "app=web") { count }',
    ),
    "eviction": ("POST", 'evictPod(name: "one", namespace: $n) { status }'),
    "create of a subresource": ("POST", 'createPodEviction(name: "one", namespace: $n, object: {}) { kind }'),
}
REPEATED: dict[str, tuple[str, str]] = {
    "apply": (
        "PATCH",
        'applyConfigMap(namespace: $n, object: {metadata: {name: "a"}, data: {a: "1"}}) { kind }',
    ),
    "create, dry run": (
        "POST",
        f"createConfigMap(namespace: $n, dryRun: true, object: {CREATED}) {{ kind }}",
    ),
    "patch, dry run": (
        "PATCH",
        f"patchDeployment({WEB}, dryRun: true, patch: {{spec: {{replicas: 2}}}}) {{ kind }}",
    ),
    "delete, dry run": ("DELETE", f"deleteDeployment({WEB}, dryRun: true) {{ status }}"),
    "eviction, dry run": ("POST", 'evictPod(name: "one", namespace: $n, dryRun: true) { status }'),
    "manifest": ("PATCH", "applyManifest(manifest: $m, namespace: $n) { documents { outcome } }"),
}


@pytest.fixture(scope="module")
def tapping(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TappedGateway]:
    directory = tmp_path_factory.mktemp("losing")
    with backend.tapped() as tap:
        kubeconfig = write_kubeconfig(directory / "kubeconfig", tap.url)
        with start_gateway(directory / "gateway", "--kubeconfig", str(kubeconfig)) as gateway:
            yield TappedGateway(gateway, tap)


@pytest.fixture
def tapped(tapping: TappedGateway) -> Iterator[TappedGateway]:
    """A gateway whose tap loses nothing before and after the test."""
    yield tapping
    tapping.tap.lose = lambda _: None
    tapping.tap.refuse = lambda _: None


@pytest.fixture
def api(backend: Backend, namespace: str) -> API:
    """The API server, with a pod in the namespace."""
    api = backend.api()
    api.create(core("pods", namespace), pod("one", labels={}))
    return api


def mutation(field: str) -> str:
    declared = {"$n": "String!", "$uid": "String", "$m": "String!", "$version": "String"}
    variables = ", ".join(f"{name}: {type_}" for name, type_ in declared.items() if name in field)
    return f"mutation({variables}) {{ answer: {field} }}"


def is_of_test(request: Request) -> bool:
    """Whether the request is about objects, and no review or background read of the gateway."""
    return "/namespaces/" in request.target


def lose(tapped: TappedGateway, method: str, part: Loss = Loss.ANSWER, times: int = 1) -> Callable[[], int]:
    """Lose that part of the first exchanges with that method; the result counts its requests."""
    requests: list[Request] = []

    def loss_of(request: Request) -> Loss | None:
        if request.method != method or not is_of_test(request):
            return None
        requests.append(request)
        return part if len(requests) <= times else None

    tapped.tap.lose = loss_of
    return lambda: len(requests)


def state(api: API, namespace: str) -> list[Any]:
    paths = (core("configmaps", namespace), core("pods", namespace), grouped(*DEPLOYMENTS, namespace))
    return [
        (item["metadata"]["name"], item["metadata"]["resourceVersion"])
        for path in paths
        for item in api.get(path)["items"]
    ]


@pytest.mark.parametrize("write", LOST)
async def test_a_write_whose_answer_is_lost_is_sent_once_and_its_outcome_is_unknown(
    tapped: TappedGateway, api: API, namespace: str, write: str
) -> None:
    method, field = LOST[write]
    # a template without annotations needs a second PATCH of a restart
    annotated = {"spec": {"template": {"metadata": {"annotations": {"by": "its author"}}}}}
    api.merge(grouped(*DEPLOYMENTS, namespace, "web"), annotated)
    before = state(api, namespace)
    uid = api.get(grouped(*DEPLOYMENTS, namespace, "web"))["metadata"]["uid"]
    sent = lose(tapped, method)
    error = await tapped.gateway.error(mutation(field), {"n": namespace, "uid": uid})
    assert error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert f"not known whether {method} ap" in error["message"]
    assert "read the" in error["message"]
    assert sent() == 1
    assert state(api, namespace) != before


@pytest.mark.parametrize("write", REPEATED)
async def test_a_write_that_changes_nothing_more_is_sent_again(
    tapped: TappedGateway, api: API, namespace: str, write: str
) -> None:
    method, field = REPEATED[write]
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}"
    sent = lose(tapped, method, times=2)
    await tapped.gateway.data(mutation(field), {"n": namespace, "m": manifest})
    assert sent() == 3


async def test_a_read_is_sent_again(tapped: TappedGateway, api: API, namespace: str) -> None:
    sent = lose(tapped, "GET", times=2)
    query = "query($n: String) { pods(namespace: $n) { items { metadata { name } } } }"
    data = await tapped.gateway.data(query, {"n": namespace})
    assert data["pods"]["items"] == [{"metadata": {"name": "one"}}]
    assert sent() == 3


GUARDED = {
    "patch": ("PATCH", "patchDeployment", "patch: {spec: {replicas: 2}}, resourceVersion: $version"),
    "delete by version": ("DELETE", "deleteDeployment", "resourceVersion: $version"),
    "delete by uid": ("DELETE", "deleteDeployment", "uid: $uid"),
}


@pytest.mark.parametrize("part", Loss)
@pytest.mark.parametrize("write", GUARDED)
async def test_a_write_with_a_precondition_is_sent_again(
    tapped: TappedGateway, api: API, namespace: str, write: str, part: Loss
) -> None:
    method, field, arguments = GUARDED[write]
    metadata = api.get(grouped(*DEPLOYMENTS, namespace, "web"))["metadata"]
    query = mutation(f"{field}({WEB}, {arguments}) {{ __typename }}")
    variables = {"n": namespace, "version": metadata["resourceVersion"], "uid": metadata["uid"]}
    sent = lose(tapped, method, part)
    answer = await tapped.gateway.execute(query, variables)
    assert sent() == 2
    if part is Loss.REQUEST:
        assert "errors" not in answer
    else:
        # the API server refuses the second one: the first one, or another client, made the change
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["OUTCOME_UNKNOWN"]


def refuse(tapped: TappedGateway, method: str, code: int) -> Callable[[], int]:
    """Refuse the first request with that method, with Retry-After; the result counts its requests."""
    requests: list[Request] = []

    def refusal(request: Request) -> Refusal | None:
        if request.method != method or not is_of_test(request):
            return None
        requests.append(request)
        return Refusal(code, "", retry_after=1) if len(requests) == 1 else None

    tapped.tap.refuse = refusal
    return lambda: len(requests)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("write", REPEATED)
async def test_a_busy_api_server_is_asked_again(
    tapped: TappedGateway, api: API, namespace: str, write: str, code: int
) -> None:
    method, field = REPEATED[write]
    manifest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}"
    sent = refuse(tapped, method, code)
    await tapped.gateway.data(mutation(field), {"n": namespace, "m": manifest})
    assert sent() == 2


@pytest.mark.parametrize(("code", "requests"), [(429, 2), (503, 1)])
async def test_a_write_is_sent_again_only_if_the_refusal_says_that_it_was_not_executed(
    tapped: TappedGateway, namespace: str, code: int, requests: int
) -> None:
    sent = refuse(tapped, "POST", code)
    answer = await tapped.gateway.execute(mutation(LOST["create"][1]), {"n": namespace})
    assert sent() == requests
    if code == 503:
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert error["extensions"]["kubernetes"]["retryAfterSeconds"] == 1
    else:
        assert "errors" not in answer

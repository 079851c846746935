"""A token that the API server rejects ends the streams of its caller, and completes none."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.fixtures.api import core, fetch_token, grant
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess, start_gateway
from tests.fixtures.protocols import PROTOCOLS, Results
from tests.fixtures.waiting import DEADLINE

pytestmark = pytest.mark.cluster

READ = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
TOKEN_EXPIRED = 4440
SYNCED = {"data": {"configMaps": {"type": "SYNCED"}}}


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a stream: its error codes, and the break of its connection."""

    codes: tuple[str, ...] = ()
    close_code: int | None = None
    is_broken: bool = False

    @property
    def tells(self) -> bool:
        """Whether the close frame gives the token as the reason, or asks the client to reconnect."""
        told = self.codes == ("UNAUTHENTICATED",) and self.close_code is None
        return told or self.close_code == TOKEN_EXPIRED or self.is_broken


async def ending(results: Results) -> Ending:
    """Read to the end."""
    found = Ending()
    try:
        async for result in results:
            found = Ending(tuple(error["extensions"]["code"] for error in result.get("errors", ())))
    except ConnectionClosed as error:
        return replace(found, close_code=error.rcvd.code if error.rcvd else None)
    except httpx.RemoteProtocolError:
        return replace(found, is_broken=True)
    return found


async def endings(gateway: GatewayProcess, backend: Backend, namespace: str) -> dict[str, Ending]:
    """The ends of one subscription over each protocol, after the account of its token is deleted."""
    request = {"query": f'subscription {{ configMaps(namespace: "{namespace}") {{ type }} }}'}
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE):
        streams = [await stack.enter_async_context(opening(gateway, request)) for opening in PROTOCOLS]
        for stream in streams:
            while await anext(stream) != SYNCED:
                pass
        backend.api().delete(core("serviceaccounts", namespace, "caller"))
        found = await asyncio.gather(*map(ending, streams))
    return {opening.__name__: end for opening, end in zip(PROTOCOLS, found, strict=True)}


async def endings_with(backend: Backend, directory: Path, sharing: str) -> dict[str, Ending]:
    """The ends at a gateway with that option."""
    api, namespace = backend.api(), f"token-life-{sharing}"
    api.create(core("namespaces"), {"metadata": {"name": namespace}})
    api.create(core("serviceaccounts", namespace), {"metadata": {"name": "caller"}})
    grant(api, "caller", f"system:serviceaccount:{namespace}:caller", READ, namespace=namespace)
    token = fetch_token(api, namespace, "caller")
    options = ("--kubeconfig", str(backend.kubeconfig), "--auth", "passthrough", f"--{sharing}")
    with start_gateway(directory, *options, token=token) as gateway:
        return await endings(gateway, backend, namespace)


SHARING = ("share-informers", "no-share-informers")


@pytest.fixture(scope="module")
def found(
    seeded_cluster: Backend, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Ending] | BaseException]:
    """The ends by option; both gateways wait at the same time, because that takes half a minute."""

    async def gather() -> list[dict[str, Ending] | BaseException]:
        gateways = (endings_with(seeded_cluster, tmp_path_factory.mktemp(item), item) for item in SHARING)
        return await asyncio.gather(*gateways, return_exceptions=True)

    return dict(zip(SHARING, asyncio.run(gather()), strict=True))


@pytest.mark.parametrize("sharing", SHARING)
def test_a_rejected_token_ends_each_stream_and_completes_none(
    found: dict[str, dict[str, Ending] | BaseException], sharing: str
) -> None:
    ends = found[sharing]
    if isinstance(ends, BaseException):
        raise ends
    # shared informers: mostly by a review of the right, which is repeated more often than that of the token
    assert all(end.tells for end in ends.values()), ends

import pytest

from gateway.errors import BadRequest, Status, StatusError
from gateway.informers import Scope
from gateway.informers.refusals import Refusals
from gateway.informers.source import Source
from gateway.kube.client import KubeClient
from tests.gateway.informers.scripted_server import CONFIG_MAPS


@pytest.fixture
def refusals(client: KubeClient) -> Refusals:
    return Refusals(Source(client, CONFIG_MAPS, Scope()), limit=60.0)


UNCONFIRMED: StatusError = BadRequest(Status(400))


async def test_refusals_that_last_for_the_limit_are_final(refusals: Refusals) -> None:
    assert [await refusals.is_final(UNCONFIRMED, "watch", now) for now in (0.0, 59.0, 60.0)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("between", [Refusals.reset, Refusals.interrupt])
async def test_another_outcome_restarts_the_seconds(refusals: Refusals, between: object) -> None:
    assert callable(between)
    assert not await refusals.is_final(UNCONFIRMED, "watch", 0.0)
    between(refusals)
    assert not await refusals.is_final(UNCONFIRMED, "watch", 100.0)
    assert await refusals.is_final(UNCONFIRMED, "watch", 160.0)

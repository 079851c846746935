"""A cached read and a subscription honour the ``resourceVersion`` of a write's answer."""

import pytest

from tests.fixtures.api import core
from tests.fixtures.backends import Backend
from tests.fixtures.gateways import GatewayProcess

WRITES = 200
WRITE = """mutation($n: String, $patch: JSON) {
  patchConfigMap(name: "written", namespace: $n, patchJson: $patch) { metadata { resourceVersion } } }"""
READ = """query($n: String, $version: String) {
  configMap(name: "written", namespace: $n, resourceVersion: $version) { data }
  configMaps(namespace: $n, resourceVersion: $version, labelSelector: "written") { items { data } } }"""
WATCH = """subscription($n: String, $version: String) {
  configMaps(namespace: $n, resourceVersion: $version) { type resourceVersion object { data } } }"""


@pytest.fixture
def written(backend: Backend, namespace: str) -> None:
    backend.api().create(
        core("configmaps", namespace),
        {"metadata": {"name": "written", "labels": {"written": "true"}}, "data": {"value": "-1"}},
    )


async def test_each_of_many_writes_is_in_the_read_after_it(
    gateway: GatewayProcess, namespace: str, written: None
) -> None:
    versions = []
    async with gateway.kept_alive() as kept, kept.subscribe(WATCH, {"n": namespace}) as stream:
        await stream.synced()
        for number in range(WRITES):
            answer = await kept.data(WRITE, {"n": namespace, "patch": {"data": {"value": str(number)}}})
            versions.append(answer["patchConfigMap"]["metadata"]["resourceVersion"])
            read = await kept.data(READ, {"n": namespace, "version": versions[-1]})
            assert read["configMap"] == {"data": {"value": str(number)}}
            assert read["configMaps"]["items"] == [{"data": {"value": str(number)}}]

    middle = WRITES // 2
    async with gateway.subscribe(WATCH, {"n": namespace, "version": versions[middle]}) as stream:
        first = await stream.event()
        assert (first["type"], first["resourceVersion"]) == ("SYNCED", versions[middle])
        last = str(WRITES - 1)
        events = await stream.until(lambda event: event["object"]["data"]["value"] == last)
    numbers = [int(event["object"]["data"]["value"]) for event in events]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > middle

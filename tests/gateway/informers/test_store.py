from typing import cast

import pytest

from gateway.informers import InformerRegistry
from gateway.informers.store import Store, StoredObject, version_number
from gateway.kube.client import KubeClient
from gateway.kube.received import ObjectHeader, ObjectMetadata
from tests.gateway.informers.mutations import watching_stores
from tests.gateway.informers.reading import reading
from tests.gateway.informers.scripted_server import ScriptedServer


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_mutation_of_labels_is_detected(forgotten: bool) -> None:
    labels = {"app": "x"}
    stored = StoredObject("a", b"{}", ObjectHeader(ObjectMetadata(name="a", labels=labels)))
    store = Store()
    with watching_stores() as detector:
        store.put(stored)
    detector.check()
    if forgotten:
        store.remove("a")
    labels["app"] = "y"
    with pytest.raises(AssertionError, match="stored objects were modified: a"):
        detector.check()
    # for the detector that every test here has
    labels["app"] = "x"


async def test_labels_that_a_reader_of_an_informer_changes_are_detected(
    server: ScriptedServer, client: KubeClient, registry: InformerRegistry
) -> None:
    await server.create("a", v=1, labels={"app": "x"})
    with watching_stores() as detector:
        async with reading(registry, client) as reader:
            await reader.until_synced()
            (informer,) = registry.informers
            (stored,) = informer.items()
    # msgspec decodes to a dict: only its type says that it is not to be changed
    labels = cast("dict[str, str]", stored.labels)
    labels["app"] = "y"
    with pytest.raises(AssertionError, match="stored objects were modified: default/a"):
        detector.check()
    labels["app"] = "x"


def test_nothing_but_the_labels_can_be_changed_at_all() -> None:
    stored = StoredObject("a", b"{}", ObjectHeader(ObjectMetadata(name="a")))
    for struct, field in ((stored, "object"), (stored.header, "kind"), (stored.header.metadata, "name")):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(struct, field, "other")


def test_a_resource_version_beyond_128_bits_is_opaque() -> None:
    assert version_number("9" * 39) == int("9" * 39)
    assert version_number("9" * 5000) is None

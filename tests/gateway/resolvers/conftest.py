"""Config maps behind a scripted API server, which may not fit their schema."""

from collections.abc import AsyncIterator

import pytest

from gateway.execution.strawberry_schema import KubernetesSchema
from gateway.informers import InformerRegistry
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig
from gateway.resolvers.context import RequestContext
from gateway.resolvers.root import Resolvers
from schema.building import LazySchema
from schema.model import Definition, Model, ObjectType, Property, Scalar, ServedResource, Verb
from schema.verbs import FieldVerb
from tests.gateway.informers.scripted_server import CONFIG_MAPS, ScriptedServer, running_server
from tests.schema.models import small_model

__all__ = ["SCHEMA", "context", "server"]

OBJECT = "io.example.ConfigMap"
VERBS: dict[FieldVerb, str] = {
    Verb.LIST: "configMaps",
    Verb.GET: "configMap",
    Verb.WATCH_LIST: "configMaps",
    Verb.WATCH_OBJECT: "configMap",
}


def config_map_schema() -> KubernetesSchema:
    """Config maps with an Int ``size`` and a String ``note`` in their schema."""
    metadata = next(type_ for type_ in small_model().objects.values() if type_.name == "ObjectMeta")
    content = (Property("size", "size", Scalar.INT), Property("note", "note", Scalar.STRING))
    properties = (
        Property("apiVersion", "apiVersion", Scalar.STRING),
        Property("kind", "kind", Scalar.STRING),
        Property("metadata", "metadata", Definition(metadata.id)),
        Property("data", "data", Definition("Data")),
    )
    kinds = (CONFIG_MAPS.kind,)
    objects = {
        **small_model().objects,
        OBJECT: ObjectType(OBJECT, "ConfigMap", "ConfigMapInput", properties, kinds=kinds),
        "Data": ObjectType("Data", "Data", "DataInput", content),
    }
    served = ServedResource(CONFIG_MAPS, OBJECT, "ConfigMapList", "ConfigMapEvent", VERBS)
    model = Model(objects, (served,))
    return KubernetesSchema(LazySchema(model, Resolvers(model)))


SCHEMA = config_map_schema()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with running_server() as server:
        yield server


@pytest.fixture
async def context(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RequestContext]:
    monkeypatch.setenv("NO_PROXY", "*")
    informers = InformerRegistry(grace_period=0)
    async with KubeClient.connect(ClusterConfig(server=server.url)) as client:
        yield RequestContext(client, informers)
        await informers.aclose()

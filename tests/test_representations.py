"""The representation of an object shows no credential, and no content of a Kubernetes object.

Every dataclass and Struct is checked, with a planted text in each field that may hold such a thing.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

import gateway
import schema
from gateway.informers import EventType, ObjectEvent, StoredObject
from gateway.kube.client import KubeClient
from gateway.kube.config.cluster_config import ClusterConfig, UserConfig
from gateway.kube.config.credentials import BearerCredentials
from gateway.kube.received import ObjectHeader, receive
from schema.model import Scalar
from schema.selection import Compiled, Field, Leaf, Node, Selection

CANARY = "canary-7f3a"
CONFIDENTIAL_TYPE = re.compile(r"\bbytes\b|JSONObject|\bObject\b")
CONFIDENTIAL_NAME = re.compile(
    r"^(tokens?|(id|refresh|bearer)_token|(client_)?secret|password|proxy_url|(client_)?key_data|connection_params"
    r"|variables|body|content|patch_json|unified|before|after)$"
)
PUBLIC = {
    "ClientCertificate.certificate": "public by its nature; its key is not shown",
    "Described.documents": "the OpenAPI documents of the API server",
    "FrontProxy.secret": "a WatchedFile, which does not show its content",
    "OpenAPIDocuments.documents": "the OpenAPI documents of the API server",
    "Response.headers": "the API server's",
    "Call.headers": "Accept and Content-Type; the credential's are added later",
    "OutputSettings.variables": "an argument of the command line, which the process list shows, too",
    "Settings.variables": "an argument of the command line, which the process list shows, too",
    "Timeouts.body": "a number of seconds",
    "_Entry.items": "a function",
    "_Entry.key": "the name of a field of the introspection",
    "_Entry.write": "a function that writes bytes",
    "_Entry.write_item": "a function that writes bytes",
    "_ListMetadata.token": "a token to continue a list, no credential",
    "_Metadata.token": "a token to continue a list, no credential",
    "_StatusMetadata.token": "a token to continue a list, no credential",
    "_Position.token": "a token to continue a list, no credential",
}
"""Matching fields that hold neither, each with the reason."""


def classes() -> Iterator[type]:
    for package in (gateway, schema):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for item in vars(module).values():
                if inspect.isclass(item) and item.__module__ == module.__name__ and fields_of(item):
                    yield item


def fields_of(item: type) -> Mapping[str, str]:
    """The fields of a dataclass or Struct with their types as text."""
    if issubclass(item, msgspec.Struct):
        hints = inspect.get_annotations(item)
        return {name: str(hints.get(name, "")) for name in item.__struct_fields__}
    if dataclasses.is_dataclass(item):
        return {field.name: str(field.type) for field in dataclasses.fields(item)}
    return {}


def confidential_fields(item: type) -> list[str]:
    return [
        name
        for name, type_ in fields_of(item).items()
        if (CONFIDENTIAL_TYPE.search(type_) or CONFIDENTIAL_NAME.search(name))
        and f"{item.__name__}.{name}" not in PUBLIC
    ]


def planted(item: type) -> Any:
    """An instance with the canary in each confidential field, and None in the others."""
    values = dict.fromkeys(fields_of(item)) | dict.fromkeys(confidential_fields(item), CANARY)
    if issubclass(item, msgspec.Struct):
        return item(**values)
    instance = object.__new__(item)
    for name, value in values.items():
        object.__setattr__(instance, name, value)
    return instance


def test_no_dataclass_or_struct_shows_a_credential_or_the_content_of_an_object() -> None:
    confidential = [item for item in classes() if confidential_fields(item)]
    assert len(confidential) > 30
    assert [item.__qualname__ for item in confidential if CANARY in repr(planted(item))] == []


def test_every_exception_to_the_rule_exists() -> None:
    fields = {f"{item.__name__}.{name}" for item in classes() for name in fields_of(item)}
    assert PUBLIC.keys() <= fields


def test_objects_at_work_do_not_show_what_they_hold() -> None:
    config = ClusterConfig(server="https://host:1", user=UserConfig(token=CANARY, password=CANARY))
    client = KubeClient.connect(config)
    caller = client.as_bearer(CANARY)
    body = msgspec.Raw(
        b'{"kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "%b"}}' % CANARY.encode()
    )
    received = receive(body, ObjectHeader)
    stored = StoredObject.of(received)
    event = ObjectEvent(EventType.ADDED, received.object, "1", previous=received.object)
    at_work = [
        config,
        client,
        caller,
        BearerCredentials(CANARY),
        received,
        stored,
        event,
        Compiled(received.object),
    ]
    assert CANARY not in repr([vars(client), vars(caller), at_work])


def test_decoded_selections_do_not_show_their_values() -> None:
    body = b'{"kind": "%b"}' % CANARY.encode()
    for response_name in ("kind", "renamed"):
        tree = Node("Secret", (Field(response_name, "kind", Leaf(Scalar.STRING)),))
        answer = Selection(tree).decode(body)
        assert CANARY.encode() in msgspec.json.encode(answer)
        assert CANARY not in repr(answer)

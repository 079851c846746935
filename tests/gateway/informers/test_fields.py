import msgspec
import pytest

from gateway.informers.fields import header_type, selectable_fields, value_of
from gateway.kube.received import ObjectHeader
from schema.resources import GroupVersionResource

PODS = GroupVersionResource("", "v1", "pods")
EVENTS = GroupVersionResource("", "v1", "events")
NODES = GroupVersionResource("", "v1", "nodes")
JOBS = GroupVersionResource("batch", "v1", "jobs")
WIDGETS = GroupVersionResource("example.com", "v1", "widgets")


def read(gvr: GroupVersionResource, body: bytes, field: str) -> str:
    header = msgspec.json.decode(body, type=header_type(gvr))
    assert field in selectable_fields(gvr)
    return value_of(header)(field)


@pytest.mark.parametrize(
    ("gvr", "body", "field", "expected"),
    [
        (PODS, b'{"metadata":{"name":"a","namespace":"n"}}', "metadata.name", "a"),
        (PODS, b'{"metadata":{"name":"a","namespace":"n"}}', "metadata.namespace", "n"),
        (PODS, b'{"metadata":{},"spec":{"nodeName":"n1","containers":[{}]}}', "spec.nodeName", "n1"),
        (PODS, b'{"metadata":{},"status":{"phase":"Running"}}', "status.phase", "Running"),
        (PODS, b'{"metadata":{}}', "spec.nodeName", ""),
        (PODS, b'{"metadata":{},"spec":{"hostNetwork":true}}', "spec.hostNetwork", "true"),
        (PODS, b'{"metadata":{},"spec":{}}', "spec.hostNetwork", "false"),
        (NODES, b'{"metadata":{},"spec":{"unschedulable":true}}', "spec.unschedulable", "true"),
        (NODES, b'{"metadata":{}}', "metadata.namespace", ""),
        (EVENTS, b'{"metadata":{},"involvedObject":{"kind":"Pod"}}', "involvedObject.kind", "Pod"),
        (EVENTS, b'{"metadata":{},"type":"Warning","reason":"x"}', "type", "Warning"),
        (JOBS, b'{"metadata":{},"status":{"succeeded":3}}', "status.successful", "3"),
        (JOBS, b'{"metadata":{}}', "status.successful", "0"),
        (WIDGETS, b'{"metadata":{"name":"w"},"spec":"odd"}', "metadata.name", "w"),
    ],
)
def test_a_field_has_the_value_that_the_api_server_selects_by(
    gvr: GroupVersionResource, body: bytes, field: str, expected: str
) -> None:
    assert read(gvr, body, field) == expected


def test_a_header_with_fields_is_still_a_header() -> None:
    body = b'{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"resourceVersion":"5"}}'
    header = msgspec.json.decode(body, type=header_type(PODS))
    assert isinstance(header, ObjectHeader)
    assert (header.api_version, header.kind, header.metadata.resource_version) == ("v1", "Pod", "5")
    assert header.metadata.labels == {"a": "b"}
    with pytest.raises(AttributeError):
        header.kind = "Other"  # type: ignore[misc]  # that it is frozen is the point

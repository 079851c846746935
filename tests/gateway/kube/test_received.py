from gateway.kube.received import with_resource_version


def test_replacing_the_resource_version_keeps_every_other_byte() -> None:
    body = (
        b'{"kind":"X","metadata":{"annotations":{"resourceVersion":"1"},"name":"\\u00e9","resourceVersion":"1"},'
        b'"spec":{"resourceVersion":"1","big":12345678901234567890,"float":1.0}}'
    )
    changed = with_resource_version(body, "42")
    assert changed == body.replace(b'"\\u00e9","resourceVersion":"1"', b'"\\u00e9","resourceVersion":"42"')

"""Which writes would show a masked value, or confirm a guess of it."""

from typing import Any

import pytest

from gateway.kube.masked_writes import exposes_masked_values, written_masked_values

SECRETS = "api/v1/namespaces/a/secrets/s"
CONFIG_MAPS = "api/v1/namespaces/a/configmaps/s"
COPY = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATION = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"


@pytest.mark.parametrize(
    ("path", "source", "target", "exposes"),
    [
        (SECRETS, "/data/a", "/metadata/annotations/a", True),
        (SECRETS, "/stringData/a", "/type", True),
        (SECRETS, "/data", "/metadata/annotations", True),
        (SECRETS, "/data/a", "/data", True),
        (SECRETS, "/data/a", "/data/b", True),
        (SECRETS, "/metadata/labels/a", "/data/b", True),
        (SECRETS, "", "/metadata/annotations/a", True),
        (SECRETS, None, "/metadata/annotations/a", True),
        (SECRETS, ANNOTATION, "/metadata/annotations/a", True),
        (SECRETS, "/metadata/labels/a", "/metadata/labels/b", False),
        (CONFIG_MAPS, "/data/a", "/metadata/annotations/a", False),
        (CONFIG_MAPS, ANNOTATION, "/data/a", True),
        (CONFIG_MAPS, "/metadata", "/data/a", True),
        (CONFIG_MAPS, "/metadata/annotations/a", "/data/a", False),
    ],
)
def test_a_copied_or_moved_value_is_exposed(
    path: str, source: str | None, target: str, exposes: bool
) -> None:
    for op in ("copy", "move"):
        operations: list[dict[str, Any]] = [
            {"op": "add", "path": "/x", "value": 1},
            {"op": op, "from": source, "path": target},
        ]
        assert exposes_masked_values(path, operations) is exposes


@pytest.mark.parametrize(
    ("path", "tested", "exposes"),
    [
        (SECRETS, "/data/a", True),
        (SECRETS, "x/data/a", True),
        (SECRETS, "/data/a~1b/c", True),
        (SECRETS, "/data", True),
        (SECRETS, "/stringData", True),
        (SECRETS, "", True),
        (SECRETS, "data", True),
        (SECRETS, "/metadata", True),
        (SECRETS, "/type", False),
        (SECRETS, "/metadata/labels", False),
        (SECRETS, "/Data/a", False),
        (CONFIG_MAPS, "/data/a", False),
        (CONFIG_MAPS, ANNOTATION, True),
        (CONFIG_MAPS, "/metadata/annotations", True),
        (CONFIG_MAPS, "/metadata/annotations/a", False),
        (CONFIG_MAPS, ANNOTATION.replace("~1", "~01"), False),
    ],
)
def test_a_tested_value_is_exposed(path: str, tested: str, exposes: bool) -> None:
    assert exposes_masked_values(path, [{"op": "test", "path": tested, "value": "guess"}]) is exposes


KEY = ("data", "a")
ANNOTATED = ("metadata", "annotations", COPY)


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ({"data": {"a": "1", "gone": None}, "type": "x"}, {KEY}),
        ({"stringData": {"a": "1"}}, {("stringData", "a")}),
        ({"metadata": {"annotations": {COPY: "{}", "b": "c"}, "labels": {"d": "e"}}}, {ANNOTATED}),
        ({"data": None, "metadata": None}, set()),
        ([{"op": "add", "path": "/data/a", "value": "1"}], {KEY}),
        ([{"op": "replace", "path": "/data", "value": {"a": "1"}}], {KEY}),
        ([{"op": "replace", "path": "", "value": {"data": {"a": "1"}}}], {KEY}),
        ([{"op": "add", "path": ANNOTATION, "value": "{}"}], {ANNOTATED}),
        ([{"op": "add", "path": "/metadata/annotations", "value": {"b": "c"}}], set()),
        ([{"op": "add", "path": "/metadata/annotations", "value": {COPY: "{}"}}], {ANNOTATED}),
        ([{"op": "remove", "path": "/data/a"}, {"op": "add", "path": "/type", "value": "x"}], set()),
    ],
)
def test_a_patch_writes_masked_values(body: Any, written: set[tuple[str, ...]]) -> None:
    assert set(written_masked_values(SECRETS, body)) == written
    assert set(written_masked_values(CONFIG_MAPS, body)) == written & {ANNOTATED}

"""The modules of the topology example that need no browser: graph, layout, motion, list and address."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples.topology_trees import application, generated_tree, object_of, pod_row, row
from tests.fixtures.properties import examples
from tests.fixtures.requirements import unavailable

pytestmark = pytest.mark.node

ROOT = Path(__file__).parents[2]
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """Calls a function of ``tests/clients/topology.mjs``."""
    node = shutil.which("node")
    if node is None:
        unavailable("node", "Node is not installed", "apt-get install nodejs npm")
    if not (ROOT / "examples/topology/node_modules/@dagrejs/dagre").is_dir():
        unavailable("node", "the npm packages are not installed", "npm ci --prefix examples/topology")
    command = [node, str(ROOT / "tests/clients/topology.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def run(method: str, *args: Any) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"method": method, "args": args}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, "the script has thrown an error"
            return json.loads(line)

        yield run
        assert process.stdin is not None
        process.stdin.close()


def ends(drawing: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    return {(edge["from"], edge["to"]) for edge in drawing["edges"] if edge["kind"] == kind}


def test_an_application_leads_from_the_ingress_to_the_nodes(call: Call) -> None:
    drawing = call("draw", application({"web-1": {"a": "worker-1", "b": None}}))
    assert ends(drawing, "backend") == {("Ingress/web", "Service/web")}
    assert ends(drawing, "selector") == {("Service/web", "Deployment/web")}
    assert ends(drawing, "owner") == {
        ("Deployment/web", "ReplicaSet/web-1"),
        ("ReplicaSet/web-1", "Pod/web-1-a"),
        ("ReplicaSet/web-1", "Pod/web-1-b"),
    }
    assert ends(drawing, "node") == {("Pod/web-1-a", "Node/worker-1")}
    columns = ("Ingress/web", "Service/web", "Deployment/web", "ReplicaSet/web-1", "Pod/web-1-a")
    lefts = [drawing["boxes"][item]["x"] for item in (*columns, "Node/worker-1")]
    assert lefts == sorted(set(lefts))


def test_names_leave_out_the_name_of_the_owner(call: Call) -> None:
    drawing = call("draw", application({"web-1": {"a": None}}))
    labels = {found["id"]: found["label"] for found in drawing["objects"]}
    assert labels["Pod/web-1-a"] == "…-a"
    assert labels["ReplicaSet/web-1"] == "…-1"
    assert labels["Deployment/web"] == "web"


def test_a_service_of_the_application_leads_to_the_owner_of_its_pods_below(call: Call) -> None:
    rows = [
        row(0, None, object_of("Rollout", "all")),
        row(1, "Rollout/all", object_of("Service", "web")),
        row(1, "Rollout/all", object_of("ReplicaSet", "web-1")),
        pod_row(2, "ReplicaSet/web-1", "web-1-a"),
    ]
    drawing = call("draw", rows)
    assert ends(drawing, "selector") == {("Service/web", "ReplicaSet/web-1")}
    assert ("Rollout/all", "Service/web") in ends(drawing, "owner")


def test_revisions_without_pods_are_left_out_and_counted(call: Call) -> None:
    rows = application({"web-1": {}, "web-2": {"a": "worker-1"}, "web-3": {}})
    rows.append(row(1, "Deployment/web", object_of("ControllerRevision", "web-4")))
    hidden, shown = call("draw", rows), call("draw", rows, {"earlier": True})
    assert hidden["earlier"] == shown["earlier"] == 3
    assert len(shown["objects"]) - len(hidden["objects"]) == 3
    assert "ReplicaSet/web-2" in hidden["boxes"]


def test_a_revision_that_should_have_pods_is_not_left_out(call: Call) -> None:
    rows = application({"web-1": {"a": None}, "web-2": {}})
    rows[-1]["health"]["status"] = "FAILED"
    assert call("draw", rows)["earlier"] == 0


def test_the_newest_revision_of_an_application_without_pods_stays(call: Call) -> None:
    rows = [row(0, None, object_of("Deployment", "web"))]
    for number in (1, 3, 2):
        created = f"2026-11-0{number}T00:00:00Z"
        rows.append(row(1, "Deployment/web", object_of("ReplicaSet", f"web-{number}", created=created)))
    drawing = call("draw", rows)
    assert set(drawing["boxes"]) == {"Deployment/web", "ReplicaSet/web-3"}
    assert drawing["earlier"] == 2


def test_pods_are_in_the_order_of_their_nodes_and_pods_without_node_are_last(call: Call) -> None:
    nodes = {"a": None, "b": "worker-10", "c": "worker-2", "d": "worker-1"}
    boxes = call("draw", application({"web-1": nodes}))["boxes"]
    tops = [boxes[f"Pod/web-1-{name}"]["y"] for name in "dcba"]
    assert tops == sorted(set(tops))
    tops = [boxes[f"Node/worker-{number}"]["y"] for number in (1, 2, 10)]
    assert tops == sorted(set(tops))


def test_many_pods_are_small(call: Call) -> None:
    drawing = call("draw", application({"web-1": {f"p{number}": f"n-{number % 7}" for number in range(300)}}))
    assert drawing["boxes"]["Pod/web-1-p0"]["small"]
    assert not drawing["boxes"]["Deployment/web"]["small"]
    assert drawing["height"] < 1000
    assert drawing["width"] < 1400


def test_nothing_has_no_size(call: Call) -> None:
    drawing = call("draw", [])
    assert (drawing["objects"], drawing["width"], drawing["height"]) == ([], 0, 0)


def test_an_unknown_status_is_unknown(call: Call) -> None:
    rows = application({}, status="NEW")
    rows[0]["health"] = None
    assert call("draw", rows)["counts"]["UNKNOWN"] == 1


trees = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.integers(0, 4)), max_size=40).map(
    generated_tree
)


@settings(deadline=None, max_examples=examples(60))
@given(rows=trees)
def test_any_tree_is_drawn_from_left_to_right_without_overlaps(
    call: Call, rows: list[dict[str, Any]]
) -> None:
    drawing = call("draw", rows, {"earlier": True})
    boxes = drawing["boxes"]
    assert {found["id"] for found in drawing["objects"]} == set(boxes)
    assert {item["object"]["metadata"]["uid"] for item in rows} <= set(boxes)
    for box in boxes.values():
        assert 0 <= box["x"] <= drawing["width"] - box["width"] + 0.01
        assert 0 <= box["y"] <= drawing["height"] - box["height"] + 0.01
    for edge in drawing["edges"]:
        source, target = boxes[edge["from"]], boxes[edge["to"]]
        assert source["x"] + source["width"] <= target["x"] + 0.01
    for one, other in combinations(boxes.values(), 2):
        assert not _overlap(one, other)


def _overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    def along(place: str, size: str) -> bool:
        return one[place] + one[size] > other[place] + 0.01 and other[place] + other[size] > one[place] + 0.01

    return along("x", "width") and along("y", "height")


def test_the_path_of_an_object_is_all_that_leads_to_it_and_to_which_it_leads(call: Call) -> None:
    rows = application({"web-1": {"a": "worker-1"}, "web-2": {"b": "worker-2"}})
    assert set(call("path", rows, "Pod/web-2-b")) == {
        "Ingress/web",
        "Service/web",
        "Deployment/web",
        "ReplicaSet/web-2",
        "Pod/web-2-b",
        "Node/worker-2",
    }


def test_a_change_is_told_in_a_sentence(call: Call) -> None:
    before = application({"web-1": {"a": "worker-1", "b": "worker-1"}})
    after = application({"web-1": {"a": "worker-1"}, "web-2": {"c": None, "d": None}}, status="IN_PROGRESS")
    assert call("sentence", before, before) == ""
    assert call("sentence", before, after) == (
        "1 ReplicaSet created, 2 Pods created, 1 Pod gone, Deployment web in progress"
    )


def test_a_new_pod_grows_out_of_its_owner_and_a_removed_one_shrinks(call: Call) -> None:
    before = application({"web-1": {"a": None}})
    after = application({"web-1": {"b": None}})
    begin, middle, done = call("move", before, after, 400, [0, 200, 400])
    owner = begin["ReplicaSet/web-1"]
    assert begin["Pod/web-1-b"]["scale"] == 0
    middle_of_new = begin["Pod/web-1-b"]["x"] + begin["Pod/web-1-b"]["width"] / 2
    assert middle_of_new == pytest.approx(owner["x"] + owner["width"])
    assert begin["Pod/web-1-a"]["scale"] == 1
    assert 0 < middle["Pod/web-1-b"]["scale"] < 1
    assert 0 < middle["Pod/web-1-a"]["scale"] < 1
    assert done["Pod/web-1-b"]["scale"] == 1
    assert "Pod/web-1-a" not in done


def test_a_movement_ends_at_the_layout(call: Call) -> None:
    before = application({"web-1": {"a": "worker-1"}})
    after = application({"web-1": {"a": "worker-1"}, "web-2": {"b": "worker-2", "c": None}})
    boxes = call("draw", after)["boxes"]
    for duration in (0, 300):
        (done,) = call("move", before, after, duration, [300])
        assert {name: (box["x"], box["y"]) for name, box in done.items()} == {
            name: (pytest.approx(box["x"]), pytest.approx(box["y"])) for name, box in boxes.items()
        }


def event(type_: str, name: str) -> dict[str, Any]:
    found = None if type_ == "SYNCED" else {**object_of("Deployment", name), "health": {"status": "CURRENT"}}
    return {"type": type_, "object": found}


def test_a_repeated_stream_removes_nodes_that_it_does_not_name(call: Call) -> None:
    steps = [
        ["start", "deployments"],
        *(["apply", "deployments", event("ADDED", name)] for name in ("web-10", "web-2", "api")),
        ["apply", "deployments", event("SYNCED", "")],
        ["apply", "deployments", event("DELETED", "api")],
    ]
    assert call("applications", steps) == ["shop/Deployment/web-2", "shop/Deployment/web-10"]
    steps += [
        ["start", "deployments"],
        ["apply", "deployments", event("ADDED", "web-2")],
        ["apply", "deployments", event("SYNCED", "")],
    ]
    assert call("applications", steps) == ["shop/Deployment/web-2"]


def test_the_list_is_searched_by_words(call: Call) -> None:
    steps = [["apply", "deployments", event("ADDED", name)] for name in ("web", "api")]
    assert call("applications", steps, "SHOP ap") == ["shop/Deployment/api"]
    assert call("applications", steps, "deployment") == ["shop/Deployment/api", "shop/Deployment/web"]
    assert call("applications", steps, "media web") == []


names = st.text(min_size=1).filter(lambda text: text.isprintable())
kinds = names.filter(lambda text: "." not in text)
groups = st.sampled_from((None, "argoproj.io/v1alpha1", "acme.cert-manager.io/v1"))


@settings(deadline=None)
@given(namespace=st.just("") | names, kind=kinds, group=groups, name=names)
def test_an_application_survives_its_address(
    call: Call, namespace: str, kind: str, group: str | None, name: str
) -> None:
    chosen = {"namespace": namespace, "kind": kind, "apiVersion": group, "name": name}
    assert call("application", call("hash", chosen)) == chosen


def test_a_built_in_kind_has_no_group_in_its_address(call: Call) -> None:
    for api_version in ("v1", "apps/v1", "networking.k8s.io/v1"):
        chosen = {"namespace": "shop", "kind": "Thing", "apiVersion": api_version, "name": "web"}
        assert call("hash", chosen) == "#shop/Thing/web"


@pytest.mark.parametrize("address", ["", "#", "#shop", "#shop/Deployment", "#shop/Deployment/", "#a/b/c/d"])
def test_another_address_chooses_nothing(call: Call, address: str) -> None:
    assert call("application", address) is None


def test_a_broken_escape_is_taken_as_it_is(call: Call) -> None:
    assert call("application", "#shop/Deployment/100%")["name"] == "100%"

"""Type names: plain for built-in definitions, qualified for others, and distinct."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering import RESERVED_TYPES
from schema.model import Model, Scalar
from schema.names import is_legal
from tests.fixtures.properties import examples
from tests.schema.documents import (
    META,
    TEXT,
    built,
    id_of,
    inside,
    kind_schema,
    lower_all,
    ref,
    resource,
    served,
)

PART = {"type": "object", "properties": {"a": TEXT}}
BUILTIN = [
    resource("v1", "Pod"),
    resource("v1", "Event"),
    resource("events.k8s.io/v1", "Event"),
    resource("autoscaling/v2", "HorizontalPodAutoscaler"),
    resource("autoscaling/v1", "HorizontalPodAutoscaler", preferred=False),
]
BUILTIN_SCHEMAS = {
    id_of("v1", "Pod"): kind_schema("v1", "Pod", spec=ref("io.k8s.api.core.v1.PodSpec")),
    "io.k8s.api.core.v1.PodSpec": PART,
    id_of("v1", "Event"): kind_schema("v1", "Event", series=ref("io.k8s.api.core.v1.EventSeries")),
    "io.k8s.api.core.v1.EventSeries": PART,
    "io.k8s.api.events.v1.Event": kind_schema(
        "events.k8s.io/v1", "Event", series=ref("io.k8s.api.events.v1.EventSeries")
    ),
    "io.k8s.api.events.v1.EventSeries": PART,
    **{
        f"io.k8s.api.autoscaling.{version}.HorizontalPodAutoscaler": kind_schema(
            f"autoscaling/{version}",
            "HorizontalPodAutoscaler",
            spec=ref(f"io.k8s.api.autoscaling.{version}.HorizontalPodAutoscalerSpec"),
        )
        for version in ("v1", "v2")
    },
    "io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec": PART,
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec": PART,
}
TRICKY_KINDS = ["Query", "Mutation", "Subscription", "String", "ID", "JSON", "Boolean", "Int64", "PatchType"]
TRICKY_KINDS += ["Pod", "PodList", "PodEvent", "PodInput", "PodSpec", "WatchEventType", "KubernetesObject"]
TRICKY_KEYS = [
    "spec",
    "input",
    "list",
    "event",
    "fooBar",
    "foo",
    "bar",
    "foo-bar",
    "foo_bar",
    "$ref",
    "ref",
    "日",
]


def nested(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if depth == 0:
        return st.just(PART)
    return st.dictionaries(st.sampled_from(TRICKY_KEYS), nested(depth - 1), min_size=1, max_size=4).map(
        lambda properties: {"type": "object", "properties": properties}
    )


crds = st.dictionaries(
    st.tuples(
        st.sampled_from(["x.io/v1", "a.b/v1", "a-b.c/v1", "a.b.c/v1", "gateway.networking.k8s.io/v1"]),
        st.sampled_from([*TRICKY_KINDS, "Foo", "FooSpec", "FooSpecInput"]),
    ),
    nested(2),
    max_size=5,
)
Crds = dict[tuple[str, str], dict[str, Any]]


def lower_crds(found: Crds) -> Model:
    schemas = {
        id_of(api_version, kind): kind_schema(api_version, kind, **schema["properties"])
        for (api_version, kind), schema in found.items()
    }
    return lower_all(
        [*BUILTIN, *(resource(api_version, kind) for api_version, kind in found)],
        {**BUILTIN_SCHEMAS, **schemas},
    )


def meanings(model: Model) -> dict[str, tuple[str, str]]:
    """The meaning of every type name; asserts that names are distinct."""
    found: dict[str, tuple[str, str]] = {}

    def note(name: str, meaning: tuple[str, str]) -> None:
        assert is_legal(name)
        assert name not in RESERVED_TYPES
        assert found.setdefault(name, meaning) == meaning

    for item in model.objects.values():
        note(item.name, ("output", item.id))
        note(item.input_name, ("input", item.id))
    for one in model.resources:
        note(one.list_name, ("list", one.object))
        note(one.event_name, ("event", one.object))
    return found


def test_builtin_definitions_have_plain_names_and_the_preferred_version_is_first() -> None:
    names = {item.id: item.name for item in lower_crds({}).objects.values()}

    assert names[id_of("v1", "Pod")] == "Pod"
    assert names["io.k8s.api.core.v1.PodSpec"] == "PodSpec"
    assert names[f"{META}.ObjectMeta"] == "ObjectMeta"
    assert names["io.k8s.api.core.v1.EventSeries"] == "EventSeries"
    assert names["io.k8s.api.events.v1.Event"] == "EventsV1Event"
    assert names["io.k8s.api.events.v1.EventSeries"] == "EventsV1EventSeries"
    assert names["io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec"] == "HorizontalPodAutoscalerSpec"
    assert (
        names["io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler"] == "AutoscalingV1HorizontalPodAutoscaler"
    )


def test_lists_events_and_inputs_are_named_after_the_type() -> None:
    model = lower_crds({})
    events = served(model, "events.k8s.io/v1", "Event")

    assert (events.list_name, events.event_name) == ("EventsV1EventList", "EventsV1EventEvent")
    assert model.objects[events.object].input_name == "EventsV1EventInput"


def test_a_kind_has_its_plain_name_before_a_part_of_another_group() -> None:
    model = lower_all(
        [resource("v1", "Pod"), resource("resource.k8s.io/v1", "ResourceClaim")],
        {
            id_of("v1", "Pod"): kind_schema("v1", "Pod", claim=ref("io.k8s.api.core.v1.ResourceClaim")),
            "io.k8s.api.core.v1.ResourceClaim": PART,
            "io.k8s.api.resource.v1.ResourceClaim": kind_schema("resource.k8s.io/v1", "ResourceClaim"),
        },
    )

    assert model.objects["io.k8s.api.resource.v1.ResourceClaim"].name == "ResourceClaim"
    assert model.objects["io.k8s.api.core.v1.ResourceClaim"].name == "CoreV1ResourceClaim"


@pytest.mark.parametrize("kind", TRICKY_KINDS)
def test_a_custom_kind_may_have_any_name(kind: str) -> None:
    model = lower_crds({("x.io/v1", kind): PART})

    assert model.objects[id_of("x.io/v1", kind)].name == f"XIoV1{kind}"
    assert meanings(lower_crds({})).items() <= meanings(model).items()
    built(model)


def test_the_types_of_aggregated_servers_are_named_after_the_kinds_beside_them() -> None:
    package = "com.github.openshift.api.apps.v1"
    model = lower_all(
        [resource("apps.openshift.io/v1", "DeploymentConfig")],
        {
            f"{package}.DeploymentConfig": kind_schema(
                "apps.openshift.io/v1",
                "DeploymentConfig",
                spec=ref(f"{package}.DeploymentConfigSpec"),
                far=ref("com.acme.Far"),
            ),
            f"{package}.DeploymentConfigSpec": PART,
            "com.acme.Far": PART,
        },
    )

    assert {item.name for item in model.objects.values()} >= {
        "AppsOpenshiftIoV1DeploymentConfig",
        "AppsOpenshiftIoV1DeploymentConfigSpec",
        "ComAcmeFar",
    }


def test_an_input_beside_a_property_called_input_keeps_its_name() -> None:
    with_input = {"type": "object", "properties": {"input": PART}}
    model = lower_crds({("x.io/v1", "Foo"): {"type": "object", "properties": {"spec": with_input}}})
    spec = inside(model, model.objects[id_of("x.io/v1", "Foo")], "spec")

    assert (spec.name, spec.input_name) == ("XIoV1FooSpec", "XIoV1FooSpecInput")
    assert inside(model, spec, "input").name == "XIoV1FooSpecInput_"


@settings(max_examples=examples(40))
@given(crds)
def test_types_of_any_crds_are_valid_distinct_and_take_nothing_from_builtin_ones(found: Crds) -> None:
    model = lower_crds(found)

    assert meanings(lower_crds({})).items() <= meanings(model).items()
    assert model.problems == lower_crds({}).problems
    built(model)


@settings(max_examples=examples(40))
@given(crds, crds)
def test_a_new_crd_changes_no_type_name_except_by_its_own_kind(old: Crds, new: Crds) -> None:
    # one at a time: the first of two may free a name that the second then takes
    before, found = meanings(lower_crds(old)), dict(old)
    for crd in new.keys() - old.keys():
        found[crd] = new[crd]
        after = meanings(lower_crds(found))
        kept = {name for name in before.keys() & after.keys() if after[name][1] != id_of(*crd)}
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
        before = after


def test_every_type_that_is_the_same_on_every_cluster_is_reserved() -> None:
    model = lower_crds({})
    made = {name for name in built(model).type_map if not name.startswith("__")}

    assert made - meanings(model).keys() <= RESERVED_TYPES
    assert {item.value for item in Scalar} <= RESERVED_TYPES

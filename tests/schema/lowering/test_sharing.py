"""Equal structures inside custom resources of one group and version are one type."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering import LoweredDefinitions, lower
from schema.model import Definition, ListOf, Model, ObjectType, Property, Scalar, TypeExpression
from schema.resources import GroupVersion, Resource
from tests.fixtures.properties import examples
from tests.schema.documents import (
    META,
    TEXT,
    discovery_of,
    document,
    id_of,
    inside,
    kind_schema,
    lower_all,
    property_of,
    ref,
    resource,
)

KEYS = ["spec", "template", "container", "env", "ports", "input"]
SCALARS: list[dict[str, Any]] = [
    TEXT,
    {"type": "integer"},
    {**TEXT, "description": "A text.", "default": "x"},
    {**TEXT, "description": "Deprecated: no.", "enum": ["x", "y"]},
    ref(f"{META}.ObjectMeta"),
    {"type": "text"},
]


def an_object(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


def lower_kinds(kinds: Mapping[tuple[str, str], Mapping[str, Any]]) -> Model:
    """The model of custom resources by (apiVersion, kind), each with its properties."""
    return lower_all(
        [resource(*kind) for kind in kinds],
        {id_of(*kind): kind_schema(*kind, **properties) for kind, properties in kinds.items()},
    )


def kind_of(model: Model, api_version: str, kind: str) -> ObjectType:
    return model.objects[id_of(api_version, kind)]


def at(model: Model, kind: str, *path: str) -> ObjectType:
    return inside(model, kind_of(model, "x.io/v1", kind), *path)


CONTAINER = an_object({"image": TEXT, "ports": {"type": "array", "items": an_object({"port": TEXT})}})


def test_equal_structures_of_one_group_version_are_one_type() -> None:
    model = lower_kinds(
        {
            ("x.io/v1", "Job"): {"main": CONTAINER, "side": {"type": "array", "items": CONTAINER}},
            ("x.io/v1", "Task"): {"step": CONTAINER},
        }
    )

    assert at(model, "Job", "main") is at(model, "Job", "side") is at(model, "Task", "step")
    assert len(model.objects) == len(lower_kinds({}).objects) + 4


def test_other_groups_and_versions_share_nothing_and_do_not_matter() -> None:
    one = {"main": CONTAINER, "other": CONTAINER}
    alone = lower_kinds({("x.io/v1", "Job"): one})
    model = lower_kinds(
        {("a.io/v1", "Job"): one, ("x.io/v2", "Job"): one, ("x.io/v1", "Job"): one, ("x.io/v0", "Job"): one}
    )

    assert at(model, "Job", "main") == at(alone, "Job", "main")
    assert {
        inside(model, kind_of(model, version, "Job"), "main").name for version in ("x.io/v1", "x.io/v2")
    } == {
        "XIoV1Main",
        "XIoV2Main",
    }


def test_kinds_are_never_shared() -> None:
    model = lower_kinds({("x.io/v1", "Job"): {"spec": CONTAINER}, ("x.io/v1", "Task"): {"spec": CONTAINER}})

    job, task = (kind_of(model, "x.io/v1", kind) for kind in ("Job", "Task"))
    assert (job.name, job.input_name) == ("XIoV1Job", "XIoV1JobInput")
    assert (task.name, task.input_name) == ("XIoV1Task", "XIoV1TaskInput")


def test_structures_with_other_keys_or_types_are_other_types() -> None:
    texts = [
        an_object({"a": TEXT}),
        an_object({"b": TEXT}),
        an_object({"a": {"type": "integer"}}),
        an_object({"a": {"type": "array", "items": TEXT}}),
        an_object({"a": an_object({"a": TEXT})}),
        an_object({"a": an_object({"b": TEXT})}),
        an_object({"a": TEXT, "b": TEXT}),
    ]
    model = lower_kinds({("x.io/v1", "Job"): {f"n{number}": text for number, text in enumerate(texts)}})

    assert len({at(model, "Job", f"n{number}").id for number in range(len(texts))}) == len(texts)


def test_a_shared_type_has_the_descriptions_of_its_first_place() -> None:
    first = an_object({"a": {**TEXT, "description": "First a."}}, description="First.")
    second = an_object({"a": {**TEXT, "description": "Second a."}}, description="Second.")
    model = lower_kinds(
        {("x.io/v1", "Task"): {"one": second}, ("x.io/v1", "Job"): {"one": first, "two": second}}
    )

    shared = at(model, "Task", "one")
    assert shared.description == "First."
    assert property_of(shared, "a").description == "First a."
    job = kind_of(model, "x.io/v1", "Job")
    assert [property_of(job, key).description for key in ("one", "two")] == ["First.", "Second."]


def test_a_shared_field_has_only_the_facts_that_hold_in_all_places() -> None:
    facts = {**TEXT, "description": "Deprecated: old.", "default": "x", "enum": ["x", "y"]}
    everywhere, somewhere = {"same": facts}, {"other": facts, "size": TEXT}
    one = an_object({**everywhere, **somewhere}, required=["same", "other"])
    two = an_object({**everywhere, "other": TEXT, "size": TEXT}, required=["same", "size"])
    model = lower_kinds({("x.io/v1", "Job"): {"one": one}, ("x.io/v1", "Task"): {"two": two}})

    assert at(model, "Job", "one").properties == (
        Property(
            "same", "same", Scalar.STRING, "Deprecated: old.", True, "x", ("x", "y"), "Deprecated: old."
        ),
        Property("other", "other", Scalar.STRING, "Deprecated: old."),
        Property("size", "size", Scalar.STRING),
    )


def test_the_order_of_properties_and_of_installation_does_not_count() -> None:
    one, two = an_object({"a": TEXT, "b": CONTAINER}), an_object({"b": CONTAINER, "a": TEXT})
    kinds = {("x.io/v1", "Job"): {"one": one}, ("x.io/v1", "Task"): {"two": two}}
    model, reverse = lower_kinds(kinds), lower_kinds(dict(reversed(kinds.items())))

    assert at(model, "Job", "one") is at(model, "Task", "two")
    assert model.objects == reverse.objects


def test_a_problem_of_equal_schemas_is_reported_for_the_first_of_them() -> None:
    odd = an_object({"a": {"type": "text"}})
    model = lower_kinds({("x.io/v1", "Job"): {"one": odd, "two": odd}, ("x.io/v1", "Task"): {"one": odd}})

    assert [item.where for item in model.problems] == ["io.x.v1.Job/one/a", "io.x.v1.Task/one/a"]


def test_a_kind_that_is_not_served_shares_as_if_it_were() -> None:
    kinds: dict[tuple[str, str], dict[str, Any]] = {
        ("x.io/v1", "Job"): {"one": CONTAINER},
        ("x.io/v1", "Task"): {"one": CONTAINER, "two": an_object({"a": TEXT})},
    }
    schemas = {id_of(*kind): kind_schema(*kind, **properties) for kind, properties in kinds.items()}
    whole = lower_kinds(kinds)
    part = lower_all([resource("x.io/v1", "Job"), resource("x.io/v1", "Task", verbs=())], schemas)

    assert at(part, "Job", "one") == at(whole, "Job", "one")
    assert part.objects.items() < whole.objects.items()
    assert at(whole, "Task", "two").id not in part.objects


# the kinds of one cluster, each with a few properties; deep enough for equal structures at unequal depths
objects = st.recursive(
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(SCALARS), min_size=1, max_size=2).map(an_object),
    lambda inner: st.builds(
        an_object,
        st.dictionaries(
            st.sampled_from(KEYS),
            inner
            | st.builds(lambda items: {"type": "array", "items": items}, inner)
            | st.sampled_from(SCALARS),
            min_size=1,
            max_size=3,
        ),
        description=st.sampled_from(["", "One.", "Two."]),
        required=st.lists(st.sampled_from(KEYS), max_size=2),
    ),
    max_leaves=8,
)
clusters = st.dictionaries(
    st.tuples(
        st.sampled_from(["x.io/v1", "x.io/v2", "y.io/v1"]), st.sampled_from(["Job", "Task", "Container"])
    ),
    st.dictionaries(st.sampled_from(KEYS), objects, max_size=3),
    max_size=5,
)


def expanded(model: Model, expression: TypeExpression) -> Any:
    """The type with everything inside it, without names and descriptions of types."""
    match expression:
        case ListOf(items=items):
            return [expanded(model, items)]
        case Definition(id=id_) if id_.startswith(META):
            return id_
        case Definition(id=id_):
            properties = model.objects[id_].properties
            return {item.key: (item.name, expanded(model, item.type)) for item in properties}
        case scalar:
            return scalar


@settings(max_examples=examples(60))
@given(clusters)
def test_sharing_changes_no_field_and_no_type_of_a_value(
    kinds: dict[tuple[str, str], dict[str, Any]],
) -> None:
    # under ids of Go packages the same definitions are no custom resources, and share nothing
    unshared = {
        f"com.acme.{id_of(*kind)}": kind_schema(*kind, **properties) for kind, properties in kinds.items()
    }
    resources = [resource(*kind) for kind in kinds]
    model, apart = lower_kinds(kinds), lower_all(resources, unshared)

    for kind in kinds:
        found = expanded(model, Definition(id_of(*kind)))
        assert found == expanded(apart, Definition(f"com.acme.{id_of(*kind)}"))
    assert len(model.objects) <= len(apart.objects)


@settings(max_examples=examples(60))
@given(st.lists(clusters, min_size=2, max_size=4))
def test_a_reload_gives_the_model_of_a_fresh_start(
    states: list[dict[tuple[str, str], dict[str, Any]]],
) -> None:
    kept = LoweredDefinitions()
    for kinds in states:
        again, afresh = lower(*described(kinds), kept), lower(*described(kinds))

        assert again == afresh
        assert list(again.objects) == list(afresh.objects)


def described(kinds: Mapping[tuple[str, str], Mapping[str, Any]]) -> tuple[Any, Any]:
    """Discovery and one document per group and version."""
    documents: dict[GroupVersion, dict[str, Any]] = {}
    resources: list[Resource] = []
    for kind, properties in kinds.items():
        schemas = documents.setdefault(GroupVersion.parse(kind[0]), {})
        schemas[id_of(*kind)] = kind_schema(*kind, **properties)
        resources.append(resource(*kind))
    return discovery_of(*resources), {item: document(**schemas) for item, schemas in documents.items()}


def test_a_definition_stops_being_a_custom_resource_with_its_kind() -> None:
    kept = LoweredDefinitions()
    part, whole = id_of("x.io/v1", "Part"), id_of("x.io/v1", "Whole")
    schemas = {
        part: kind_schema("x.io/v1", "Part", spec=CONTAINER),
        whole: kind_schema("x.io/v1", "Whole", part=ref(part)),
    }
    documents = {GroupVersion("x.io", "v1"): document(**schemas)}
    for kinds in (("Whole", "Part"), ("Whole",), ("Whole", "Part")):
        discovery = discovery_of(*(resource("x.io/v1", kind) for kind in kinds))

        assert lower(discovery, documents, kept) == lower(discovery, documents)


def test_a_reload_shares_again_only_in_the_changed_group() -> None:
    kept = LoweredDefinitions()
    kinds: dict[tuple[str, str], dict[str, Any]] = {
        ("x.io/v1", "Job"): {"one": CONTAINER},
        ("y.io/v1", "Job"): {"one": CONTAINER, "two": CONTAINER},
        ("y.io/v1", "Task"): {"one": CONTAINER},
    }
    lower(*described(kinds), kept)
    before = dict(kept.shared)
    kinds["x.io/v1", "Job"] = {"one": CONTAINER, "two": CONTAINER}
    lower(*described(kinds), kept)

    x, y = GroupVersion("x.io", "v1"), GroupVersion("y.io", "v1")
    assert kept.shared[y] is before[y]
    assert kept.shared[x] != before[x]

"""Equal schemas are lowered once, and a kind is lowered as if it were alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering import lower
from schema.lowering.values import MAX_DEPTH, Site, Values
from schema.model import Model, Property
from schema.openapi import Schema
from tests.fixtures.properties import examples
from tests.schema.documents import TEXT, discovery_of, document, id_of, kind_schema, resource
from tests.schema.lowering.test_pipeline import schemas

KINDS = ("Job", "Task", "Work")


def lower_specs(specs: dict[str, Any]) -> Model:
    """The model of kinds with these specs, in that order."""
    resources = [resource("x.io/v1", kind) for kind in specs]
    found = {id_of("x.io/v1", kind): kind_schema("x.io/v1", kind, spec=spec) for kind, spec in specs.items()}
    return lower(discovery_of(*resources), {item.gvr.group_version: document(**found) for item in resources})


def nest(schema: Any, levels: int) -> Any:
    for _ in range(levels):
        schema = {"type": "object", "properties": {"in": schema}}
    return schema


def depth_of(model: Model, kind: str) -> int:
    """The number of objects inside one another in a kind."""
    depth, object_type = 0, model.objects[id_of("x.io/v1", kind)]
    while inner := [item.type for item in object_type.properties if item.key in ("spec", "in")]:
        if getattr(inner[0], "id", None) is None:
            return depth
        depth, object_type = depth + 1, model.objects[inner[0].id]  # type: ignore[union-attr]  # checked above
    return depth


def test_a_schema_that_several_kinds_have_is_lowered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lowered: list[tuple[str, ...]] = []
    whole = Values._properties

    def count(values: Values, schema: Schema, site: Site) -> Iterator[Property]:
        lowered.append(tuple(schema.properties or ()))
        return whole(values, schema, site)

    monkeypatch.setattr(Values, "_properties", count)
    part = {"type": "object", "properties": {"part": nest(TEXT, 3)}}
    lower_specs({"Job": part, "Task": {**part, "description": "Another."}, "Work": nest(part, 2)})

    assert lowered.count(("part",)) == 2
    assert lowered.count(("in",)) == 3 + 2


@pytest.mark.parametrize("kinds", [("Job", "Task"), ("Task", "Job")])
def test_each_kind_is_nested_up_to_the_limit_whatever_other_kinds_have(kinds: tuple[str, str]) -> None:
    deep = nest(TEXT, MAX_DEPTH - 10)
    specs = {"Job": nest(deep, 5), "Task": nest(deep, 20)}
    alone = lower_specs({"Task": specs["Task"]})
    model = lower_specs({kind: specs[kind] for kind in kinds})

    assert depth_of(model, "Job") == MAX_DEPTH - 5
    assert depth_of(model, "Task") == depth_of(alone, "Task") == MAX_DEPTH
    assert model.problems == alone.problems
    assert len(model.problems) == 1


@settings(max_examples=examples(60))
@given(st.lists(schemas, min_size=2, max_size=3), st.permutations(KINDS))
def test_problems_of_a_kind_equal_the_problems_of_the_kind_alone(specs: list[Any], kinds: list[str]) -> None:
    together = dict(zip(kinds, [*specs, specs[0]], strict=False))
    model = lower_specs(together)
    alone = [lower_specs({kind: spec}).problems for kind, spec in together.items()]

    assert json.dumps(sorted((item.where, item.what) for item in model.problems)) == json.dumps(
        sorted((item.where, item.what) for problems in alone for item in problems)
    )

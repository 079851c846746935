"""A compiled answer equals graphql-core's own, whatever the model, the object and the selection."""

import json
from typing import Any

from graphql import NoUnusedFragmentsRule, NoUnusedVariablesRule, parse, specified_rules, validate
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from tests.schema.selection_cases import Documents, Objects, case, models, normalised, object_types

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
RULES = [rule for rule in specified_rules if rule not in (NoUnusedFragmentsRule, NoUnusedVariablesRule)]
VARIABLES = st.fixed_dictionaries(
    {"yes": st.booleans(), "key": st.sampled_from(["app", "tier"])}, optional={"no": st.booleans()}
)


def compare(data: st.DataObject, root: str, *, misfits: bool) -> None:
    model = data.draw(models())
    objects = Objects(model, misfits)
    body: dict[str, Any] = data.draw(st.composite(objects.list if root == "ThingList" else objects.thing)())
    answered = case(model, body)
    document = data.draw(
        st.composite(lambda draw: Documents(draw, object_types(answered.schema)).document(root))()
    )
    errors = validate(answered.schema, parse(document), RULES)
    assume(not errors)
    variables = data.draw(VARIABLES)

    answer = answered.answer(document, variables)

    assert answered.compiled is not None
    assert normalised(answer) == normalised(answered.answer_by_execution(document, variables))
    event("compiled" if answered.fitted else "left to graphql-core")
    if not misfits:
        assert answered.fitted or '"__typename"' in json.dumps(body)


@SETTINGS
@given(st.data())
def test_a_list_that_fits_is_answered_as_graphql_core_answers_it(data: st.DataObject) -> None:
    compare(data, "ThingList", misfits=False)


@SETTINGS
@given(st.data())
def test_an_object_that_fits_is_answered_as_graphql_core_answers_it(data: st.DataObject) -> None:
    compare(data, "Thing", misfits=False)


@SETTINGS
@given(st.data())
def test_what_does_not_fit_has_the_errors_and_paths_of_graphql_core(data: st.DataObject) -> None:
    compare(data, "ThingList", misfits=True)


@SETTINGS
@given(st.data())
def test_an_object_that_does_not_fit_has_the_errors_and_paths_of_graphql_core(data: st.DataObject) -> None:
    compare(data, "Thing", misfits=True)

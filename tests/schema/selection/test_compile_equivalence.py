"""A compiled answer equals graphql-core's own for any model, object and selection."""

import json
from typing import Any

import pytest
from graphql import NoUnusedFragmentsRule, NoUnusedVariablesRule, specified_rules, validate
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from schema.model import Model, ServedResource, Verb
from tests.fixtures.properties import examples
from tests.schema.lowering.test_pipeline_kubernetes import kubernetes
from tests.schema.selection.cases import Case, case, normalised, parsed
from tests.schema.selection.generated_documents import Documents
from tests.schema.selection.generated_models import SERVED, Objects, Vocabulary, models

SETTINGS = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
RULES = [rule for rule in specified_rules if rule not in (NoUnusedFragmentsRule, NoUnusedVariablesRule)]
# long enough for Hypothesis to shrink a failure
pytestmark = pytest.mark.timeout(600)
VARIABLES = st.fixed_dictionaries(
    {"yes": st.booleans(), "key": st.sampled_from(["app", "tier"])}, optional={"no": st.booleans()}
)
MODELS = models()
LISTED = [served for served in kubernetes().resources if Verb.LIST in served.pinned]


@st.composite
def operations(
    draw: st.DrawFn, answering: Case, model: Model, served: ServedResource, *, misfits: bool
) -> tuple[bytes, str, list[dict[str, Any]]]:
    """An object or a list as JSON, an operation that reads it, and sets of variables."""
    vocabulary = Vocabulary(draw, model)
    objects = Objects(draw, vocabulary, misfits=misfits)
    root_field = draw(st.sampled_from(["things", "thing"]))
    drawn = objects.list(served) if root_field == "things" else objects.object(served)
    body = json.dumps(drawn, ensure_ascii=draw(st.booleans())).encode()
    document = Documents(draw, vocabulary, answering.schema).document(root_field)
    return body, document, draw(st.lists(VARIABLES, min_size=1, max_size=2))


def compare(data: st.DataObject, model: Model, served: ServedResource, *, misfits: bool) -> None:
    """Draw an object and an operation, and answer both ways."""
    answering = case(model, served)
    # one draw of a composite strategy: the many draws inside cost a third of those of a data object
    body, document, several = data.draw(operations(answering, model, served, misfits=misfits))
    assume(not validate(answering.schema, parsed(document), RULES))
    for variables in several:
        compare_answers(answering, document, body, variables)
    event("compiled" if answering.fitted else "left to graphql-core")
    if not misfits:
        assert answering.fitted or b'"__typename"' in body


def compare_answers(answering: Case, document: str, body: bytes, variables: dict[str, Any]) -> None:
    answer = answering.answer(document, body, variables)

    assert answering.compiled is not None
    assert normalised(answer) == normalised(answering.answer_by_execution(document, body, variables))


@SETTINGS
@given(st.data())
def test_a_compiled_answer_equals_graphql_cores(data: st.DataObject) -> None:
    compare(data, data.draw(MODELS), SERVED, misfits=False)


@SETTINGS
@given(st.data())
def test_a_mismatch_has_the_errors_and_paths_of_graphql_core(data: st.DataObject) -> None:
    compare(data, data.draw(MODELS), SERVED, misfits=True)


@SETTINGS
@given(st.data(), st.sampled_from(LISTED), st.booleans())
def test_compiled_answers_equal_graphql_cores_for_kubernetes_kinds(
    data: st.DataObject, served: ServedResource, misfits: bool
) -> None:
    compare(data, kubernetes(), served, misfits=misfits)

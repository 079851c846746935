"""The table of verbs is complete, and a row is enough to generate a root field.

Covers ``schema/verbs/arguments.py``, ``schema/verbs/kubectl.py`` and ``schema/verbs/reads.py``.
"""

import pytest

from schema.verbs import VERBS, Answer, Argument, Operation, Verb, VerbSpec
from tests.schema.documents import resource


def test_every_verb_has_a_row_in_the_order_of_the_enum() -> None:
    assert list(VERBS) == list(Verb)


@pytest.mark.parametrize("spec", VERBS.values(), ids=VERBS)
def test_a_row_is_consistent(spec: VerbSpec) -> None:
    reads = spec.operation is not Operation.MUTATION and spec.answer is not Answer.DIFF  # a dry run
    assert (spec.method == "GET") is reads
    assert len({argument.name for argument in spec.arguments}) == len(spec.arguments)
    parameters = [argument.parameter or argument.name for argument in spec.arguments]
    assert all(parameter.isidentifier() and parameter.islower() for parameter in parameters)
    assert "{kind}" in spec.description


@pytest.mark.parametrize(
    ("verb", "kind", "verbs", "subresources", "served"),
    [
        (Verb.APPLY, "Deployment", ("patch",), {}, False),
        (Verb.APPLY, "Deployment", ("patch", "create"), {}, True),
        (Verb.SCALE, "Deployment", ("patch",), {}, False),
        (Verb.SCALE, "Deployment", (), {"scale": ("get", "patch")}, True),
        (Verb.PATCH_STATUS, "Deployment", ("patch",), {"status": ("get",)}, False),
        (Verb.RESTART, "Deployment", ("patch",), {}, True),
        (Verb.RESTART, "ReplicaSet", ("patch",), {}, False),
    ],
)
def test_a_verb_is_served_when_discovery_lists_its_api_verbs(
    verb: Verb, kind: str, verbs: tuple[str, ...], subresources: dict[str, tuple[str, ...]], served: bool
) -> None:
    deployments = resource("apps/v1", kind, verbs=verbs, subresources=subresources)

    assert VERBS[verb].is_served(deployments) is served


def test_a_verb_with_an_input_argument_writes_the_object() -> None:
    assert {verb for verb, spec in VERBS.items() if spec.writes_object} == {
        Verb.CREATE,
        Verb.APPLY,
        Verb.PATCH,
        Verb.PATCH_STATUS,
        Verb.DIFF,
    }
    assert Argument("name", "String!", "") not in VERBS[Verb.CREATE].arguments

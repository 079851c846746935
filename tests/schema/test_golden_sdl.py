"""The schema of the whole API of Kubernetes 1.36: a review sees every change that users see."""

import re
from collections.abc import Mapping
from functools import cache

import pytest

from schema.building import print_sdl
from schema.filters import Filters
from schema.lowering import lower
from tests.fixtures.goldens import Golden
from tests.fixtures.sdl import kubernetes_discovery, kubernetes_documents, plain_sdl
from tests.schema.documents import built

ROOTS = {"Query", "Mutation", "Subscription"}


# with filters, most definitions are the same text as without
plain_definition = cache(plain_sdl)


@cache
def definitions(filters: Filters) -> Mapping[str, str]:
    """The plain definitions of all types by name, in the order of the printed schema."""
    model = lower(filters.apply(kubernetes_discovery()), kubernetes_documents())
    assert model.problems == ()
    return {
        name_of(plain): plain
        for plain in (plain_definition(definition) for definition in print_sdl(built(model)))
    }


def name_of(definition: str) -> str:
    """The name of the type that a plain definition defines."""
    return definition.split(maxsplit=2)[1]


def test_the_whole_api_of_kubernetes(golden: Golden) -> None:
    golden("schema/kubernetes.graphql", "\n".join(definitions(Filters()).values()))


@pytest.mark.parametrize(
    "lists",
    [
        {"include": ["*:get+list+watch"]},
        {"exclude": ["secrets", "*.core", "*.autoscaling", "leases"]},
        {"include": ["events.events.k8s.io", "*.apps/status", "horizontalpodautoscalers"]},
        {"kinds": ["PersistentVolumeClaim", "StatefulSet", "ResourceClaim"]},
    ],
)
def test_no_filter_changes_the_meaning_of_another_name(lists: dict[str, list[str]]) -> None:
    whole, filtered = definitions(Filters()), definitions(Filters.parse(**lists))
    # a volume claim template keeps this type when the kind is filtered
    unchanged = filtered.keys() - {"PersistentVolumeClaim"}
    for name in unchanged:
        lines, all_lines = set(filtered[name].splitlines()), set(whole[name].splitlines())
        assert lines <= all_lines, name
        if name not in ROOTS:
            # only the relations to filtered kinds are missing
            assert unchanged.isdisjoint(map(type_of, all_lines - lines)), name


def type_of(line: str) -> str:
    """The named type of a field of the SDL."""
    found = re.search(r": \[?(\w+)[\]!]*( @.*)?$", line)
    assert found is not None, line
    return found[1]

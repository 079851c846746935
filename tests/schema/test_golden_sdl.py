"""The schema of the whole API of Kubernetes 1.36, so that a review sees what a change does to users."""

from functools import cache

import pytest

from schema.filters import Filters
from schema.lowering import lower
from tests.fixtures.goldens import Golden
from tests.fixtures.sdl import (
    definitions_of,
    kubernetes_discovery,
    kubernetes_documents,
    plain_sdl,
    print_sorted,
)
from tests.schema.documents import built

ROOTS = {"Query", "Mutation", "Subscription"}


@cache
def sdl(filters: Filters) -> str:
    model = lower(filters.apply(kubernetes_discovery()), kubernetes_documents())
    assert model.problems == ()
    return plain_sdl(print_sorted(built(model)))


def test_the_whole_api_of_kubernetes(golden: Golden) -> None:
    golden("schema/kubernetes.graphql", sdl(Filters()))


@pytest.mark.parametrize(
    "lists",
    [
        {"include": ["*:get+list+watch"]},
        {"exclude": ["secrets", "*.core", "*.autoscaling", "leases"]},
        {"include": ["events.events.k8s.io", "*.apps/status", "horizontalpodautoscalers"]},
        {"kinds": ["PersistentVolumeClaim", "StatefulSet", "ResourceClaim"]},
    ],
)
def test_no_list_changes_what_another_name_means(lists: dict[str, list[str]]) -> None:
    whole, filtered = definitions_of(sdl(Filters())), definitions_of(sdl(Filters.parse(**lists)))
    for name in filtered.keys() - {"PersistentVolumeClaim"}:
        lines, all_lines = filtered[name].splitlines(), whole[name].splitlines()
        assert set(lines) <= set(all_lines), name
        assert name in ROOTS or lines == all_lines, name

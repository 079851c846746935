"""The ages of a cluster's APIs, from its CRDs and APIServices."""

import pytest

from schema.installed import Age, APIService, InstalledAPIs, Origin
from tests.schema.documents import resource

GADGETS = resource("example.io/v1", "Gadget")
PODS = resource("v1", "Pod")
DAY = "2026-01-01T00:00:00Z"
CRDS = {"gadgets.example.io": DAY}


def service(origin: Origin, name: str = "v1.example.io") -> dict[str, APIService]:
    return {name: APIService(DAY, origin)}


@pytest.mark.parametrize(
    ("installed", "from_crd", "is_builtin"),
    [
        (InstalledAPIs(), False, False),
        (InstalledAPIs(crds=CRDS), True, False),
        (InstalledAPIs({}, service(Origin.BUILTIN)), True, True),
        (InstalledAPIs(CRDS, service(Origin.BUILTIN)), False, False),
        (InstalledAPIs({}, service(Origin.AGGREGATED)), False, False),
    ],
)
def test_a_resource_is_built_in_by_its_api_service_unless_a_crd_defines_it(
    installed: InstalledAPIs, from_crd: bool, is_builtin: bool
) -> None:
    assert installed.is_builtin(GADGETS, from_crd=from_crd) is is_builtin


def test_without_lists_the_group_and_the_documents_decide() -> None:
    assert InstalledAPIs().is_builtin(PODS, from_crd=False)
    assert not InstalledAPIs().is_builtin(PODS, from_crd=True)


@pytest.mark.parametrize(
    ("installed", "from_crd", "age"),
    [
        (InstalledAPIs(), True, None),
        (InstalledAPIs(crds=CRDS), True, Age(deleted=False, created=DAY, name="gadgets.example.io")),
        (InstalledAPIs(crds={}), True, Age(deleted=True, created="", name="gadgets.example.io")),
        (InstalledAPIs(crds={}), False, None),
        (
            InstalledAPIs(None, service(Origin.AGGREGATED)),
            False,
            Age(deleted=False, created=DAY, name="gadgets.example.io"),
        ),
    ],
)
def test_the_age_is_that_of_the_crd_or_of_the_aggregated_api(
    installed: InstalledAPIs, from_crd: bool, age: Age | None
) -> None:
    assert installed.age(GADGETS, from_crd=from_crd) == age


def test_an_api_whose_crd_is_gone_is_younger_than_any_other() -> None:
    gone = InstalledAPIs(crds={}).age(GADGETS, from_crd=True)
    present = InstalledAPIs(crds=CRDS).age(GADGETS, from_crd=True)
    assert gone is not None
    assert present is not None
    assert present < gone


def test_a_restricted_copy_has_what_the_resources_need() -> None:
    installed = InstalledAPIs({**CRDS, "others.example.io": DAY}, service(Origin.CRD, "v1."))
    assert installed.restricted_to([GADGETS]) == InstalledAPIs(CRDS, {})
    assert installed.restricted_to([PODS]) == InstalledAPIs({}, service(Origin.CRD, "v1."))
    assert InstalledAPIs().restricted_to([GADGETS]) == InstalledAPIs()

"""From the values that a relation reads to its lookup."""

from typing import Any

import pytest

from schema.relations.finding import (
    find_dependents,
    find_events,
    find_instances,
    find_lease,
    find_owner,
    find_owners,
    find_selected,
    find_selecting,
    find_used,
    find_users,
    find_workload,
)
from schema.relations.kinds import KindIndex
from schema.relations.lookup import KindName, ObjectName, Origin, Search, TopOwner
from schema.relations.matches import All, FieldValue, Named, OwnedBy, Selected, Selecting
from schema.relations.relation import Arguments
from tests.schema.documents import lower_all, resource, served

MODEL = lower_all(
    [
        resource("v1", "Pod"),
        resource("v1", "Secret"),
        resource("apps/v1", "ReplicaSet"),
        resource("a.io/v1", "Backup"),
        resource("a.io/v1", "Review", verbs=("get",)),
    ]
)
KINDS = KindIndex(MODEL)
PODS, SECRETS = served(MODEL, "v1", "Pod"), served(MODEL, "v1", "Secret")
ORIGIN = Origin("shop")
NO_ARGUMENTS = Arguments()


def owner(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "uid": name, **more}


def named(name: str) -> ObjectName:
    return ObjectName(KindName("ReplicaSet", "apps", "v1"), name, "shop", name)


def test_the_owner_is_the_controller_or_else_the_first() -> None:
    assert find_owner(ORIGIN, NO_ARGUMENTS, [[owner("a"), owner("b", controller=True)]]) == (named("b"),)
    assert find_owner(ORIGIN, NO_ARGUMENTS, [[owner("a"), owner("b")]]) == (named("a"),)
    assert find_owners(ORIGIN, NO_ARGUMENTS, [[owner("a"), owner("b")]]) == (named("a"), named("b"))


def test_the_workload_is_at_the_top_of_the_controllers() -> None:
    assert find_workload(ORIGIN, NO_ARGUMENTS, [[owner("a", controller=True)]]) == (TopOwner(named("a")),)
    assert find_workload(ORIGIN, NO_ARGUMENTS, [[owner("a")]]) == ()


@pytest.mark.parametrize("value", [None, "text", [], [None], [{"kind": "Pod"}], [owner("")]])
def test_malformed_owners_are_no_owners(value: Any) -> None:
    assert find_owner(ORIGIN, NO_ARGUMENTS, [value]) == ()
    assert find_owners(ORIGIN, NO_ARGUMENTS, [value]) == ()
    assert find_workload(ORIGIN, NO_ARGUMENTS, [value]) == ()


def test_dependents_are_of_the_kinds_that_the_controller_creates() -> None:
    lookup = find_dependents(KINDS, ORIGIN, NO_ARGUMENTS, ["u", "apps/v1", "ReplicaSet"])
    assert lookup == (Search(PODS, OwnedBy(), ("u",), "shop"),)


def test_dependents_of_other_kinds_are_usual_ones_and_those_of_the_group() -> None:
    origin = Origin("shop", "a.io")
    lookup = find_dependents(KINDS, origin, NO_ARGUMENTS, ["u", "a.io/v1", "Schedule"])
    kinds = [part.kind.resource.kind.kind for part in lookup if isinstance(part, Search)]  # type: ignore[union-attr]
    assert kinds == ["Pod", "ReplicaSet", "Secret", "Backup"]


def test_dependents_of_a_given_kind_need_a_known_one() -> None:
    lookup = find_dependents(KINDS, ORIGIN, Arguments(kinds=("Backup",)), ["u", "v1", "Pod"])
    assert lookup == (Search(served(MODEL, "a.io/v1", "Backup"), OwnedBy(), ("u",), "shop"),)
    with pytest.raises(ValueError, match="serves no kind Unknown"):
        find_dependents(KINDS, ORIGIN, Arguments(kinds=("Unknown",)), ["u", "v1", "Pod"])


def test_events_of_a_node_may_have_its_name_as_uid() -> None:
    def keys(kind: str) -> tuple[str, ...]:
        (search,) = find_events(PODS, ORIGIN, NO_ARGUMENTS, ["u", "name", kind])
        assert isinstance(search, Search)
        assert search.match == FieldValue("involvedObject.uid")
        return search.keys

    assert keys("Pod") == ("u",)
    assert keys("Node") == ("u", "name")


def test_instances_are_all_objects_of_the_defined_kind() -> None:
    assert find_instances(ORIGIN, NO_ARGUMENTS, ["a.io", "Backup"]) == (
        Search(KindName("Backup", "a.io"), All(), ("",)),
    )
    assert find_instances(ORIGIN, NO_ARGUMENTS, ["a.io", None]) == ()


@pytest.mark.parametrize(
    ("selector", "empty_selects", "keys"),
    [({"a": "1"}, False, ("a=1",)), ({}, True, ("",)), ({}, False, ()), (None, True, ())],
)
def test_a_selector_selects_in_the_namespace(
    selector: Any, empty_selects: bool, keys: tuple[str, ...]
) -> None:
    lookup = find_selected(PODS, empty_selects, ORIGIN, NO_ARGUMENTS, [selector])
    assert lookup == (Search(PODS, Selected(), keys, "shop"),)


def test_labels_are_one_key_in_any_order() -> None:
    match = Selecting(("spec", "selector"), empty_selects=False)
    first, second = (
        find_selecting(match, PODS, ORIGIN, NO_ARGUMENTS, [labels])
        for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    )
    assert first == second


def test_users_are_of_the_kinds_that_can_refer_to_the_object() -> None:
    places = {("", "Pod"): ("spec.secret",)}
    lookup = find_users(KINDS, places, [("", "Pod"), ("", "Gone")], ORIGIN, NO_ARGUMENTS, ["s"])
    assert lookup == (Search(PODS, Named(("spec.secret",)), ("s",), "shop"),)
    with pytest.raises(ValueError, match="`kinds` takes Pod"):
        find_users(KINDS, places, [], ORIGIN, Arguments(kinds=("Secret",)), ["s"])


def test_used_objects_are_named_in_the_own_namespace() -> None:
    lookup = find_used(("volumes[].secret",), SECRETS, ORIGIN, NO_ARGUMENTS, [{"volumes": [{"secret": "s"}]}])
    assert lookup == (ObjectName(SECRETS, "s", "shop"),)


def test_a_lease_is_in_the_namespace_of_the_leases() -> None:
    assert find_lease(PODS, ORIGIN, NO_ARGUMENTS, ["n"]) == (ObjectName(PODS, "n", "kube-node-lease"),)

"""A shared type is named by the shortest unambiguous tail of its paths."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schema.lowering.structures import Structure
from schema.lowering.tails import Root, Tail, tails_of
from schema.model import Definition, Property, Scalar
from schema.names import camel
from tests.fixtures.properties import examples

Tree = Mapping[str, Any]


def tails(kinds: Mapping[str, Tree], reserved: tuple[str, ...] = ()) -> dict[str, Tail]:
    """The tails of the structures in the trees: an inner mapping is an object, None a scalar."""
    structures: dict[str, Structure] = {}
    roots = {f"kind {kind}": Root(kind, properties_of(tree, structures)) for kind, tree in kinds.items()}
    return tails_of(roots, structures, reserved)


def properties_of(tree: Tree, structures: dict[str, Structure]) -> tuple[Property, ...]:
    properties = []
    for key, inner in tree.items():
        if inner is None:
            properties.append(Property(key, key, Scalar.STRING))
            continue
        id_ = spelled(inner)
        structures[id_] = Structure(id_, "", properties_of(inner, structures))
        properties.append(Property(key, key, Definition(id_)))
    return tuple(properties)


def spelled(tree: Tree) -> str:
    return repr({key: inner and spelled(inner) for key, inner in sorted(tree.items())})


def texts(kinds: Mapping[str, Tree], reserved: tuple[str, ...] = ()) -> set[str]:
    found = tails(kinds, reserved)
    assert not any(tail.is_contested for tail in found.values())
    return {tail.text for tail in found.values()}


A, B, C = {"a": None}, {"b": None}, {"c": None}


def test_a_structure_with_one_path_is_named_by_the_path() -> None:
    assert texts({"Job": {"spec": {"main": A, "x-y": B}}}) == {"JobSpec", "JobSpecMain", "JobSpecXY"}


def test_a_structure_with_several_paths_is_named_by_their_shortest_unambiguous_tail() -> None:
    assert texts({"Job": {"main": A, "side": {"main": A}}}) == {"Main", "JobSide"}
    assert texts({"Job": {"one": {"main": A}, "two": {"main": A, "x": B}, "main": B}}) == {
        "JobOne",
        "JobTwo",
        "OneMain",
        "X",
    }


def test_a_tail_may_begin_with_the_kind() -> None:
    assert texts({"Job": {"spec": A}, "Task": {"spec": A}, "Other": {"spec": B}}) == {"JobSpec", "OtherSpec"}


def test_of_equally_short_tails_the_most_frequent_is_the_name_then_the_shortest() -> None:
    often = {"secret": A, "inner": {"secret": A, "ref": A}}
    assert "Secret" in texts({"Job": often})
    assert "Ref" in texts({"Job": {"secret": A, "ref": A}})
    assert "Abc" in texts({"Job": {"abd": A, "abc": A}})


def test_a_part_of_a_shared_structure_is_shared_with_it() -> None:
    assert texts({"Job": {"one": {"part": A}, "two": {"part": A}}}) == {"One", "Part"}


def test_words_are_compared_as_one_text() -> None:
    assert texts({"Job": {"fooBar": A, "foo": {"bar": B}}, "Task": {"foo": {"bar": B}, "x": A}}) == {
        "X",
        "Foo",
        "Bar",
    }
    assert tails({"Job": {"foo-bar": A, "fooBar": B, "x": {"fooBar": A}, "y": {"fooBar": B}}})


def test_no_shared_structure_has_the_name_of_a_kind_or_beside_a_kind() -> None:
    assert "Workflow" not in texts({"Workflow": {"one": {"workflow": A}, "two": {"workflow": A}}})
    assert texts({"Job": {"jobList": A, "x": {"jobList": A}}}, ("JobList",)) == {"XJobList", "JobX"}
    assert texts({"Job": {"job": A, "x": {"job": A}}}, ("JobInput",)) == {"XJob", "JobX"}


def test_a_structure_whose_tails_are_all_ambiguous_has_a_contested_name() -> None:
    found = tails({"Job": {"foo-bar": A, "fooBar": B, "foo_bar": C}, "job": {"foo-bar": B, "fooBar": A}})

    assert {tail.is_contested for tail in found.values()} == {True}


def test_a_single_path_with_the_text_of_a_shared_tail_is_contested() -> None:
    job = {"jobSpec": A, "x": {"jobSpec": A}, "spec": B}
    found = tails({"Job": job})

    assert found[spelled(B)] == Tail("JobSpec", is_contested=True)
    assert not found[spelled(A)].is_contested


def test_a_structure_with_a_thousand_ambiguous_tails_has_a_name_of_its_own() -> None:
    def twice(leaf: Tree, levels: int) -> Tree:
        return {"a": twice(leaf, levels - 1), "b": twice(leaf, levels - 1)} if levels else leaf

    found = tails({"Job": twice(A, 10), "Task": twice(B, 10), "Work": twice(A, 10), "Play": twice(B, 10)})

    assert {found[spelled(leaf)].is_contested for leaf in (A, B)} == {False}
    assert len({tail.text for tail in found.values()}) == len(found)


KEYS = ["a", "b", "c", "ab", "aB", "bC", "job", "jobA", "-", "1"]
trees = st.recursive(
    st.dictionaries(st.sampled_from(KEYS), st.none(), min_size=1, max_size=2),
    lambda inner: st.dictionaries(st.sampled_from(KEYS), st.none() | inner, max_size=3),
    max_leaves=10,
)
clusters = st.dictionaries(st.sampled_from(["Job", "JobA", "job", "A", "Task"]), trees, max_size=3)


def paths_of(kinds: Mapping[str, Tree]) -> list[tuple[tuple[str, ...], str]]:
    """The words of every path, and the structure at its end."""
    found = []

    def walk(tree: Tree, words: tuple[str, ...]) -> None:
        for key, inner in tree.items():
            if inner is not None:
                path = (*words, camel(key))
                found.append((path, spelled(inner)))
                walk(inner, path)

    for kind, tree in kinds.items():
        walk(tree, (camel(kind),))
    return found


@settings(max_examples=examples(200))
@given(clusters)
def test_the_name_of_any_structure_is_its_only_path_or_an_unambiguous_tail(kinds: dict[str, Tree]) -> None:
    paths = paths_of(kinds)
    found = tails(kinds)

    assert found.keys() == {id_ for _, id_ in paths}
    for id_, tail in found.items():
        own = [path for path, end in paths if end == id_]
        if len(own) == 1:
            assert tail.text == "".join(own[0])
        elif not tail.is_contested:
            owners = {
                end for path, end in paths for start in range(len(path)) if "".join(path[start:]) == tail.text
            }
            assert owners == {id_}


@settings(max_examples=examples(200))
@given(clusters, clusters)
def test_more_kinds_never_give_a_name_to_another_structure(
    old: dict[str, Tree], new: dict[str, Tree]
) -> None:
    before, after = by_text(tails(old)), by_text(tails(new | old))

    for text, owners in before.items():
        if len(owners) == 1 and len(after.get(text, ())) == 1:
            assert after[text] == owners


def by_text(found: Mapping[str, Tail]) -> dict[str, set[str]]:
    owners: dict[str, set[str]] = {}
    for id_, tail in found.items():
        if not tail.is_contested:
            owners.setdefault(tail.text, set()).add(id_)
    return owners

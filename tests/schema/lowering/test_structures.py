"""Equal structures have one digest, and a merged structure keeps the facts that hold in all its places."""

from schema.lowering.structures import Structure, digest_of, merge, nested_id, placed, structure_id
from schema.model import Definition, ListOf, Property, Scalar

NAME = Property("name", "name", Scalar.STRING)
INSIDE = Property("items", "items", ListOf(Definition("a")), "Parts.", required=True)


def test_the_order_and_the_facts_of_properties_do_not_count() -> None:
    described = Property("name", "name", Scalar.STRING, "A name.", required=True, enum=("a",))
    assert digest_of([NAME, INSIDE], {}) == digest_of([INSIDE, described], {})


def test_keys_and_types_count_at_any_depth() -> None:
    digests = [
        digest_of([NAME], {}),
        digest_of([Property("name", "name", Scalar.INT)], {}),
        digest_of([Property("name", "name", ListOf(Scalar.STRING))], {}),
        digest_of([Property("other", "other", Scalar.STRING)], {}),
        digest_of([INSIDE], {}),
        digest_of([INSIDE], {"a": "1"}),
        digest_of([INSIDE], {"a": "2"}),
    ]
    assert len(set(digests)) == len(digests)


def test_objects_inside_count_by_their_structure_and_not_by_their_id() -> None:
    other = Property("items", "items", ListOf(Definition("b")))
    assert digest_of([INSIDE], {"a": "1"}) == digest_of([other], {"b": "1"})


def test_the_nested_object_is_found_through_lists() -> None:
    assert nested_id(ListOf(ListOf(Definition("a")))) == "a"
    assert nested_id(ListOf(Scalar.INT)) is None


def test_placed_properties_refer_to_structures() -> None:
    assert placed([NAME, INSIDE], {"a": "1f"}, "io.example.v1") == (
        NAME,
        Property(
            "items", "items", ListOf(Definition(structure_id("io.example.v1", "1f"))), "Parts.", required=True
        ),
    )
    assert placed([INSIDE], {}, "io.example.v1") == (INSIDE,)


def test_a_fact_that_does_not_hold_everywhere_is_dropped() -> None:
    def structure(**facts: object) -> Structure:
        return Structure("s", "First.", (Property("a", "a", Scalar.INT, "A.", **facts),))  # type: ignore[arg-type]

    strict = structure(required=True, default=1, enum=("1", "2"), deprecation="Old.")
    assert merge([strict, strict])["s"] == strict
    assert merge([strict, structure()])["s"] == structure()
    assert merge([structure(required=True), structure(required=True, default=2)])["s"] == structure(
        required=True
    )


def test_structures_of_other_ids_stay_apart() -> None:
    first, second = Structure("a", "A.", ()), Structure("b", "B.", ())
    assert merge([first, second]) == {"a": first, "b": second}

"""Marks on resolved values: results of equal operations are kept for as long as an owner counts them."""

from schema.selection.results import SharedSource


def source() -> SharedSource:
    return SharedSource(dict, 2)


def test_without_an_owner_no_result_is_kept() -> None:
    shared = source()
    shared.keep("a", "result", 10)
    assert shared.get("a") is None


def test_an_owner_learns_the_size_of_each_result() -> None:
    shared, sizes = source(), list[int]()
    shared.on_kept = sizes.append
    shared.keep("a", "result", 10)
    shared.keep("b", "other", 5)
    assert (shared.get("a"), shared.get("b"), sizes) == ("result", "other", [10, 5])


def test_a_forgotten_source_keeps_no_result_again() -> None:
    shared, sizes = source(), list[int]()
    shared.on_kept = sizes.append
    shared.keep("a", "result", 10)
    shared.forget()
    shared.keep("a", "result", 10)
    assert shared.get("a") is None
    assert sizes == [10]

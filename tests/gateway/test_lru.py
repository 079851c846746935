"""A least-recently-used map within its weight."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from gateway.lru import LRU


def test_the_least_recently_used_entry_is_evicted() -> None:
    evicted: list[tuple[str, int]] = []
    lru: LRU[str, int] = LRU(2, on_evict=lambda key, value: evicted.append((key, value)))
    lru.put("a", 1)
    lru.put("b", 2)
    assert lru.get("a") == 1
    lru.put("c", 3)
    assert evicted == [("b", 2)]
    assert list(lru.values()) == [1, 3]
    assert lru.get("b") is None


def test_a_replaced_or_discarded_entry_is_not_evicted() -> None:
    evicted: list[str] = []
    lru: LRU[str, int] = LRU(2, on_evict=lambda key, _: evicted.append(key))
    lru.put("a", 1)
    lru.put("a", 2)
    assert (lru.discard("a"), lru.discard("a"), lru.weight, len(lru)) == (2, None, 0, 0)
    assert evicted == []


def test_an_entry_heavier_than_the_bound_is_evicted_at_once() -> None:
    lru: LRU[str, str] = LRU(3, weigh=len)
    lru.put("a", "xx")
    lru.put("b", "xxxx")
    assert "a" not in lru
    assert "b" not in lru
    assert lru.weight == 0


def test_a_cleared_map_weighs_nothing() -> None:
    lru: LRU[str, str] = LRU(3, weigh=len)
    lru.put("a", "xx")
    lru.clear()
    assert (len(lru), lru.weight) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 6)), max_size=30))
def test_the_weight_is_that_of_the_entries_and_within_the_bound(puts: list[tuple[str, int]]) -> None:
    lru: LRU[str, int] = LRU(10, weigh=lambda weight: weight)
    for key, weight in puts:
        lru.put(key, weight)
        values: Iterator[int] = lru.values()
        assert lru.weight == sum(values) <= 10
        assert lru.get(key) == weight

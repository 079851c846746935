"""What changed between the store and a new LIST."""

from collections.abc import Callable, Iterator, Sequence

from gateway.informers.changes import Change
from gateway.informers.store import Store, StoredObject, version_number

__all__ = ["difference"]

Pair = tuple[StoredObject | None, StoredObject | None]


def difference(
    store: Store,
    objects: Sequence[StoredObject],
    before: str,
    after: str,
    *,
    compared: Callable[[bytes], bytes] | None = None,
) -> list[Change]:
    """The changes that lead from the store (as of ``before``) to the objects (in order, as of ``after``).

    Deletions come first, since an object may have taken the name of a deleted one; the others in the
    order of their resource versions. Each change gets a resource version in that order, the last one
    ``after``, and each other one less than that: whoever saw only some of them can be told apart from
    whoever saw all. With ``compared`` an unchanged resource version is not taken as proof: what that makes
    of the objects' bytes is compared too.
    """
    pairs = [*_deletions(store, objects), *_additions(store, objects, compared)]
    versions = _versions(pairs, version_number(before), version_number(after), after)
    return [
        Change(old, new, version, old.object if old is not None and new is None else b"")
        for (old, new), version in zip(pairs, versions, strict=True)
    ]


def _deletions(store: Store, objects: Sequence[StoredObject]) -> Iterator[Pair]:
    listed = {each.key: each for each in objects}
    for old in store.snapshot():
        new = listed.get(old.key)
        if new is None or not old.same_instance(new):
            yield old, None


def _additions(
    store: Store, objects: Sequence[StoredObject], compared: Callable[[bytes], bytes] | None
) -> Iterator[Pair]:
    for new in objects:
        old = store.get(new.key)
        if old is None or not old.same_instance(new):
            yield None, new
        elif old.resource_version != new.resource_version or (
            compared is not None and compared(old.object) != compared(new.object)
        ):
            yield old, new


def _versions(pairs: Sequence[Pair], before: int | None, after: int | None, last: str) -> Iterator[str]:
    for index, (_, new) in enumerate(pairs, 1):
        if index == len(pairs) or before is None or after is None or after <= before:
            yield last
            continue
        own = version_number(new.resource_version) if new is not None else None
        # strictly between the two, where nobody can resume (History.tear)
        yield str(max(before + 1, min(own or 0, after - 1)))

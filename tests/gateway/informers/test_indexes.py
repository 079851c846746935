from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.informers import Limits, Scope, View
from gateway.informers.changes import Filter
from gateway.informers.fields import header_type
from gateway.informers.indexes import OWNER, Indexes, IndexKey, IndexType, Term
from gateway.informers.informer import Counters, Informer
from gateway.informers.store import Store, StoredObject
from gateway.kube.received import ObjectMetadata, OwnerReference
from schema.resources import GroupVersionResource
from schema.selectors import parse_field_selector, parse_label_selector

PODS = header_type(GroupVersionResource("", "v1", "pods"))
VALUES = ("x", "y", "")
LABEL_SELECTORS = (
    "",
    "app=x",
    "app=",
    "app in (x,y)",
    "app in (x,y),tier=x",
    "app!=x",
    "app,tier notin (x)",
    "nobody=x",
)
FIELD_SELECTORS = (
    "",
    "spec.nodeName=x",
    "spec.nodeName=",
    "spec.nodeName!=x",
    "metadata.name=a,spec.nodeName=y",
)
LABELS = st.dictionaries(st.sampled_from(("app", "tier")), st.sampled_from(VALUES))
OWNERS = st.lists(st.sampled_from(("o1", "o2")).map(OwnerReference), max_size=3).map(tuple)


@st.composite
def pods(draw: st.DrawFn) -> StoredObject:
    """One of eight pods in some state; tests give it its resource version."""
    metadata = ObjectMetadata(
        name=draw(st.sampled_from("abcd")),
        namespace=draw(st.sampled_from(("n1", "n2"))),
        labels=draw(st.none() | LABELS),
        owner_references=draw(st.none() | OWNERS),
    )
    header = PODS(metadata)
    node = type(header.spec)(nodeName=draw(st.sampled_from(VALUES)))  # type: ignore[attr-defined]  # of pods
    return StoredObject(f"{metadata.namespace}/{metadata.name}", b"{}", PODS(metadata, spec=node))  # type: ignore[call-arg]  # of pods


FILTERS = st.builds(
    Filter,
    st.sampled_from((Scope(), Scope("n1"), Scope("n2", "a"))),
    st.sampled_from(LABEL_SELECTORS).map(parse_label_selector),
    st.sampled_from(FIELD_SELECTORS).map(parse_field_selector),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), pods()),
        st.tuples(st.just("remove"), pods()),
        st.tuples(st.just("load"), st.lists(pods(), unique_by=lambda item: item.key)),
        st.tuples(st.just("ask"), FILTERS),
    ),
    max_size=60,
)


def scanned(store: Store, filter_: Filter) -> list[StoredObject]:
    return [item for item in store.snapshot() if filter_.selects(item)]


def indexed(store: Store, filter_: Filter, terms: Sequence[Term]) -> list[StoredObject]:
    return [item for item in store.find(terms) if filter_.selects(item)]


@given(STEPS, FILTERS)
def test_an_index_equals_a_scan_in_content_and_order(steps: list[tuple[str, object]], last: Filter) -> None:
    store = Store()
    for what, about in [*steps, ("ask", last)]:
        match what, about:
            case "put", StoredObject():
                store.put(about)
            case "remove", StoredObject():
                store.remove(about.key)
            case "load", list():
                store.load(about)
            case _, Filter() as filter_:
                terms = tuple(filter_.terms(Scope()))
                if terms:
                    assert indexed(store, filter_, terms) == scanned(store, filter_)
                for uid in ("o1", "o2"):
                    owned = store.find((Term(OWNER, frozenset((uid,))),))
                    assert list(owned) == [item for item in store.snapshot() if is_owned(item, uid)]


def is_owned(stored: StoredObject, uid: str) -> bool:
    return OwnerReference(uid) in (stored.header.metadata.owner_references or ())


@given(st.lists(pods(), unique_by=lambda item: item.key), FILTERS)
async def test_a_view_has_the_selected_objects_in_the_order_of_an_api_server(
    objects: list[StoredObject], filter_: Filter
) -> None:
    informer = Informer(Scope(), Limits(), Counters())
    await informer.replace(objects, "1")
    view = View(informer, filter_)
    expected = sorted(item.key for item in objects if filter_.selects(item))
    assert [item.key for item in view.objects()] == expected
    owned = [item.key for item in view.owned_by("o1")]
    assert owned == [item.key for item in view.objects() if is_owned(item, "o1")]


def test_the_least_recently_used_index_is_evicted() -> None:
    indexes = Indexes(most=3)
    first = indexes.get(IndexKey(IndexType.LABEL, "0"), ())
    for number in range(1, 10):
        indexes.get(IndexKey(IndexType.LABEL, str(number)), ())
        assert indexes.get(IndexKey(IndexType.LABEL, "0"), ()) is first
        assert len(indexes) <= 3


def test_an_index_keeps_no_entry_of_a_removed_object() -> None:
    store = Store()
    stored = StoredObject("a", b"{}", PODS(ObjectMetadata(name="a", labels={"app": "x"})))
    index = store.index(IndexKey(IndexType.LABEL, "app"))
    for _ in range(3):
        store.put(stored)
        assert (index.count("x"), len(index)) == (1, 1)
        store.remove("a")
        assert (index.count("x"), len(index)) == (0, 0)
    assert store.index(IndexKey(IndexType.LABEL, "app")) is index

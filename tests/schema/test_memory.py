"""Types are freed without the garbage collector, and weak caches keep nothing alive."""

import gc
import weakref

from graphql import FieldNode, GraphQLField, GraphQLObjectType, GraphQLSchema, GraphQLString, NameNode

from schema.memory import WeakFieldCache, empty, release_types


def recursive_type() -> GraphQLObjectType:
    type_: GraphQLObjectType = GraphQLObjectType("Node", lambda: {"inner": GraphQLField(type_)})
    assert list(type_.fields) == ["inner"]
    return type_


def test_a_recursive_type_is_freed_by_its_reference_count() -> None:
    gc.disable()
    try:
        types = {"node": recursive_type()}
        reference = weakref.ref(types["node"])
        assert reference() is not None

        release_types(types)

        assert types == {}
        assert reference() is None
    finally:
        gc.enable()


def test_an_emptied_object_has_no_attributes() -> None:
    type_ = recursive_type()
    empty(type_)

    assert vars(type_) == {}


def test_an_entry_goes_with_its_document_and_with_its_schema() -> None:
    cache = WeakFieldCache()
    schema = GraphQLSchema(GraphQLObjectType("Query", {"a": GraphQLField(GraphQLString)}))
    kept, dropped = FieldNode(name=NameNode(value="a")), FieldNode(name=NameNode(value="b"))
    cache.of_field(schema, kept)["key"] = 1
    cache.of_field(schema, dropped)["key"] = 2
    assert cache.of_field(schema, kept) == {"key": 1}
    assert cache.count(schema) == 2

    del dropped
    gc.collect()
    assert cache.count(schema) == 1

    reference = weakref.ref(schema)
    del schema
    gc.collect()
    assert reference() is None

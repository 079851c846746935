"""The one owner of memory tricks on the schema side: a finalizer, emptied types and weak references.

**Why.** Operations build graphql-core types by the hundred, introspection builds tens of thousands
(:func:`schema.building.complete_schema`), and a live gateway replaces the schema whenever a CRD changes. Two
properties of graphql-core make that hard:

- *Types are cyclic.* A recursive type (``JSONSchemaProps``) reaches itself through its fields. Reference
  counting alone never frees such a cycle.
- *A full garbage collection is too slow.* It visits every type while the event loop waits. Therefore
  ``gateway/memory.py`` keeps the collector away from a build and freezes the result (``gc.freeze``), so that
  later collections skip the types. As a consequence no collection ever frees a cycle among them.

**How.** Reference counts free the types; this module breaks the cycles.

- :func:`release_types` empties the types of one schema, which breaks any cycle through their fields. Emptying
  tens of thousands of types takes long, and the caller runs it in a thread: between two types other threads
  can run. :func:`empty` breaks the cycle between the owner of the types and the closures that build them.
- :class:`WeakFieldCache` holds results by (schema, field node). It must not keep a replaced schema or an
  evicted document alive, so both keys are weak.

**Invariants.** Nothing uses a type after its schema is gone: an operation in flight holds its schema. A value
of WeakFieldCache references neither its schema nor its document.

Delete this module when graphql-core can build types without cycles, or free them explicitly.
"""

from collections.abc import Hashable, MutableMapping
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

from graphql import FieldNode, GraphQLSchema

__all__ = ["WeakFieldCache", "empty", "release_types"]


def release_types(*types: MutableMapping[str, Any]) -> None:
    """Remove and empty all types, one at a time; the thread can be preempted between two of them."""
    for built in types:
        while built:
            _, type_ = built.popitem()
            empty(type_)


def empty(owner: object) -> None:
    """Remove all attributes of an object that nothing uses any more."""
    vars(owner).clear()


class _Fields(dict[int, tuple["ref[FieldNode]", dict[Hashable, Any]]]):
    """By the identity of a field node: a reference to it, and its dictionary."""

    __slots__ = ("__weakref__",)


class WeakFieldCache:
    """Dictionaries by schema and field node; an entry goes with its schema or its document.

    Nodes are told apart by identity: graphql-core compares and hashes them by their whole contents.
    """

    def __init__(self) -> None:
        self._by_schema: WeakKeyDictionary[GraphQLSchema, _Fields] = WeakKeyDictionary()

    def of_field(self, schema: GraphQLSchema, node: FieldNode) -> dict[Hashable, Any]:
        """The dictionary of one field of one document under one schema."""
        fields = self._by_schema.get(schema)
        if fields is None:
            fields = self._by_schema[schema] = _Fields()
        known = fields.get(id(node))
        if known is not None:
            return known[1]
        entry: dict[Hashable, Any] = {}
        fields[id(node)] = ref(node, partial(_forget, ref(fields), id(node))), entry
        return entry

    def count(self, schema: GraphQLSchema) -> int:
        """The number of entries for a schema."""
        return sum(len(entry) for _, entry in self._by_schema.get(schema, _Fields()).values())


def _forget(fields: "ref[_Fields]", key: int, _node: "ref[FieldNode]") -> None:
    """Remove the entry of a field node that is being freed; its identity may be given to another object."""
    if (remaining := fields()) is not None:
        remaining.pop(key, None)

"""The fields of relations as graphql-core executes them: one by one, and read together.

graphql-core resolves a field for each object by itself. The resolver notes the lookup and returns a future;
in the next turn of the event loop all lookups of one field are loaded in one batch. A batch belongs to one
operation, so nothing is shared between callers.

This is the way for selections that are not compilable. Others are joined in one step
(:mod:`gateway.resolvers.relations.join`).
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from graphql import GraphQLFieldResolver

from gateway.errors import BadArgument, GatewayError
from gateway.resolvers.context import Info, RequestContext, budget_of
from gateway.resolvers.relations.found import Outcome
from gateway.resolvers.relations.loader import RelationLoader
from schema.building import DecodedObject, Part
from schema.relations import Arguments, KindIndex, Lookup, Origin, Relation
from schema.relations.paths import value_at
from schema.selection import WithErrors

__all__ = ["arguments_of", "find_lookup", "list_envelope", "relation_resolver"]


@dataclass(slots=True, eq=False)
class _Batch:
    """The lookups of one field that wait for the same load."""

    loader: RelationLoader
    waiting: dict[Lookup, list[asyncio.Future[Outcome]]] = field(default_factory=dict)
    is_open: bool = True
    task: "asyncio.Task[None] | None" = None

    async def load(self) -> None:
        # the resolvers of all objects of a list run before the event loop turns
        await asyncio.sleep(0)
        self.is_open, waiting = False, self.waiting
        try:
            outcomes = await self.loader.load(list(waiting))
        except GatewayError as error:
            for future in _open(waiting.values()):
                future.set_exception(error)
            return
        except BaseException:
            for future in _open(waiting.values()):
                future.cancel()
            raise
        for futures, outcome in zip(waiting.values(), outcomes, strict=True):
            for future in _open([futures]):
                future.set_result(outcome)


def _open(groups: Any) -> list[asyncio.Future[Outcome]]:
    return [future for futures in groups for future in futures if not future.done()]


_Key = tuple[Any, ...]
_batches: WeakKeyDictionary[object, dict[_Key, _Batch]] = WeakKeyDictionary()
"""By the operation's budget, which lives as long as the operation."""


def relation_resolver(kinds: KindIndex, relation: Relation) -> GraphQLFieldResolver:
    """The function that answers the field of a relation."""

    def resolve(source: Any, info: Info, **arguments: Any) -> Awaitable[Any] | None:
        if not isinstance(source, Mapping):
            return None
        parsed = arguments_of(arguments)
        values = [value_at(source, path) for path in relation.reads]
        lookup = find_lookup(relation, _origin(source), parsed, values)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        batch = _batch(info, kinds, relation, parsed)
        batch.waiting.setdefault(lookup, []).append(future)
        if batch.task is None:
            batch.task = asyncio.create_task(batch.load(), name=f"load {relation.name}")
        return _answer(relation, future)

    return resolve


def arguments_of(arguments: Mapping[str, Any]) -> Arguments:
    """The arguments of a field. Raises BadArgument for a negative limit."""
    kinds, limit = arguments.get("kinds"), arguments.get("limit")
    if limit is not None and limit < 0:
        raise BadArgument(f"limit is {limit}; give 0 for no limit, or a positive number")
    return Arguments(arguments.get("label_selector"), limit, None if kinds is None else tuple(kinds))


def find_lookup(relation: Relation, origin: Origin, arguments: Arguments, values: list[Any]) -> Lookup:
    """The lookup of one object. Raises BadArgument for kinds that are not served."""
    try:
        return relation.find(origin, arguments, values)
    except ValueError as error:
        raise BadArgument(str(error)) from error


def list_envelope(relation: Relation) -> dict[str, Any]:
    """The fields of the List beside its items."""
    if relation.target is None:
        return {}
    kind = relation.target.resource.kind
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": {}}


def _batch(info: Info, kinds: KindIndex, relation: Relation, arguments: Arguments) -> _Batch:
    context: RequestContext = info.context
    batches = _batches.setdefault(budget_of(info) if context.budget else context.shared, {})
    key = (id(relation), arguments, id(context))
    batch = batches.get(key)
    if batch is None or not batch.is_open:
        batch = batches[key] = _Batch(RelationLoader(info, kinds, arguments))
    return batch


def _origin(source: Mapping[str, Any]) -> Origin:
    return source.origin if isinstance(source, DecodedObject | Part) else Origin()


async def _answer(relation: Relation, future: asyncio.Future[Outcome]) -> Any:
    outcome = await future
    if outcome.errors and not outcome.objects:
        raise outcome.errors[0]
    if relation.to_many:
        answer = {**list_envelope(relation), "items": outcome.plain_items()}
        return WithErrors(answer, outcome.errors) if outcome.errors else answer
    return outcome.objects[0].decoded() if outcome.objects else None

"""Which objects of a model are what they were in an earlier one, whatever way one goes on from them."""

from collections.abc import Collection, Iterator, Mapping

from schema.model import Definition, ListOf, ObjectType

__all__ = ["unchanged_objects"]


def unchanged_objects(before: Mapping[str, ObjectType], now: Mapping[str, ObjectType]) -> Collection[str]:
    """The ids of the objects that are equal in both, and refer to nothing else, at whatever depth."""
    reached = [id_ for id_, each in now.items() if before.get(id_) != each]
    changed = set(reached)
    referring = _referring(now)
    while reached:
        more = referring.get(reached.pop(), set()) - changed
        changed |= more
        reached += more
    return now.keys() - changed


def _referring(objects: Mapping[str, ObjectType]) -> Mapping[str, set[str]]:
    """The ids of the objects that refer to an object, by the id of that."""
    found: dict[str, set[str]] = {}
    for id_, each in objects.items():
        for target in _references(each):
            found.setdefault(target, set()).add(id_)
    return found


def _references(object_type: ObjectType) -> Iterator[str]:
    for each in object_type.properties:
        expression = each.type
        while isinstance(expression, ListOf):
            expression = expression.items
        if isinstance(expression, Definition):
            yield expression.id

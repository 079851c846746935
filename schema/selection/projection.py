"""The selection of a derived value: plain JSON types become the answer, under its names and in its order."""

from collections.abc import Callable
from typing import Any

from schema.selection.tree import Constant, Node, NonNull, Repeated, Value

__all__ = ["projection"]

Project = Callable[[Any], Any]


def projection(value: Value) -> Project | None:
    """The function that selects ``value`` from a derived value; None if it is the whole value.

    The function raises ValueError for null where the type forbids it.
    """
    match value:
        case NonNull(of=of):
            return _present(projection(of))
        case Repeated(of=of):
            item = projection(of)
            return None if item is None else _nullable(lambda items: list(map(item, items)))
        case Node():
            return _nullable(_object(value))
    return None


def _object(node: Node) -> Project:
    fields = [(field.response_name, _member(field.key, field.value)) for field in node.fields]
    return lambda source: {name: read(source) for name, read in fields}


def _member(key: str, value: Value) -> Project:
    if isinstance(value, Constant):
        return lambda _source: value.value
    project = projection(value)
    if project is None:
        return lambda source: source.get(key)
    return lambda source: project(source.get(key))


def _nullable(project: Project) -> Project:
    return lambda source: None if source is None else project(source)


def _present(project: Project | None) -> Project:
    def select(source: Any) -> Any:
        if source is None:
            raise ValueError("null in a derived value that is never null")
        return source if project is None else project(source)

    return select

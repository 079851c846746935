"""From the objects that were read to the answer: aliases, other names, entries of maps.

Only where an answer is not what was read already; an object with other names only further below stays and
gets new values. Works column by column, all objects of a level at once, so that the loops run in C: 5,000
objects cost about a millisecond for each level that is renamed.
"""

from collections import deque
from collections.abc import Callable
from itertools import accumulate, chain, repeat
from operator import attrgetter
from typing import Any

from msgspec import Struct, defstruct

from schema.selection.structs import ReadStruct
from schema.selection.tree import Constant, Entry, Field, Node, NonNull, Repeated, Value

__all__ = ["Column", "build_answer"]

Column = Callable[[list[Any]], list[Any]]


def build_answer(node: Node, read: ReadStruct) -> Column | None:
    """What makes answers of objects read as ``read``; None where those are the answers already."""
    if read.answers:
        return None
    if read.is_answer:
        return _in_place(node, read)
    names = [f"field{index}" for index in range(len(node.fields))]
    answer = defstruct(
        node.type_name,
        [(name, Any) for name in names],
        rename={name: each.response_name for name, each in zip(names, node.fields, strict=True)},
        gc=False,
    )
    return _rows(answer, [_column(each, read) for each in node.fields])


def _in_place(node: Node, read: ReadStruct) -> Column:
    """Only what is below changes: the objects themselves stay, with new values."""
    changes = [
        (repeat(read.attributes[each.key]), _column(each, read))
        for each in node.fields
        if each.key in read.children and not read.children[each.key].answers
    ]

    def build(objects: list[Any]) -> list[Any]:
        for attribute, column in changes:
            deque(map(setattr, objects, attribute, column(objects)), maxlen=0)
        return objects

    return build


def _rows(answer: type[Struct], columns: list[Column]) -> Column:
    if not columns:  # everything skipped: an object without fields
        return lambda objects: [answer() for _ in objects]

    def build(objects: list[Any]) -> list[Any]:
        return list(map(answer, *(column(objects) for column in columns)))

    return build


def _column(field: Field, read: ReadStruct) -> Column:
    if isinstance(field.value, Constant):
        constant = field.value.value
        return lambda objects: [constant] * len(objects)
    get = attrgetter(read.attributes[field.key])
    convert = _conversion(field.value, read.children.get(field.key))
    if convert is None:
        return lambda objects: list(map(get, objects))
    return lambda objects: convert(list(map(get, objects)))


def _conversion(value: Value, child: ReadStruct | None) -> Column | None:
    """What makes answers of read values; None where they are the same."""
    match value:
        case NonNull(of=of):
            return _conversion(of, child)
        case Entry(name=name):
            return _present(lambda maps: [each.get(name) for each in maps])
        case Repeated(of=of):
            convert = _conversion(of, child)
            return None if convert is None else _present(_lists(convert))
        case Node() if child is not None:
            convert = build_answer(value, child)
            return None if convert is None else _present(convert)
    return None


def _present(convert: Column) -> Column:
    def build(column: list[Any]) -> list[Any]:
        if None not in column:
            return convert(column)
        answers = iter(convert([each for each in column if each is not None]))
        return [None if each is None else next(answers) for each in column]

    return build


def _lists(convert: Column) -> Column:
    def build(column: list[Any]) -> list[Any]:
        answers = convert(list(chain.from_iterable(column)))
        bounds = list(accumulate(map(len, column), initial=0))
        return list(map(answers.__getitem__, map(slice, bounds, bounds[1:])))

    return build

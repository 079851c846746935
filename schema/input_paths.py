"""From the field that the API server names in a refusal to the place in the arguments of a mutation.

The API server writes a field in one of two ways: as ``field.Path`` of apimachinery,
``spec.containers[0].image`` and ``metadata.annotations[foo]``, or as ``fieldpath.Path`` of
structured-merge-diff, ``.spec.containers[name="app"].image``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from schema.model import Scalar

__all__ = ["InputPath", "Written", "input_path", "operation_path"]

InputPath = list[str | int]

_ELEMENT = re.compile(r'\.?(?P<name>[^.\[\]]+)|\[(?P<item>(?:[^\]"]|"(?:[^"\\]|\\.)*")*)\]')
_KEY = re.compile(r'(?P<key>[^=,]*)=(?P<value>"(?:[^"\\]|\\.)*"|[^,]*)')
_ROOTS = ("", "<nil>")


class Written(StrEnum):
    """The meaning of an argument: a whole object, or a change of an object."""

    OBJECT = "object"
    MERGE_PATCH = "merge patch"
    STRATEGIC_PATCH = "strategic merge patch"


@dataclass(frozen=True, slots=True)
class _Element:
    """One step of a path: the name of a field, or the text inside brackets."""

    text: str
    in_brackets: bool


def _parse(field: str) -> list[_Element] | None:
    """The elements of a field; None for other text."""
    elements, position = [], 0
    while position < len(field):
        match = _ELEMENT.match(field, position)
        if match is None:
            return None
        item = match["item"]
        elements.append(_Element(match["name"] if item is None else item, item is not None))
        position = match.end()
    return elements


def input_path(
    argument: str, type_: GraphQLInputType, value: Any, field: str, what: Written
) -> InputPath | None:
    """The place of ``field`` in an argument of that name, type and value; None if it has none.

    The value has Kubernetes' keys, as resolvers get it; the path has GraphQL's names. A field of an object
    has a place even if the caller did not give it, which says where a required value is missing. A field
    that a patch does not give has none. The items of a strategic merge patch are in another order than those
    of the object: the place is then the list.
    """
    elements = _parse(field)
    if field in _ROOTS or not elements:
        return None
    return _Walk(what, type_, value, [argument]).to(elements)


@dataclass(slots=True)
class _Walk:
    """The way from an argument to a field; ``type`` and ``value`` belong to the place reached so far."""

    what: Written
    type: GraphQLInputType | None
    value: Any
    path: InputPath
    inside_list: bool = False

    def to(self, elements: list[_Element]) -> InputPath | None:
        """The path to the end of the elements; None if it leads out of the argument."""
        while elements:
            if self._is_leaf():
                return self.path
            if self._is_list():
                if self.what is Written.STRATEGIC_PATCH or not elements[0].in_brackets:
                    return self.path
                if not self._enter_item(elements.pop(0)):
                    return None
            elif not self._enter_field(elements):
                return None
        return self.path

    def _nullable(self) -> GraphQLInputType | None:
        return self.type.of_type if isinstance(self.type, GraphQLNonNull) else self.type

    def _scalar(self) -> Scalar | None:
        type_ = self._nullable()
        return Scalar(type_.name) if isinstance(type_, GraphQLScalarType) else None

    def _is_leaf(self) -> bool:
        return self._scalar() not in (None, Scalar.JSON, Scalar.STRING_MAP)

    def _is_list(self) -> bool:
        return isinstance(self._nullable(), GraphQLList) or isinstance(self.value, list)

    def _enter_item(self, element: _Element) -> bool:
        items = self.value if isinstance(self.value, list) else []
        index = _index_of(element.text, items)
        if index is None:
            return False
        type_ = self._nullable()
        self.type = type_.of_type if isinstance(type_, GraphQLList) else self.type
        self.value = items[index] if index < len(items) else None
        self.path.append(index)
        self.inside_list = True
        return True

    def _enter_field(self, elements: list[_Element]) -> bool:
        key = self._take_key(elements)
        given = isinstance(self.value, dict) and key in self.value
        if self.what is not Written.OBJECT and not given and not self.inside_list:
            return False
        type_ = self._nullable()
        if isinstance(type_, GraphQLInputObjectType):
            fields = type_.fields.items()
            found = next((item for item in fields if (item[1].out_name or item[0]) == key), None)
            if found is None:
                return False
            self.path.append(found[0])
            self.type = found[1].type
        else:
            self.path.append(key)
            if self._scalar() is Scalar.STRING_MAP:
                elements.clear()
        self.value = self.value[key] if given else None
        return True

    def _take_key(self, elements: list[_Element]) -> str:
        """The next key: of several names with dots between them the longest key that the caller gave."""
        first = elements.pop(0)
        if first.in_brackets or not isinstance(self.value, dict):
            return first.text
        names = [first.text]
        for element in elements:
            if element.in_brackets:
                break
            names.append(element.text)
        for length in range(len(names), 1, -1):
            key = ".".join(names[:length])
            if key in self.value:
                del elements[: length - 1]
                return key
        return first.text


def _index_of(text: str, items: Sequence[Any]) -> int | None:
    """The index of an item: a number, the keys of the item, or the value of a set."""
    if text.isdecimal() and text.isascii():
        return int(text)
    wanted = {match["key"]: _decode(match["value"]) for match in _KEY.finditer(text)}
    if "" in wanted:
        return next((index for index, item in enumerate(items) if item == wanted[""]), None)
    if not wanted:
        return None

    def matches(item: Any) -> bool:
        # a key that the caller left out has its default value
        given = [item[key] == value for key, value in wanted.items() if key in item]
        return bool(given) and all(given)

    found = [index for index, item in enumerate(items) if isinstance(item, dict) and matches(item)]
    return found[0] if len(found) == 1 else None


def _decode(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def operation_path(operations: Sequence[Any], field: str) -> InputPath | None:
    """The place of ``field`` in the argument ``operations``: the last one that changes it, or part of it."""
    elements = _parse(field)
    if field in _ROOTS or not elements:
        return None
    keys = [element.text for element in elements]
    for index in reversed(range(len(operations))):
        pointer = [
            part.replace("~1", "/").replace("~0", "~")
            for part in str(operations[index].get("path", "")).split("/")[1:]
        ]
        if _leads_to(pointer, keys):
            place: InputPath = ["operations", index]
            if "value" not in operations[index]:
                return place
            return [*place, "value", *_in_value(operations[index]["value"], elements[len(pointer) :])]
        if pointer[: len(keys)] == keys:
            return ["operations", index]
    return None


def _leads_to(pointer: list[str], keys: list[str]) -> bool:
    """Whether a JSON Pointer is the place of ``keys``, or one above it; ``-`` is a new item of a list."""
    if len(pointer) > len(keys):
        return False
    return all(
        part == key or (part == "-" and key.isdecimal()) for part, key in zip(pointer, keys, strict=False)
    )


def _in_value(value: Any, elements: list[_Element]) -> InputPath:
    return (_Walk(Written.OBJECT, None, value, []).to(elements)) or []

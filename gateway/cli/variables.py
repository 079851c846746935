"""The variables of ``query``: from JSON, from files in JSON or YAML, from standard input, or one by one.

YAML is read as kubectl reads it (:mod:`schema.manifests`), so that a variable may hold an object as in a
manifest.
"""

import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from graphql import (
    GraphQLError,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    TypeNode,
    parse,
)

from gateway.errors import ConfigurationError
from schema.manifests import MalformedManifest, read_value
from schema.unique_keys import RepeatedKey, parse_unique

__all__ = ["read_variables"]

_STANDARD_INPUT = "-"
_EXAMPLE = '{"name": "web"}'
_TEXTS = frozenset({"String", "ID"})


def read_variables(
    query: str, variables: str | None, named: Collection[str], *, input_is_query: bool = False
) -> dict[str, Any] | None:
    """The variables of ``--variables`` and, with precedence, of each ``--variable NAME=VALUE``.

    None if none are given. ``input_is_query``: the query was read from standard input. Raises
    ConfigurationError.
    """
    sources = [variables, *(item.partition("=")[2] for item in named)]
    uses = int(input_is_query) + (variables == _STANDARD_INPUT) + sources.count(f"@{_STANDARD_INPUT}")
    if uses > 1:
        raise ConfigurationError("standard input can be read once: use @FILE for the others")
    found = None if variables is None else _read_all(variables)
    declared = _declared(query)
    for item in named:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"--variable {item[:80]!r} has to be NAME=VALUE, such as name=web")
        found = {**(found or {}), name: _read_one(value, declared.get(name))}
    return found


def _read_all(argument: str) -> dict[str, Any]:
    if argument == _STANDARD_INPUT or argument.startswith("@"):
        source = _source(argument)
        value = _parse(source, _read(argument, "--variables"))
    else:
        source, value = "--variables", _parse_json(argument)
    if not isinstance(value, dict):
        raise ConfigurationError(f"{source} has to be an object of variables, such as {_EXAMPLE}")
    return value


def _read_one(value: str, declared: NamedTypeNode | ListTypeNode | None) -> Any:
    """The value of one variable: JSON, or else the text itself.

    A file is read as JSON or YAML if the variable is declared as something else than text.
    """
    is_text = declared is not None and _is_text(declared)
    if value.startswith("@"):
        text = _read(value, "--variable")
        return text if is_text or declared is None else _parse(_source(value), text)
    if is_text:
        return value
    try:
        return parse_unique(value)
    except RepeatedKey as error:
        raise ConfigurationError(f"--variable: {error}") from error
    except ValueError:
        return value


def _parse_json(text: str) -> Any:
    try:
        return parse_unique(text)
    except RepeatedKey as error:
        raise ConfigurationError(f"--variables: {error}") from error
    except ValueError as error:
        raise ConfigurationError(
            f"--variables is not JSON: {error}; @FILE reads a file, - standard input"
        ) from error


def _parse(source: str, text: str) -> Any:
    try:
        return read_value(text)
    except MalformedManifest as error:
        raise ConfigurationError(
            f"{source}, line {error.line}, column {error.column}: {error.problem}"
        ) from error


def _read(argument: str, option: str) -> str:
    """The text of ``@FILE``, ``@-`` or ``-``."""
    file = argument.removeprefix("@")
    try:
        if file == _STANDARD_INPUT:
            return sys.stdin.read()
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{option}: cannot read {_source(argument)}: {error}") from error


def _source(argument: str) -> str:
    file = argument.removeprefix("@")
    return "standard input" if file == _STANDARD_INPUT else file


def _declared(query: str) -> Mapping[str, NamedTypeNode | ListTypeNode]:
    """The types of the variables that the operations declare, without their exclamation marks.

    Of two declarations of one name, text has precedence: ``5`` is no number for it.
    """
    try:
        document = parse(query)
    except GraphQLError:
        return {}  # execution reports the error, with its position
    types = [
        (definition.variable.name.value, _nullable(definition.type))
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for definition in operation.variable_definitions or ()
    ]
    return dict(sorted(types, key=lambda item: _is_text(item[1])))


def _nullable(type_: TypeNode) -> NamedTypeNode | ListTypeNode:
    return cast("NamedTypeNode | ListTypeNode", type_.type if isinstance(type_, NonNullTypeNode) else type_)


def _is_text(type_: TypeNode) -> bool:
    return isinstance(type_, NamedTypeNode) and type_.name.value in _TEXTS

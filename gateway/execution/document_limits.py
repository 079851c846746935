"""The limits of a document: its text, tokens, nesting, aliases and fields, checked before it is validated.

graphql-core reads a text character by character in Python: 2 MB in one string take half a second, and 10,000
tokens a tenth. :func:`check_text` therefore scans the text with one regular expression first, in a fiftieth
of the time, and a document over a limit is never parsed. :func:`check_document` bounds the selection: thirty
fragments that each spread the next one twice select a billion fields in 2 kB.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from gateway.errors import QueryTooComplex
from gateway.resolvers.limits import Limits

__all__ = ["check_document", "check_text", "check_variables"]

_INTROSPECTION_NESTING = 40
"""Brackets of the deepest introspection query in use, with some to spare; it is exempt from the depth."""
_LARGEST_NUMBER = 10**9
_INTROSPECTION = frozenset({"__schema", "__type"})

_TOKEN = re.compile(
    r"""
    \"\"\"(?:[^"\\]++|\\\"\"\"|\\|"(?!""))*+(?:\"\"\")?   # an unterminated string ends with the text
  | "(?:[^"\\\n\r]++|\\.)*+"?
  | [_A-Za-z][_0-9A-Za-z]*+
  | -?[0-9][0-9.eE+-]*+
  | \.\.\.
  | \#[^\n\r]*+
  | [!$&()\[\]{}:=@|?]
    """,
    re.VERBOSE,
)


def check_text(text: str, limits: Limits) -> None:
    """Raise QueryTooComplex for a text with too many characters, tokens or nested brackets.

    Counts tokens as graphql-core does: comments, commas and white space are none (GraphQL, 2.1).
    """
    if len(text) > limits.max_document:
        raise QueryTooComplex(
            f"the document has {len(text)} characters; the limit is {limits.max_document} (--max-document). "
            "Send large values as variables"
        )
    brackets = max(2 * limits.max_depth + 1, _INTROSPECTION_NESTING)
    tokens, nesting, literal = 0, 0, 0
    """``literal`` is the nesting at the outermost parenthesis, 0 outside of arguments."""
    for match in _TOKEN.finditer(text):
        first = text[match.start()]
        if first == "#":
            continue
        tokens += 1
        if tokens > limits.max_tokens:
            raise QueryTooComplex(
                f"the document has more than {limits.max_tokens} tokens, the limit (--max-tokens). "
                "Send large values as variables"
            )
        if first in "{[(":
            nesting += 1
            if first == "(":
                literal = literal or nesting
            elif literal and nesting - literal > limits.max_depth:
                raise _too_deep("a value", limits)
            if nesting > brackets:
                raise _too_deep("the document", limits)
        elif first in ")]}":
            literal = 0 if nesting == literal else literal
            nesting -= 1


def check_variables(variables: Mapping[str, Any] | None, limits: Limits) -> None:
    """Raise QueryTooComplex for a variable whose lists and objects are nested too deeply."""
    level = _containers((variables or {}).values())
    for _ in range(limits.max_depth):
        if not level:
            return
        members = chain.from_iterable(item.values() if isinstance(item, dict) else item for item in level)
        level = _containers(members)
    if not level:
        return
    raise _too_deep("a variable", limits)


def _containers(values: Iterable[Any]) -> list[dict[str, Any] | list[Any]]:
    return [value for value in values if isinstance(value, (dict, list))]


def _too_deep(subject: str, limits: Limits) -> QueryTooComplex:
    return QueryTooComplex(
        f"{subject} is nested more than {limits.max_depth} levels deep, the limit (--max-depth)"
    )


class _Size(NamedTuple):
    """The size of a selection, with its fragments expanded.

    ``aliases`` counts root fields, aliases, and repeats of a response name or of spreads in a selection set:
    validation compares each pair of those, and 2,000 take two seconds. ``depth`` counts levels of fields,
    ``nesting`` levels of fragments.
    """

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    nesting: int = 0


_EMPTY = _Size()


class _Measure:
    """Measures selections, each fragment once.

    The sizes are upper bounds: ``@skip`` and ``@include`` are ignored, and so is the merging of equal fields.
    Fragments that spread themselves, which validation refuses, count as empty. Raises QueryTooComplex for
    fragments that are nested too deeply to measure.
    """

    def __init__(self, document: DocumentNode, limits: Limits) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._limits = limits
        self._sizes: dict[tuple[str, bool], _Size] = {}
        self._level = 0

    def of(
        self, selection_set: SelectionSetNode | None, *, root: bool = False, seen: set[str] | None = None
    ) -> _Size:
        """The size; ``seen`` are the response names and spreads of the selection set around it."""
        seen = set() if seen is None else seen
        fields, aliases, depth, nesting = 0, 0, 0, 0
        for selection in selection_set.selections if selection_set else ():
            if isinstance(selection, FieldNode):
                name = (selection.alias or selection.name).value
                inner = self.of(selection.selection_set) if selection.selection_set else _EMPTY
                fields += 1
                aliases += root or selection.alias is not None or name in seen
                if selection.name.value in _INTROSPECTION:
                    inner = inner._replace(depth=0, nesting=0)
                levels = inner.depth + 1
                seen.add(name)
            else:
                inner = self._of_fragment(selection, root, seen)
                levels = inner.depth
            fields += inner.fields
            aliases += inner.aliases
            depth = max(depth, levels)
            nesting = max(nesting, inner.nesting)
        return _Size(fields, aliases, depth, nesting)

    def _of_fragment(self, selection: SelectionNode, root: bool, seen: set[str]) -> _Size:
        if isinstance(selection, InlineFragmentNode):
            return self.of(selection.selection_set, root=root, seen=seen)
        repeated = "..." in seen
        seen.add("...")
        size = self._of_named(cast("FragmentSpreadNode", selection).name.value, root)
        return size._replace(aliases=size.aliases + repeated, nesting=size.nesting + 1)

    def _of_named(self, name: str, root: bool) -> _Size:
        if (name, root) not in self._sizes:
            if self._level > max(self._limits.max_depth, _INTROSPECTION_NESTING):
                raise _too_deep("a fragment", self._limits)
            self._sizes[name, root] = _EMPTY
            fragment = self._fragments.get(name)
            self._level += 1
            self._sizes[name, root] = self.of(fragment.selection_set if fragment else None, root=root)
            self._level -= 1
        return self._sizes[name, root]


def check_document(document: DocumentNode, limits: Limits) -> list[GraphQLError]:
    """An error for each operation over a limit; the document need not be valid."""
    measure = _Measure(document, limits)
    errors = []
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            try:
                _expect_small(measure.of(operation.selection_set, root=True), limits)
            except QueryTooComplex as error:
                # the traceback would keep this frame, its errors and the document in a cycle
                cause = error.with_traceback(None)
                errors.append(GraphQLError(error.message, operation, original_error=cause))
    return errors


def _expect_small(size: _Size, limits: Limits) -> None:
    if size.fields > limits.max_tokens:
        number = str(size.fields) if size.fields <= _LARGEST_NUMBER else f"more than {_LARGEST_NUMBER}"
        raise QueryTooComplex(
            f"the operation selects {number} fields, with its fragments expanded; "
            f"the limit is {limits.max_tokens} (--max-tokens)"
        )
    if size.aliases > limits.max_aliases:
        raise QueryTooComplex(
            f"the operation has {size.aliases} root fields, aliases and repeated fields, with its fragments "
            f"expanded; the limit is {limits.max_aliases} (--max-aliases)"
        )
    if size.depth > limits.max_depth:
        raise QueryTooComplex(
            f"the operation selects fields {size.depth} levels deep; "
            f"the limit is {limits.max_depth} (--max-depth)"
        )
    if size.nesting > limits.max_depth:
        raise _too_deep("a fragment", limits)

"""The limits of a document: text, tokens, nesting, aliases, fields, and the nesting of variables."""

import gc
from dataclasses import replace
from typing import Any

import pytest
from graphql import GraphQLError, Lexer, Source, TokenKind, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import QueryTooComplex
from gateway.execution.document_limits import check_document, check_text, check_variables
from gateway.resolvers.limits import Limits

LIMITS = Limits(max_document=10_000, max_tokens=60, max_depth=5, max_aliases=4)
DOUBLED = " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(199))

pieces = st.sampled_from(
    [
        *"!$&()[]{}:=@|,",
        *(
            "...",
            "a",
            "_B9",
            "12",
            "-3.5e+7",
            '"a\\"#{b"',
            '""',
            '"""x " \\""" {"""',
            '""""""',
            "# { x\n",
            "\ufeff",
        ),
        *("\n", "\r\n", "\t", '"open', '"""open', "%", "\\"),
    ]
)


def refusal(text: str, limits: Limits = LIMITS) -> str:
    """The message of the refusal; empty for a document within the limits."""
    try:
        check_text(text, limits)
        errors = check_document(parse(text), limits)
    except QueryTooComplex as error:
        return error.message
    return errors[0].message if errors else ""


def count_tokens(text: str) -> int | None:
    """The number of tokens by graphql-core's lexer; None for a text that is malformed."""
    lexer, count = Lexer(Source(text)), 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLError:
        return None
    return count


@given(st.lists(pieces, max_size=30).map(" ".join))
def test_tokens_are_counted_as_the_lexer_counts_them(text: str) -> None:
    count = count_tokens(text)
    if count is None:
        return
    # brackets in any order are no document, and their nesting has a limit of its own
    generous = replace(LIMITS, max_depth=100)
    check_text(text, replace(generous, max_tokens=max(1, count)))
    if count > 1:
        with pytest.raises(QueryTooComplex, match=f"more than {count - 1} tokens"):
            check_text(text, replace(generous, max_tokens=count - 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ a }" + " " * 9_996, "has 10001 characters; the limit is 10000 (--max-document)"),
        ("{ " + "a " * 59 + "}", "more than 60 tokens, the limit (--max-tokens)"),
        ("{ a { b { c { d { e { f } } } } } }", "6 levels deep; the limit is 5 (--max-depth)"),
        ("{ a(b: [[[[[[1]]]]]]) }", "a value is nested more than 5 levels deep, the limit (--max-depth)"),
        ("{ a(b: {c: {c: {c: {c: {c: {}}}}}}) }", "a value is nested more than 5 levels deep"),
        ("query($v: X = [[[[[[1]]]]]]) { a }", "a value is nested more than 5 levels deep"),
        ("{ a @b(c: [[[[[[1]]]]]]) }", "a value is nested more than 5 levels deep"),
        ("{" * 41, "the document is nested more than 5 levels deep"),
        ("{ a b c d e }", "has 5 root fields, aliases and repeated fields"),
        ("mutation { a b: a c: a d: a e: a }", "has 5 root fields"),
        ("{ a { b: x c: x d: x e: x } }", "the limit is 4 (--max-aliases)"),
        ("{ a { b b b b b } }", "has 5 root fields, aliases and repeated fields"),
        ("{ a { b ... { b ... { b } } b b } }", "has 5 root fields, aliases and repeated fields"),
        ("{ a { ...f ...f ...f ...f ...f } } fragment f on A { b }", "has 5 root fields"),
        ("{ ...f ...f } fragment f on Query { a b }", "has 5 root fields"),
        ("subscription { a { b { c { d { e { f } } } } } }", "the limit is 5 (--max-depth)"),
        ("{ a } query Other { a { b { c { d { e { f } } } } } }", "the limit is 5 (--max-depth)"),
    ],
)
def test_a_document_over_a_limit_is_refused_with_limit_and_setting(text: str, message: str) -> None:
    assert message in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "{ a b c d }",
        "{ a { b { c { d { e } } } } }",
        "{ a(b: [[[[[1]]]]]) { b(c: {c: {c: {c: {c: 1}}}}) } }",
        "{ a { b c d e f g h } }",
        "{ ...f } fragment f on Query { ...f a }",
        "{ ...missing a }",
        '{ a(b: """ {{{{{{{{{{ """) } # [[[[[[[',
        "{ a",
    ],
)
def test_a_document_within_the_limits_passes_valid_or_not(text: str) -> None:
    check_text(text, LIMITS)
    if text != "{ a":
        assert check_document(parse(text), LIMITS) == []


@pytest.mark.parametrize(
    "text",
    [
        "{ ...f0 } " + DOUBLED + " fragment f199 on Query { a }",
        "{ ...f0 } " + DOUBLED.replace("fragment f0 on Query { ", "fragment f0 on Query { a "),
        "{ a { ...f0 } } " + DOUBLED.replace("Query", "A") + " fragment f199 on A { b }",
    ],
)
def test_fragments_that_multiply_are_measured_without_expanding_them(text: str) -> None:
    assert "--max-depth" in refusal(text, Limits())
    assert "fields, with its fragments expanded; the limit is 10000" in refusal(
        text.replace("...f31 ...f31", "a { ...last }") + " fragment last on A { b }", Limits()
    )


def test_introspection_counts_tokens_and_not_depth() -> None:
    query = get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    assert refusal(query, replace(LIMITS, max_tokens=500, max_depth=1, max_aliases=10)) == ""
    assert "--max-tokens" in refusal(query, replace(LIMITS, max_tokens=100))


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_variables_are_as_deep_as_literals_may_be() -> None:
    check_variables(None, LIMITS)
    check_variables({"a": 1, "b": nested(5), "c": [{}] * 1000}, LIMITS)
    for variables in ({"a": nested(6)}, {"a": nested(900), "b": 1}):
        with pytest.raises(QueryTooComplex, match=r"more than 5 levels deep, the limit \(--max-depth\)"):
            check_variables(variables, LIMITS)


def test_a_refused_document_is_freed_without_the_garbage_collector() -> None:
    document = parse("{" + " ".join(f"field{number}" for number in range(400)) + "}")
    token = document.loc.start_token if document.loc else None
    while token is not None:  # as Documents does after parsing
        following, token.prev, token.next = token.next, None, None
        token = following
    gc.collect()
    gc.disable()
    try:
        assert check_document(document, Limits(max_aliases=300))
        del document
        assert gc.collect() < 100
    finally:
        gc.enable()

"""The type of the operation that a request selects, found without parsing the whole document.

The endpoint needs it before execution, on the event loop; parsing a document of 10,000 tokens takes 0.1 s.
"""

import re

from gateway.resolvers.limits import Limits

__all__ = ["is_subscription"]

_TOKEN = re.compile(
    r'[^"#@{}()\[\]_A-Za-z]*+(?:"""(?:\\"""|[^"]|"(?!""))*+"""|"(?:\\.|[^"\\\n])*+"|#[^\n\r]*+|(?P<open>[{(\[])|(?P<close>[})\]])'
    r"|@[\s,]*+\w*+|(?P<name>[_A-Za-z]\w*+)|.|\Z)",
    re.ASCII | re.DOTALL,
)


def is_subscription(query: str, operation_name: str | None, limits: Limits) -> bool:
    """Whether the selected operation is a subscription; False for most invalid documents.

    A document over the limits has an error as its result, and so has one that
    selects no operation.
    """
    if "subscription" not in query or len(query) > limits.max_document:
        return False
    operations = _operations(query, limits.max_tokens)
    if operation_name is None:
        return [type_ for type_, _ in operations] == ["subscription"]
    return [type_ for type_, name in operations if name == operation_name] == ["subscription"]


def _operations(query: str, most_tokens: int) -> list[tuple[str, str]]:
    """Type and name of each operation; the name is empty for an anonymous one."""
    operations: list[tuple[str, str]] = []
    depth, words = 0, list[str]()
    for tokens, token in enumerate(_TOKEN.finditer(query)):
        if tokens > most_tokens:
            return []
        match token.lastgroup:
            case "name" if depth == 0 and len(words) < 2:
                words.append(token["name"])
            case "open":
                if depth == 0 and not words:
                    words.append("query")
                if depth == 0:
                    # the next token is not the name
                    words += [""] * (2 - len(words))
                depth += 1
            case "close":
                depth -= 1
                if depth == 0 and token["close"] == "}":
                    operations += [(words[0], words[1])] if words[0] != "fragment" else []
                    words = []
    return operations

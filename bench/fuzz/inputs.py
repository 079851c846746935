"""Random inputs, each drawn from the run's seed and its own number."""

import json
import random

__all__ = ["STARTS", "Inputs"]

STARTS = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
"""The type of the message that starts an operation, by subprotocol."""

_NUMBERS = ("0", "-1", "2147483648", "9" * 19, "1" * 4301, "1e400", "1e-999", "0.1", "-", "01")
_TEXTS = ('"a"', '""', '"\\u0000"', '"\\ud800"', '"../x"', '"é🙂"', '"""b"""', '"', "'a'")
_WORDS = ("true", "null", "ENUM", "$v", "__typename", "metadata", "items", "on", "fragment", "@skip(if: $v)")
_SIGNS = "{}[]()!:=|&@$.,#\n\t \\\x00\ufeff"
_FIELDS = ("pods", "pod", "nodes", "object", "can", "canAll", "resources", "createPod", "applyManifest")
_ARGUMENTS = ("name", "namespace", "labelSelector", "fieldSelector", "limit", "continue", "object")
_TYPES = ("connection_init", "subscribe", "start", "complete", "stop", "ping", "pong", "next")
_BREAKS = (b"\r\n", b"\x00", b" ", b":", b"POST", b"1.1", b"Content-Length", b"chunked")


class Inputs:
    """The random choices of one input."""

    def __init__(self, seed: int, number: int) -> None:
        self.draw = random.Random(f"{seed}/{number}")  # noqa: S311 - reproducible inputs, no secrets

    def value(self, depth: int = 0) -> str:
        """The text of a GraphQL literal or JSON value, often malformed."""
        draw = self.draw
        kind = draw.randrange(8 if depth < 4 else 5)
        if kind < 2:
            return draw.choice(_NUMBERS)
        if kind < 4:
            return draw.choice(_TEXTS)
        if kind == 4:
            return draw.choice(_WORDS)
        inner = [self.value(depth + 1) for _ in range(draw.randrange(4))]
        if kind == 5:
            return f"[{', '.join(inner)}]"
        quote = '"' if kind == 6 else ""
        return "{" + ", ".join(f"{quote}{draw.choice(_ARGUMENTS)}{quote}: {item}" for item in inner) + "}"

    def document(self) -> str:
        """A document: of known fields with any arguments, or of any tokens."""
        draw = self.draw
        if draw.randrange(3) == 0:
            words = (*_WORDS, *_FIELDS, *_SIGNS, *_NUMBERS[:3], *_TEXTS)
            return " ".join(draw.choice(words) for _ in range(draw.randrange(40)))
        names = draw.sample(_ARGUMENTS, draw.randrange(4))
        arguments = ", ".join(f"{name}: {self.value()}" for name in names)
        selection = draw.choice(
            ["{ __typename }", "{ items { json } }", "{ kind metadata { name } }", "", "{"]
        )
        operation = draw.choice(["query", "query", "mutation", "subscription", ""])
        header = draw.choice(["", "($v: JSON)", "A($v: Int = 99999999999)"])
        call = f"{draw.choice(_FIELDS)}{f'({arguments})' if arguments else ''}"
        return self.mutated(f"{operation} {header} {{ {call} {selection} }}")

    def mutated(self, text: str) -> str:
        """The text, often with a character removed, doubled or replaced."""
        draw = self.draw
        for _ in range(draw.randrange(3)):
            place = draw.randrange(len(text) + 1)
            text = text[:place] + draw.choice(["", *_SIGNS, text[place : place + 5] * 2]) + text[place + 1 :]
        return text

    def request(self) -> str:
        """The JSON of a request, often malformed."""
        query = json.dumps(self.document())
        return f'{{"query": {query}, "variables": {self.value()}, "operationName": {self.value(4)}}}'

    def body(self) -> bytes:
        """The body of a POST: a request, any JSON, or any bytes."""
        kind = self.draw.randrange(8)
        if kind == 0:
            return self.draw.randbytes(self.draw.randrange(60))
        text = self.value() if kind == 1 else self.request()
        return (self.mutated(text) if kind < 4 else text).encode("utf-8", "surrogatepass")

    def head(self, length: int, *, closing: bool = False) -> bytes:
        """The head of a POST with a body of that many bytes; ``closing`` ends the connection."""
        return (
            b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%b"
            b"Content-Length: %d\r\n\r\n" % (b"Connection: close\r\n" if closing else b"", length)
        )

    def broken_head(self) -> bytes:
        """A head with bytes replaced, and bytes after it."""
        draw, head = self.draw, self.head(20)
        for _ in range(1 + draw.randrange(3)):
            place = draw.randrange(len(head))
            head = head[:place] + draw.choice(_BREAKS) + head[place + draw.randrange(9) :]
        return head + draw.randbytes(draw.randrange(40))

    def message(self, subprotocol: str) -> str | bytes:
        """A message of a websocket: of the protocol, any JSON, or any bytes."""
        draw = self.draw
        kind = draw.randrange(8)
        if kind == 0:
            return draw.randbytes(draw.randrange(30))
        if kind == 1:
            return self.value()
        type_ = STARTS[subprotocol] if kind > 3 else draw.choice(_TYPES)
        id_ = draw.choice(["1", '"1"'])
        text = f'{{"type": "{type_}", "id": {id_}, "payload": {self.request()}}}'
        return self.mutated(text) if kind < 4 else text

"""OpenAPI v3 documents → definitions, decoded lazily.

Most of a document is ``paths``, which the decoder skips. Many documents repeat a definition (``ObjectMeta``
is in all of them); it is decoded once. Decoding proceeds one level at a time, so that a malformed schema does
not affect the schemas around it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from schema.model import Problem
from schema.resources import GroupVersion, GroupVersionKind

__all__ = ["ABSENT", "Definitions", "MalformedSchema", "ParsedDocument", "Schema", "parse_schema"]

ABSENT = msgspec.Raw(b"")
_REFERENCE = "#/components/schemas/"
# msgspec's errors and UnicodeDecodeError are ValueErrors; excessive nesting raises RecursionError
_MALFORMED = (ValueError, RecursionError)


class MalformedSchema(ValueError):
    """A schema that does not conform to OpenAPI."""


class Schema(msgspec.Struct, gc=False):
    """One schema object; its inner schemas are not decoded.

    The type Any is deliberate: documents of aggregated API servers and of CRDs are untrusted, and a keyword
    of the wrong type must not cost the keywords beside it.
    """

    reference: Any = msgspec.field(name="$ref", default=None)
    type: Any = None
    format: Any = None
    description: Any = None
    default: Any = None
    enum: Any = None
    required: Any = None
    properties: dict[str, msgspec.Raw] | None = None
    items: msgspec.Raw = ABSENT
    additional_properties: msgspec.Raw = msgspec.field(name="additionalProperties", default=ABSENT)
    all_of: list[msgspec.Raw] | None = msgspec.field(name="allOf", default=None)
    one_of: list[msgspec.Raw] | None = msgspec.field(name="oneOf", default=None)
    any_of: list[msgspec.Raw] | None = msgspec.field(name="anyOf", default=None)
    int_or_string: Any = msgspec.field(name="x-kubernetes-int-or-string", default=None)
    preserve_unknown: Any = msgspec.field(name="x-kubernetes-preserve-unknown-fields", default=None)
    embedded_resource: Any = msgspec.field(name="x-kubernetes-embedded-resource", default=None)

    @property
    def target(self) -> str | None:
        """The id of the definition that ``$ref`` points to."""
        if not isinstance(self.reference, str):
            return None
        # a JSON pointer (RFC 6901)
        return self.reference.removeprefix(_REFERENCE).replace("~1", "/").replace("~0", "~")


class _Components(msgspec.Struct):
    schemas: dict[str, msgspec.Raw] | None = None


class _Document(msgspec.Struct):
    components: _Components | None = None


class _Kinds(msgspec.Struct, gc=False):
    kinds: Any = msgspec.field(name="x-kubernetes-group-version-kind", default=None)


_document_decoder = msgspec.json.Decoder(_Document)
_schema_decoder = msgspec.json.Decoder(Schema)
_kinds_decoder = msgspec.json.Decoder(_Kinds)


def parse_schema(raw: msgspec.Raw | bytes) -> Schema:
    """Decode one schema; ``true`` and ``{}`` allow any value.

    Raises MalformedSchema.
    """
    try:
        return _schema_decoder.decode(raw)
    except _MALFORMED as error:
        if bytes(raw) in (b"true", b"false", b"null", b""):
            return Schema()
        raise MalformedSchema(f"malformed schema: {error}") from error


class ParsedDocument:
    """The definitions of one document by id; ``problem`` says why a malformed document has none."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.schemas: Mapping[str, msgspec.Raw] = {}
        self.problem = ""
        self._kinds: dict[str, tuple[GroupVersionKind, ...]] = {}
        try:
            components = _document_decoder.decode(content).components
            self.schemas = (components.schemas if components else None) or {}
        except _MALFORMED as error:
            self.problem = f"malformed OpenAPI document: {error}"

    def kinds_of(self, id_: str) -> tuple[GroupVersionKind, ...]:
        """The kinds of a definition. Raises KeyError."""
        if id_ not in self._kinds:
            self._kinds[id_] = _parse_kinds(self.schemas[id_])
        return self._kinds[id_]


class Definitions:
    """The definitions of all documents by id; if two documents differ, the first one wins.

    ``before`` are the :attr:`documents` of earlier Definitions: an unchanged document is not decoded again.
    ``problems`` has one entry per malformed document.
    """

    def __init__(
        self,
        documents: Iterable[tuple[GroupVersion, bytes]],
        before: Mapping[GroupVersion, ParsedDocument] | None = None,
    ) -> None:
        self._raw: dict[str, msgspec.Raw] = {}
        self._kinds: dict[str, tuple[GroupVersionKind, ...]] = {}
        self._ids: dict[GroupVersionKind, str] = {}
        self.documents: dict[GroupVersion, ParsedDocument] = {}
        elsewhere: dict[GroupVersionKind, str] = {}
        for group_version, content in documents:
            document = (before or {}).get(group_version)
            if document is None or document.content != content:
                document = ParsedDocument(content)
            self.documents[group_version] = document
            for id_ in document.schemas:
                self._add(id_, document)
                for kind in self._kinds[id_]:
                    ids = self._ids if kind.group_version == group_version else elsewhere
                    ids.setdefault(kind, id_)
        for kind, id_ in elsewhere.items():
            self._ids.setdefault(kind, id_)

    @property
    def problems(self) -> list[Problem]:
        return [
            Problem(group_version.api_version, document.problem)
            for group_version, document in self.documents.items()
            if document.problem
        ]

    def __contains__(self, id_: str) -> bool:
        return id_ in self._raw

    def raw(self, id_: str) -> msgspec.Raw:
        """The undecoded definition. Raises KeyError."""
        return self._raw[id_]

    def id_of(self, kind: GroupVersionKind) -> str | None:
        """The definition of a kind, preferably from the document of its own group version."""
        return self._ids.get(kind)

    def kinds(self) -> Iterator[tuple[str, GroupVersionKind]]:
        """The definitions that are exactly one kind; ``DeleteOptions``, for example, is many kinds."""
        for id_, kinds in self._kinds.items():
            if len(kinds) == 1:
                yield id_, kinds[0]

    def add_missing(self, schemas: Mapping[str, bytes]) -> None:
        """Add the definitions that no document has."""
        for id_, schema in schemas.items():
            if id_ not in self._raw:
                self._raw[id_] = msgspec.Raw(schema)
                self._kinds[id_] = ()

    def _add(self, id_: str, document: ParsedDocument) -> None:
        if id_ not in self._raw:
            self._raw[id_] = document.schemas[id_]
            self._kinds[id_] = document.kinds_of(id_)


def _parse_kinds(raw: msgspec.Raw) -> tuple[GroupVersionKind, ...]:
    try:
        found = _kinds_decoder.decode(raw).kinds
    except _MALFORMED:
        return ()
    entries = found if isinstance(found, list) else [found]
    return tuple(
        GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry["kind"])
        for entry in entries
        if isinstance(entry, dict)
        and isinstance(entry.get("kind"), str)
        and isinstance(entry.get("group", ""), str)
        and isinstance(entry.get("version", ""), str)
    )

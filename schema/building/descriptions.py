"""What GraphiQL says of a field: the API's own text, then what GraphQL's types cannot express.

The original key of a renamed property, whether the API requires it, its default and its allowed values
(enums are open in Kubernetes, API conventions, "Constants": hence words, not a GraphQL enum).
"""

import json
from collections.abc import Iterator

from schema.model import Property, Scalar, ServedResource
from schema.verbs import VerbSpec

__all__ = ["describe_input", "describe_output", "describe_root_field"]


def describe_output(property_: Property) -> str | None:
    """The description of an output field, None where there is nothing to say."""
    if property_.key == property_.name and not property_.enum:
        return property_.description or None
    return _join(property_.description, *_key(property_), *_allowed(property_))


def describe_input(property_: Property) -> str | None:
    """The description of an input field: the output's, and what a writer has to know."""
    return _join(
        property_.description,
        *_key(property_),
        *(["Required by the API."] if property_.required else []),
        *_default(property_),
        *_allowed(property_),
    )


def _join(*parts: str) -> str | None:
    return "\n\n".join(part for part in parts if part) or None


def _key(property_: Property) -> Iterator[str]:
    if property_.key != property_.name:
        yield f"In Kubernetes: `{property_.key}`."


def _default(property_: Property) -> Iterator[str]:
    if property_.default is not None and property_.default != {}:
        yield f"Default: `{json.dumps(property_.default, ensure_ascii=False)}`."


def _allowed(property_: Property) -> Iterator[str]:
    if property_.enum and property_.type is not Scalar.JSON:
        yield "One of: " + ", ".join(f"`{value}`" if value else '`""`' for value in property_.enum) + "."


def describe_root_field(spec: VerbSpec, served: ServedResource, short: str | None) -> str:
    """The description of a root field; ``short`` is the short name that a pinned field also has."""
    kind = served.resource.kind
    description = spec.description.format(kind=f"{kind.kind} ({kind.api_version})")
    return f"{description}\n\nAlso: `{short}`." if short else description

"""``partial: true``: a list or watch of all namespaces covers the namespaces that the caller may read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gateway.errors import Forbidden
from gateway.identity import Access
from gateway.resolvers.caller_informers import exact_name
from gateway.resolvers.context import Info, client_of
from schema.resources import Resource

__all__ = ["find_namespaces", "hinting_at_partial", "invisible", "note_namespaces"]

_HINT = "With `partial: true` the answer comes from the namespaces that you may see."


async def find_namespaces(
    info: Info, verb: str, resource: Resource, field_selector: str | None
) -> tuple[str, ...] | None:
    """The namespaces in which the caller has the right, sorted; None for all of them.

    Raises Forbidden if there is none, and the errors of :meth:`gateway.identity.VisibleNamespaces.find`.
    """
    client, shared = client_of(info), info.context.shared
    access = Access.to(verb, resource, name=exact_name(field_selector or ""))
    if await shared.reviews.allows(client, access):
        return None
    found = await shared.namespaces.find(client, access, info.context.default_namespace)
    if not found:
        raise invisible(verb, resource)
    return found


def invisible(verb: str, resource: Resource) -> Forbidden:
    """The refusal of a caller that has the right in no namespace."""
    return Access.to(verb, resource).refusal("and in none of the namespaces that could be checked")


def note_namespaces(info: Info, namespaces: Sequence[str]) -> None:
    """Name the namespaces of a field's answer in ``extensions.namespaces``, by the field's response name."""
    info.context.extensions.setdefault("namespaces", {})[str(info.path.key)] = list(namespaces)


@contextmanager
def hinting_at_partial(*, enabled: bool) -> Iterator[None]:
    """Add the advice to use ``partial`` to a refusal without other advice, if it is ``enabled``."""
    try:
        yield
    except Forbidden as error:
        if not enabled or error.hint:
            raise
        raise Forbidden(error.status, _HINT) from error

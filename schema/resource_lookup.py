"""From the names that people give resources to the resources, as kubectl finds them."""

from collections.abc import Iterable

from schema.filters import MalformedPattern, Pattern
from schema.resources import Resource

__all__ = ["find_resource"]


def find_resource(name: str, resources: Iterable[Resource]) -> Resource | None:
    """The resource with that plural, singular, kind or short name, in any case, ``.GROUP`` behind it or not.

    A full name wins over a short one, then the group's preferred version, then discovery's order. None
    where there is none; raises MalformedPattern for what is no name.
    """
    pattern = Pattern.parse_kind(name)
    if "*" in name:
        raise MalformedPattern(f"{name!r} is not the name of one resource")
    named = [each for each in resources if pattern.names(each)]
    return min(named, key=lambda each: (_is_short(pattern, each), not each.preferred), default=None)


def _is_short(pattern: Pattern, resource: Resource) -> bool:
    full = (resource.gvr.resource, resource.singular, resource.kind.kind)
    return pattern.resource not in map(str.lower, full)

"""The resolver of ``problems``, and the objects whose health is a problem."""

from collections.abc import Collection, Sequence

from gateway.concurrency import LoopYielder
from gateway.errors import BadArgument
from gateway.kube.paths import resource_path
from gateway.resolvers.context import Info, expect_discovery
from gateway.resolvers.object_tree import Encoder, KindFinder, Member, decoded_object, note_left_out
from gateway.resolvers.problems.dangling import find_dangling
from gateway.resolvers.problems.listing import KindKey, Listing, Problem, key_of
from gateway.resolvers.problems.warning_events import WARNINGS, find_warnings
from schema.health import HealthStatus, since_of
from schema.model import ServedResource
from schema.relations import KindName
from schema.resources import is_builtin_group

__all__ = ["read_problems"]

_BYTES_PER_YIELD = 1 << 20
_EVENT: KindKey = ("", "Event")


async def read_problems(
    finder: KindFinder, info: Info, *, namespace: str | None = None, kinds: Sequence[str] | None = None
) -> list[Problem]:
    """Answer ``problems(…)``. Raises BadArgument."""
    if namespace:
        resource_path(finder.listed[0].resource, namespace)  # refuses a text that cannot be a namespace
    wanted = None if kinds is None else await _find_kinds(finder, info, kinds)
    encoder = Encoder(info, finder.model)
    checked = _checked_kinds(finder, encoder, namespace or None, wanted)
    listing = Listing(info, namespace or None, frozenset((_EVENT, *map(key_of, checked))))
    await listing.read(_events(finder), fieldSelector=WARNINGS)
    problems: list[tuple[Member, Problem]] = []
    of_health: dict[str, list[Problem]] = {}
    # the limit of requests must not leave out the targets of built-in kinds in favour of many custom kinds
    for is_builtin in (True, False):
        some = [served for served in checked if is_builtin_group(key_of(served)[0]) is is_builtin]
        await listing.read(some)
        unhealthy = await _unhealthy(encoder, listing, some)
        for member, problem in unhealthy:
            of_health.setdefault(member.uid, []).append(problem)
        problems += unhealthy
        problems += await find_dangling(finder.references, listing, some)
    problems.sort(key=lambda item: (item[0].header.metadata.namespace, item[0].place))
    note_left_out(info, list(listing.left_out.values()))
    warnings = list(find_warnings(listing, wanted, of_health))
    return [problem for _, problem in problems] + warnings


async def _find_kinds(finder: KindFinder, info: Info, kinds: Sequence[str]) -> set[KindKey]:
    found: set[KindKey] = set()
    for kind in kinds:
        served = finder.references.kinds.find(KindName.parse(kind))
        if served is None:
            await expect_discovery(info.context)
            raise BadArgument(f"the cluster serves no kind {kind}; `resources` lists what it serves")
        found.add(key_of(served))
    return found


def _checked_kinds(
    finder: KindFinder, encoder: Encoder, namespace: str | None, wanted: Collection[KindKey] | None
) -> list[ServedResource]:
    """The kinds whose objects can have problems."""
    return [
        served
        for served in finder.listed
        if (wanted is None or key_of(served) in wanted)
        and (namespace is None or served.resource.namespaced)
        and (finder.references.of(served) or not encoder.needs_only_metadata(served))
    ]


def _events(finder: KindFinder) -> list[ServedResource]:
    event = finder.references.kinds.of(*_EVENT)
    return [] if event is None else [event]


async def _unhealthy(
    encoder: Encoder, listing: Listing, checked: Sequence[ServedResource]
) -> list[tuple[Member, Problem]]:
    """The objects whose health is ``FAILED`` or ``UNKNOWN``."""
    problems: list[tuple[Member, Problem]] = []
    yielder = LoopYielder(_BYTES_PER_YIELD)
    for served in checked:
        for member in listing.members.get(key_of(served), ()):
            health = encoder.health(member)
            if health.status in (HealthStatus.FAILED, HealthStatus.UNKNOWN):
                found = decoded_object(member)
                problem = {
                    "object": found,
                    "reason": health.reason or health.status.value,
                    "message": health.message,
                    "since": since_of(found, health),
                }
                problems.append((member, problem))
            await yielder.after(memoryview(member.body).nbytes)
    return problems

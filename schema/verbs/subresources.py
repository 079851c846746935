"""The verbs of subresources: ``createPodEviction``, ``patchDeploymentScale``, per subresource of discovery.

A subresource has a root field for each of the verbs create and patch that it serves. Not among them are
``status``, whose patch is a row of :data:`~schema.verbs.writes.WRITES`, and subresources that are no objects
but connections (``exec``, ``attach``, ``portforward``, ``proxy``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from schema.names import camel
from schema.resources import Resource
from schema.verbs.arguments import NAME, WRITE_OPTIONS, WRITTEN
from schema.verbs.spec import Answer, Operation, VerbSpec
from schema.verbs.writes import PATCH_ARGUMENTS

__all__ = ["SubresourceVerb", "claimed_verbs", "spec_of_subresource"]

_OTHERS = frozenset({"status", "exec", "attach", "portforward", "proxy"})
_ALWAYS_CLAIMED = ("scale",)
"""A CRD that gains this subresource must not take a name from another CRD."""
_WORDS: Mapping[str, str] = {"ephemeralcontainers": "EphemeralContainers"}
"""Kubernetes' own capitalisation of names that discovery has in lower case."""
_METHODS: Mapping[str, str] = {"create": "POST", "patch": "PATCH"}


@dataclass(frozen=True, slots=True)
class SubresourceVerb:
    """``create`` or ``patch`` of one subresource."""

    api_verb: str
    subresource: str


@lru_cache(maxsize=4096)
def claimed_verbs(resource: Resource) -> tuple[SubresourceVerb, ...]:
    """The verbs whose names belong to the resource, served or not."""
    names = dict.fromkeys((*(subresource.name for subresource in resource.subresources), *_ALWAYS_CLAIMED))
    return tuple(
        SubresourceVerb(api_verb, name) for name in names if name not in _OTHERS for api_verb in _METHODS
    )


@lru_cache(maxsize=1024)
def spec_of_subresource(verb: SubresourceVerb) -> VerbSpec:
    """The row of the verb."""
    word = _WORDS.get(verb.subresource) or camel(verb.subresource)
    creates = verb.api_verb == "create"
    action = "Create" if creates else "Change"
    return VerbSpec(
        operation=Operation.MUTATION,
        field=f"{verb.api_verb}{{kind}}{word}",
        api_verbs=(verb.api_verb,),
        method=_METHODS[verb.api_verb],
        answer=Answer.SUBRESOURCE,
        arguments=(NAME, *WRITTEN, *WRITE_OPTIONS) if creates else PATCH_ARGUMENTS,
        description=f"{action} the subresource `{_escaped(verb.subresource)}` of an object of kind {{kind}}.",
        subresource=verb.subresource,
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")

"""Who gets a contested name.

A claim is a wish of one owner for one name. What is settled here must hold still: a CRD that is
installed later never changes what an existing name means. So Kubernetes' own claims win in the order
of discovery, which CRDs do not change, and between all others a contested name goes to nobody: a name
may cease to be, it never passes from one owner to another. The one exception is a CRD in a group of
Kubernetes' own (``*.k8s.io``, which takes the approval of the Kubernetes project): it wins over those of
other groups.
"""

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import NamedTuple

__all__ = ["Claim", "Standing", "is_builtin_group", "settle"]


class Standing(IntEnum):
    """Whose a claim is; a lower one wins over a higher one."""

    # Enum's own hash is a function in Python, called for each of thousands of claims
    __hash__ = int.__hash__

    BUILTIN = 0
    # CRDs in the *.k8s.io groups (Gateway API, volume snapshots): installed later, as any other
    ADDON = 1
    CUSTOM = 2


class Claim(NamedTuple):
    """``owner``'s wish for ``name``; names of different scopes have nothing to do with each other."""

    owner: str
    name: str
    standing: Standing
    scope: str = ""


def is_builtin_group(group: str) -> bool:
    """The core group, groups without a dot, and ``*.k8s.io``: no CRD has them without approval."""
    return "." not in group or group.endswith(".k8s.io")


def settle(claims: Iterable[Claim], reserved: Collection[tuple[str, str]] = ()) -> set[Claim]:
    """The claims that win; ``reserved`` holds what nobody gets, as (scope, name).

    The order of the claims is the order in which built-in ones win.
    """
    claimants: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        claimants.setdefault((claim.scope, claim.name), []).append(claim)
    return {
        winner for place, rivals in claimants.items() if place not in reserved for winner in _winner(rivals)
    }


def _winner(rivals: list[Claim]) -> list[Claim]:
    if len(rivals) == 1:
        return rivals
    best = min(claim.standing for claim in rivals)
    foremost = [claim for claim in rivals if claim.standing == best]
    return foremost[:1] if best is Standing.BUILTIN or len(foremost) == 1 else []

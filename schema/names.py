"""Kubernetes names ↔ GraphQL names: their spelling, and the owner of a contested name.

**Spelling.** A GraphQL name matches ``[_A-Za-z][_0-9A-Za-z]*``; names that begin with two underscores are
reserved. A property name can be any text, and has a reversible spelling. Nouns and type names consist of
letters and digits, so that underscores occur only in pinned names and in marks that distinguish equal names.

**Contested names.** A :class:`Claim` is the wish of one owner for one name, and :func:`settle` decides.
Invariant: an API that is installed later never changes the meaning of an existing name. Therefore built-in
claims win in discovery's order, which CRDs do not change, and of the others the oldest wins. Without ages a
name that several others claim has no owner: a name may disappear, but never passes from one owner to another.
"""

import re
from collections.abc import Collection, Iterable
from enum import IntEnum
from hashlib import sha256
from itertools import takewhile
from typing import NamedTuple

__all__ = [
    "Claim",
    "Standing",
    "by_place",
    "camel",
    "distinguished",
    "escape",
    "is_legal",
    "legal",
    "lower_camel",
    "plural_noun",
    "property_names",
    "settle",
    "snake",
    "unescape",
]

_LEGAL = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")
_FORBIDDEN = re.compile(r"[^_0-9A-Za-z]")
_ESCAPE = re.compile(r"_([0-9a-f]+)_|__")
# escaped are forbidden characters, a leading digit, and every underscore that would read as part of an
# escape
_ESCAPED = re.compile(r"[^_0-9A-Za-z]|\A[0-9]|_(?=[0-9a-f]|[^0-9A-Za-z])")
_EMPTY = "_00_"
_WORD = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]")
_LEADING_CAPITALS = re.compile(r"\A(?:[A-Z]+(?![a-z])|[A-Z])")
# a plural may replace so many letters of the singular: policy → policies, index → indices
_MAX_CHANGED_ENDING = 2


def is_legal(name: str) -> bool:
    """Whether GraphQL allows the name and does not reserve it."""
    return _LEGAL.fullmatch(name) is not None


def escape(key: str) -> str:
    """A legal name for an illegal key; distinct keys have distinct names.

    A hyphen becomes two underscores, any other character its hexadecimal code point between underscores:
    ``x-kubernetes-foo`` → ``x__kubernetes__foo``, ``$ref`` → ``_24_ref``.
    """
    return _ESCAPED.sub(_escape_one, key) if key else _EMPTY


def _escape_one(match: re.Match[str]) -> str:
    return "__" if match[0] == "-" and match.start() else f"_{ord(match[0]):x}_"


def unescape(name: str) -> str:
    """The inverse of :func:`escape`."""
    if name == _EMPTY:
        return ""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "-", name)


def property_names(keys: Collection[str]) -> dict[str, str]:
    """The GraphQL name of each property of one object.

    A legal key is its own name. Other keys are escaped, and get trailing underscores if the escaped form is
    itself a key of the object.
    """
    names = {key: key for key in keys if _LEGAL.fullmatch(key)}
    if len(names) == len(keys):
        return names
    taken = set(names)
    for key in sorted(set(keys) - taken):
        name = escape(key)
        while name in taken:
            name += "_"
        taken.add(name)
        names[key] = name
    return names


def legal(name: str) -> str:
    """The name, with a prefix if its beginning is not legal."""
    if name.startswith("__"):
        return f"x{name}"
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def camel(text: str) -> str:
    """Upper camel case of letters and digits: ``cert-manager.io`` → ``CertManagerIo``.

    A word keeps its capitals; a character beyond ASCII becomes its code point.
    """
    if text.isascii() and text.isalnum():
        return text[0].upper() + text[1:]
    words = (word if word.isascii() else f"x{ord(word):x}" for word in _WORD.findall(text))
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined or "X" + "".join(f"{ord(character):x}" for character in text)


def snake(text: str) -> str:
    """The text with an underscore for every character that GraphQL forbids: ``cert_manager_io``."""
    return _FORBIDDEN.sub("_", text)


def lower_camel(kind: str) -> str:
    """The singular noun: ``networkPolicy``, ``csiDriver``, ``apiService``."""
    return legal(_LEADING_CAPITALS.sub(lambda match: match[0].lower(), camel(kind)))


def plural_noun(kind: str, plural: str) -> str:
    """The plural noun: the API's plural in the kind's capitalisation, never equal to the singular noun.

    ``networkPolicies``; the API's plural unchanged if the two share no stem; ``endpointsList`` if both nouns
    would be equal.
    """
    singular, spelled = lower_camel(kind), camel(plural)
    letters = zip(singular.lower(), spelled.lower(), strict=False)
    stem = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
    if len(singular) - stem <= _MAX_CHANGED_ENDING:
        noun = legal(singular[:stem] + spelled[stem:].lower())
    else:
        noun = legal(spelled[0].lower() + spelled[1:])
    return f"{singular}List" if noun == singular else noun


def distinguished(name: str, identity: str) -> str:
    """The name with a suffix derived from the identity, for a claimant that does not get the name.

    It depends only on name and identity, so that other resources never change it. No uncontested name ends
    in an underscore.
    """
    return f"{name}_{sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}_"


class Standing(IntEnum):
    """The rank of a claim; a lower one wins over a higher one."""

    # Enum's own hash is a function in Python, called for each of thousands of claims
    __hash__ = int.__hash__

    BUILTIN = 0
    CUSTOM = 1


class Claim(NamedTuple):
    """The wish of ``owner`` for ``name``; names of different scopes are independent.

    ``age`` sorts custom claims, the oldest first; None if it is not known.
    """

    owner: str
    name: str
    standing: Standing
    scope: str = ""
    age: tuple[bool, str, str] | None = None


def settle(claims: Iterable[Claim], reserved: Collection[tuple[str, str]] = ()) -> set[Claim]:
    """The claims that win; ``reserved`` are names that no claim can win, as (scope, name).

    Among built-in claims on one name the first one wins, among custom claims the oldest.
    """
    return {
        winner
        for place, rivals in by_place(claims).items()
        if place not in reserved
        for winner in _winner(rivals)
    }


def by_place(claims: Iterable[Claim]) -> dict[tuple[str, str], list[Claim]]:
    """The claims on each name, as (scope, name)."""
    claimants: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        claimants.setdefault((claim.scope, claim.name), []).append(claim)
    return claimants


def _winner(rivals: list[Claim]) -> list[Claim]:
    if len(rivals) == 1:
        return rivals
    for claim in rivals:
        if claim.standing is Standing.BUILTIN:
            return [claim]
    aged = [(claim.age, number) for number, claim in enumerate(rivals) if claim.age is not None]
    return [rivals[min(aged)[1]]] if len(aged) == len(rivals) else []

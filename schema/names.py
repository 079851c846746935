"""Kubernetes names ↔ GraphQL names: the spelling (who gets a contested name is decided elsewhere).

GraphQL names are ``[_A-Za-z][_0-9A-Za-z]*`` and those that begin with two underscores belong to
GraphQL itself. Property names, which anything at all may be, have a reversible spelling; nouns and
type names are made of letters and digits alone, which leaves the underscore to pinned names and to
whatever tells two equal names apart.
"""

import re
from collections.abc import Collection
from hashlib import sha256
from itertools import takewhile

__all__ = [
    "camel",
    "distinguished",
    "escape",
    "is_legal",
    "legal",
    "lower_camel",
    "plural_noun",
    "property_names",
    "snake",
    "unescape",
]

LEGAL = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*")
FORBIDDEN = re.compile(r"[^_0-9A-Za-z]")
ESCAPE = re.compile(r"_([0-9a-f]+)_|__")
# what has to be escaped: forbidden characters, a digit in front, and every underscore that would
# otherwise read as part of an escape
ESCAPED = re.compile(r"[^_0-9A-Za-z]|\A[0-9]|_(?=[0-9a-f]|[^0-9A-Za-z])")
EMPTY = "_00_"
WORD = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]")
LEADING_CAPITALS = re.compile(r"\A(?:[A-Z]+(?![a-z])|[A-Z])")
# how much of a kind its plural may replace: policy → policies, index → indices
LONGEST_CHANGED_ENDING = 2


def is_legal(name: str) -> bool:
    """Whether it is a name that GraphQL allows and does not keep for itself."""
    return LEGAL.fullmatch(name) is not None


def escape(key: str) -> str:
    """A legal name for a key that is none; distinct keys have distinct names.

    A hyphen is two underscores, everything else its hexadecimal code point between two:
    ``x-kubernetes-foo`` → ``x__kubernetes__foo``, ``$ref`` → ``_24_ref``.
    """
    return ESCAPED.sub(_escape_one, key) if key else EMPTY


def _escape_one(match: re.Match[str]) -> str:
    return "__" if match[0] == "-" and match.start() else f"_{ord(match[0]):x}_"


def unescape(name: str) -> str:
    """The key that :func:`escape` made the name of."""
    if name == EMPTY:
        return ""
    return ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else "-", name)


def property_names(keys: Collection[str]) -> dict[str, str]:
    """The GraphQL name of each property of one object.

    Legal keys are their own names; the others are escaped, with underscores behind in the one case
    that the escaped form is itself a key of the same object.
    """
    names = {key: key for key in keys if LEGAL.fullmatch(key)}
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
    """The name, with something in front where it would otherwise begin as no name may."""
    if name.startswith("__"):
        return f"x{name}"
    return name if name[:1].isalpha() or name[:1] == "_" else f"_{name}"


def camel(text: str) -> str:
    """Upper camel case of letters and digits: ``cert-manager.io`` → ``CertManagerIo``.

    A word keeps its own capitals; what is beyond ASCII is written as its code point.
    """
    if text.isascii() and text.isalnum():
        return text[0].upper() + text[1:]
    words = (word if word.isascii() else f"x{ord(word):x}" for word in WORD.findall(text))
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined or "X" + "".join(f"{ord(each):x}" for each in text)


def snake(text: str) -> str:
    """The text with an underscore for everything that GraphQL forbids: ``cert_manager_io``."""
    return FORBIDDEN.sub("_", text)


def lower_camel(kind: str) -> str:
    """The noun of one object: ``networkPolicy``, ``csiDriver``, ``apiService``."""
    return legal(LEADING_CAPITALS.sub(lambda match: match[0].lower(), camel(kind)))


def plural_noun(kind: str, plural: str) -> str:
    """The noun of many: the API's plural in the kind's capitals, never the noun of one.

    ``networkPolicies``; the API's plural as it is where the two share no stem; ``endpointsList``
    where both nouns would be equal.
    """
    singular, spelled = lower_camel(kind), camel(plural)
    letters = zip(singular.lower(), spelled.lower(), strict=False)
    stem = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
    if len(singular) - stem <= LONGEST_CHANGED_ENDING:
        noun = legal(singular[:stem] + spelled[stem:].lower())
    else:
        noun = legal(spelled[0].lower() + spelled[1:])
    return f"{singular}List" if noun == singular else noun


def distinguished(name: str, identity: str) -> str:
    """The name with a mark of the identity behind: for those that a contested name is denied to.

    A function of the two alone, so that it stays what it is whatever else comes and goes; no name that
    is not contested ends in an underscore.
    """
    return f"{name}_{sha256(identity.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}_"

"""JSON values as YAML text that every reader resolves to the same values.

Readers disagree on plain (unquoted) scalars. YAML 1.1 reads ``y`` as true and ``12:30`` as 750; YAML 1.2 and
kubectl's reader (``sigs.k8s.io/yaml``) read ``1e3`` and ``08`` as numbers. A string is therefore plain only
if every reader resolves it to a string: it begins with a letter, or it is a Kubernetes quantity like
``500m``. A string of several lines is a literal block if a block preserves it. All other strings are
double-quoted, with JSON's escapes.
"""

import re
from functools import lru_cache
from typing import Any

import yaml

__all__ = ["to_yaml"]

_STRING_TAG = "tag:yaml.org,2002:str"
_RESERVED = "y|yes|n|no|on|off|true|false|null|nan|inf"
_PLAIN = re.compile(
    rf"(?!(?:{_RESERVED})$)[a-z_/](?:[\w./@+=%,;~*()^&!<>|$'\"-]|:(?=\S)| (?=[^\s#]))*"
    r"|\d+(?:\.\d+)?(?:m|u|n|k|Ki|Mi|Gi|Ti|Pi|Ei|%)",
    re.ASCII | re.IGNORECASE,
)
_LITERAL = re.compile(
    r"[^\s\0-\x1f](?:[^\0-\x09\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff]*[^\s\0-\x1f])?\n?"
)
"""Neither spaces nor line breaks at either end, and nothing between that a block scalar changes."""
_UNFOLDED_WIDTH = 2**16
_LONGEST_CACHED = 64
"""Characters, which bounds the memory of the cache."""


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # chosen at run time
    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = _cached_style(text) if len(text) <= _LONGEST_CACHED else _style(text)
        return self.represent_scalar(_STRING_TAG, text, style=style)  # type: ignore[no-any-return]  # untyped

    def ignore_aliases(self, data: object) -> bool:
        """Write a repeated value out each time: anchors and aliases make the text hard to read."""
        del data
        return True


_Dumper.add_representer(str, _Dumper.represent_text)


def _style(text: str) -> str | None:
    if _PLAIN.fullmatch(text):
        return None
    return "|" if "\n" in text and _LITERAL.fullmatch(text) else '"'


_cached_style = lru_cache(maxsize=4096)(_style)
"""Keys and most short values repeat from object to object: the cache saves 15 % of the time per pod."""


def to_yaml(value: Any, *, explicit_start: bool = False) -> str:
    """One YAML document, keys in their given order; ``explicit_start`` puts ``---`` in front of it."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        explicit_start=explicit_start,
        width=_UNFOLDED_WIDTH,
    )
    return str(text)

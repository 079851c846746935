"""The API server's warnings, which it sends as ``Warning`` headers beside a successful answer (KEP-1693)."""

import re

__all__ = ["parse_warnings"]

_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
"""RFC 7234, section 5.5; the API server sends code 299 only."""


def parse_warnings(header: str) -> list[str]:
    """The texts of the warnings; the values of repeated headers are joined with commas."""
    return [re.sub(r"\\(.)", r"\1", text) for text in _WARNING.findall(header)]

"""The representation of a confidential object is its type alone."""

import msgspec

from schema.confidential import Confidential


class Token(Confidential, msgspec.Struct):
    value: str


def test_no_value_is_shown() -> None:
    token = Token("secret")
    assert repr(token) == f"{token}" == "<Token>"
    assert repr([token]) == "[<Token>]"

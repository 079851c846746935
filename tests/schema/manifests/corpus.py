"""Texts in YAML that readers disagree on, for comparison with kubectl."""

__all__ = ["REFUSED", "SCALARS", "VALUES"]

SCALARS = [
    scalar
    for line in (
        "yes no on off y n Y N True TRUE tRUE Yes ~ null Null nULL 014 0o14 0x1F 0b11 08 1_000 +5 -5 1e3",
        "1E3 1.5e3 1e+2 .5 5. +.5 1:30 12:30:45 -0b11 0b2 0o8 0x _1 1_ 1__0 +0x1F 2001-01-01",
        "2001-01-01T00:00:00Z 9223372036854775807 -9223372036854775808 9223372036854775808",
        "18446744073709551615 1e20 1e21 1.0 18446744073709551616 100000000000000000000.0 0.1 1e-7",
        "123456789.123456789 0x1p3 1e400 1_0.5_0 .5e1 .1_ ._1 1e1_0 Infinity NaN .Inf2 0x_1F -0o17 -.5",
        "0x1.8p1 inf + 1.e1 .e1 0_7 0b1_1 .. = << -- 500m 1Gi 10% v1 1.2.3 0.0.0.0 1e 00 -0 -0.0 +-1 0b",
        "0o 1_e3",
    )
    for scalar in line.split()
]
"""Plain scalars."""

VALUES = [
    '!!str 5', '!!int "5"', "!!float 1", "!!binary aGk=", "!foo 5", "!foo bar", '"yes"', "! 5", "!!str",
    '!!bool "yes"', '!!null ""', "!!set {a, b}", "!!timestamp 2001-01-01", "!!foo 1", "!!omap [a: 1]",
    "!!merge a", "!!map {a: 1}", "!!seq [1]", "!!float 1e3", "!<tag:yaml.org,2002:str> 5",
    "{1: a, yes: b, 1.5: c, 1e3: d}", "{2001-01-01: a, 0x10: b}", "{n: 1, y: 2}", "{a: 1, a: 2}",
    "{p: own, <<: {p: 1, q: 2}}", "{<<: {p: 1}, p: own}", "{<<: [{p: 1, q: 2}, {p: 3, r: 4}]}",
    '{"<<": {k: 1}}', "[&a {p: [1]}, *a, {<<: *a, q: 2}]", "'it''s'", '"\\u00e9\\n\\x41"', "|\n  a\n   b\n\n",
    "|-\n  a\n", "|+\n  a\n\n", ">\n  a\n  b\n\n  c\n", "a b\n  c", "\ta", "[\t1,\t2]", "{}", "[]", "[a, ]",
    "{a, b: }", '"a\n  b"', "a#b", "a #b", "http://a:80", "'\u2028'", "\u00e9",
]  # fmt: skip
"""The values of a key."""

REFUSED = [
    ".inf", "-.inf", ".nan", "!!int 1.5", "!!float a", '!!binary "*"', "!!bool maybe", "!!int a", "? a",
    "*nope",
    "&a [*a]", "{~: b}", "{[a]: b}", "{<<: 5}", "@x", "`x", "[", "{", "'a", '"a', '"\\q"', "\n\t- a", "a: b",
    "|\n \ta\n  b\nc", "%x",
]  # fmt: skip

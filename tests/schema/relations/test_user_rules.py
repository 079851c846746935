"""The user's own relations: valid files, and errors that stop the start."""

import json
from typing import Any

import pytest

from schema.relations_file import InvalidRelationsFile, parse_relations_file

RULE = {"from": "Pod", "name": "peers", "rule": "selector", "path": "metadata.labels", "to": "Pod"}


def parsed(*rules: Any) -> Any:
    return parse_relations_file(json.dumps({"relations": rules})).relations


def test_an_empty_file_has_no_rules() -> None:
    assert parse_relations_file("").relations == ()
    assert parse_relations_file("health: []").relations == ()


def test_a_rule_names_two_kinds_and_a_path() -> None:
    (rule,) = parsed({**RULE, "to": "Certificate.cert-manager.io"})
    assert (rule.name, rule.path, rule.target.kind, rule.target.group) == (
        "peers",
        "metadata.labels",
        "Certificate",
        "cert-manager.io",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to": ""}, "relations[0] needs a text as `to`"),
        ({"to": 1}, "relations[0] needs a text as `to`"),
        ({"rule": "magic"}, "`rule` is one of"),
        ({"name": "no-name"}, "is no name of a field"),
        ({"name": "__x"}, "is no name of a field"),
        ({"path": ""}, "the rule selector needs `path`"),
        ({"path": "a..b"}, "is no path"),
        ({"path": "a[].b"}, "has no lists"),
        ({"label": "x"}, "the rule selector takes no `label`"),
        ({"rule": "owned"}, "the rule owned takes no `path`"),
        ({"colour": "red"}, "unknown key colour"),
    ],
)
def test_a_wrong_rule_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRelationsFile, match=r".*") as caught:
        parsed({**RULE, **change})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "not a mapping"),
        ("relations: 1", "not a list"),
        ("relations: [1]", "relations[0] is not a mapping"),
        ("a: [", "not YAML"),
        ("rules: []", "unknown key rules"),
        ("health: [{kind: Pod}]", "health[0]"),
    ],
)
def test_a_wrong_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidRelationsFile) as caught:
        parse_relations_file(text)
    assert message in str(caught.value)


def test_a_name_is_given_once() -> None:
    with pytest.raises(InvalidRelationsFile, match="two relations with the name peers"):
        parsed(RULE, RULE)

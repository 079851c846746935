"""The file of ``--relations``; its rules are tested where they are parsed, in ``test_user_rules``."""

import pytest

from schema.relations_file import InvalidRelationsFile, RelationsFile, parse_relations_file


@pytest.mark.parametrize("text", ["", "{}", "# nothing", "relations:\nhealth:\n"])
def test_a_file_without_rules_is_valid(text: str) -> None:
    assert parse_relations_file(text) == RelationsFile()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "it is not YAML"),
        ("- 1", "it is not a mapping"),
        ("relation: []", "unknown key relation; the keys are health and relations"),
        ("relations: 1", "relations"),
        ("health: 1", "health"),
    ],
)
def test_an_invalid_file_names_the_place(text: str, message: str) -> None:
    with pytest.raises(InvalidRelationsFile, match=message):
        parse_relations_file(text)

"""One setting, from the field that declares it."""

from dataclasses import dataclass

import pytest

from gateway.settings.setting import SERVE, Setting, option, setting, settings_of, split_list


@dataclass(frozen=True)
class Part:
    max_bytes: int | None = setting(None, "Bytes.", SERVE, metavar="N", default_words="none")
    only_this: bool = setting(False, "Only this.")
    names: tuple[str, ...] = setting((), "Names.")


def test_fields_declare_settings_in_their_order() -> None:
    first, second, third = settings_of(Part)
    assert first == Setting("max_bytes", int, None, "Bytes.", SERVE, "N", default_words="none")
    assert (first.option, first.variable) == ("--max-bytes", "KUBE_GRAPHQL_MAX_BYTES")
    assert (second.type, second.commands) == (bool, ("serve", "schema", "query"))
    assert third.type is tuple


@pytest.mark.parametrize(
    ("texts", "items"), [((), ()), (("a, b", "c"), ("a", "b", "c")), ((" ", ",a,,"), ("a",))]
)
def test_a_repeatable_option_may_hold_several_items(texts: tuple[str, ...], items: tuple[str, ...]) -> None:
    assert split_list(texts) == items


def test_an_option_is_spelled_with_hyphens() -> None:
    assert option("tls_cert") == "--tls-cert"

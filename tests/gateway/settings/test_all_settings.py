"""Settings that depend on each other, over all parts; ``test_settings`` has their documentation."""

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import Settings


@pytest.mark.parametrize(
    ("settings", "shares"),
    [
        (Settings(), False),
        (Settings(auth="local", share_informers=True), False),
        (Settings(auth="passthrough"), False),
        (Settings(auth="passthrough", share_informers=True), True),
        (Settings(auth="impersonate"), True),
        (Settings(auth="impersonate", share_informers=False), False),
    ],
)
def test_informers_are_shared_by_default_where_the_gateway_has_an_identity(
    settings: Settings, shares: bool
) -> None:
    assert settings.shares_informers() is shares


def test_a_cache_at_start_up_needs_an_identity_at_start_up() -> None:
    for accepted in (
        Settings(cache=("pods",)),
        Settings(auth="passthrough", cache=("pods",), share_informers=True),
    ):
        accepted.check()
    with pytest.raises(ConfigurationError, match="--cache works with"):
        Settings(auth="passthrough", cache=("pods",)).check()


def test_any_origin_is_allowed_only_where_the_browser_sends_no_identity() -> None:
    Settings(auth="passthrough", cors_origins=("*",)).check()
    with pytest.raises(ConfigurationError, match="--auth passthrough only"):
        Settings(auth="local", cors_origins=("https://a.example,*",)).check()

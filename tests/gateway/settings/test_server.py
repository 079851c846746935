"""The settings of the server: loopback hosts, and contradictions."""

import pytest

from gateway.errors import ConfigurationError
from gateway.settings.server import ServerSettings, is_loopback


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_alone(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local


@pytest.mark.parametrize(
    "settings",
    [ServerSettings(tls_cert="c"), ServerSettings(tls_key="k"), ServerSettings(only_trusted=True)],
)
def test_settings_that_need_each_other_are_given_together(settings: ServerSettings) -> None:
    with pytest.raises(ConfigurationError, match=r"needed together|needs --operations"):
        settings.check_server()


def test_complete_settings_are_accepted() -> None:
    ServerSettings(tls_cert="c", tls_key="k", operations="o", only_trusted=True).check_server()

"""The requests that local mode accepts as coming from this machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CallerRefused
from gateway.identity.origin import (
    Authority,
    check_local_request,
    check_same_origin,
    parse_authority,
    parse_origin,
)

LOOPBACK = [
    "localhost",
    "localhost:8000",
    "127.0.0.1",
    "127.0.0.1:8000",
    "[::1]",
    "[::1]:8000",
    "LocalHost:80",
]
ELSEWHERE = [
    "",
    "example.com",
    "example.com:8000",
    "localhost.example.com",
    "127.0.0.1.example.com",
    "127.0.0.1:8000.example.com",
    "localhost:8000, example.com",
    "example.com, localhost",
    "user@localhost",
    "localhost:",
    "localhost:0",
    "localhost:65536",
    "localhost:80:80",
    " localhost",
    "localhost\n",
    "::1",
    "[::1",
    "[::2]",
    "[fe80::1%25lo]",
    "[localhost]",
    "0.0.0.0",
    "10.0.0.1",
    "localhost/path",
    "localhost:٨٠",
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_hosts_are_accepted(host: str) -> None:
    check_local_request({"host": host})


@pytest.mark.parametrize("host", ELSEWHERE)
def test_every_other_host_is_refused(host: str) -> None:
    with pytest.raises(CallerRefused):
        check_local_request({"host": host})


def test_a_request_without_a_host_is_refused() -> None:
    with pytest.raises(CallerRefused):
        check_local_request({})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://127.0.0.1:8000", "localhost:8000"),
        ("https://[::1]:8000", "127.0.0.1:8000"),
        ("http://localhost", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://localhost", "localhost:443"),
        ("http://localhost:80", "localhost"),
    ],
)
def test_pages_of_the_same_port_are_accepted(origin: str, host: str) -> None:
    check_local_request({"host": host, "origin": origin})


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://example.com",
        "http://example.com:8000",
        "http://localhost",
        "http://localhost:3000",
        "https://localhost",
        "file://",
        "chrome-extension://localhost:8000",
        "http://localhost:8000.example.com",
        "http://localhost:8000/",
        "http://localhost:8000@example.com",
        "http://localhost:8000, http://localhost:8000",
        "localhost:8000",
    ],
)
def test_pages_of_every_other_origin_are_refused(origin: str) -> None:
    with pytest.raises(CallerRefused):
        check_local_request({"host": "localhost:8000", "origin": origin})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_sends_no_origin_for_another_page_is_refused(site: str) -> None:
    headers = {"host": "localhost:8000", "sec-fetch-site": site, "sec-fetch-mode": "no-cors"}
    with pytest.raises(CallerRefused):
        check_local_request(headers)


def test_a_link_from_another_page_is_accepted_and_a_frame_is_refused() -> None:
    link = {"host": "localhost:8000", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    check_local_request({**link, "sec-fetch-dest": "document"})
    with pytest.raises(CallerRefused):
        check_local_request({**link, "sec-fetch-dest": "iframe"})


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_browser_on_the_gateways_own_page_is_accepted(site: str) -> None:
    check_local_request({"host": "localhost:8000", "sec-fetch-site": site, "sec-fetch-mode": "cors"})


names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,20}[A-Za-z0-9])?", fullmatch=True)
ports = st.none() | st.integers(1, 65535)


@given(names, ports)
def test_a_formatted_authority_parses_to_itself(name: str, port: int | None) -> None:
    assert parse_authority(name if port is None else f"{name}:{port}") == Authority(name, port)


@given(names, ports)
def test_an_origin_parses_to_scheme_and_authority(name: str, port: int | None) -> None:
    text = name if port is None else f"{name}:{port}"
    assert parse_origin(f"HTTP://{text}") == ("http", Authority(name, port))


@given(st.text(max_size=40))
def test_any_host_is_loopback_or_refused(text: str) -> None:
    parsed = parse_authority(text)
    try:
        check_local_request({"host": text})
    except CallerRefused:
        assert parsed is None or not parsed.loopback
    else:
        assert parsed is not None
        assert parsed.loopback


@given(st.text(max_size=40))
def test_any_origin_is_accepted_or_refused_without_another_error(text: str) -> None:
    try:
        check_local_request({"host": "localhost:8000", "origin": text})
    except CallerRefused:
        return
    parsed = parse_origin(text)
    assert parsed is not None
    assert parsed[1].loopback


@given(names.filter(lambda name: "localhost" not in name.lower() and not name.startswith("127.")), ports)
def test_every_name_but_localhost_is_refused(name: str, port: int | None) -> None:
    with pytest.raises(CallerRefused):
        check_local_request({"host": name if port is None else f"{name}:{port}"})


@pytest.mark.parametrize(
    ("origin", "host", "forwarded"),
    [
        (None, "app.example", ""),
        ("https://app.example", "app.example", ""),
        ("https://APP.example", "app.example:443", ""),
        ("http://app.example:8000", "app.example:8000", ""),
        ("https://app.example", "gateway:8000", "app.example"),
    ],
)
def test_a_websocket_of_the_same_origin_is_accepted(origin: str | None, host: str, forwarded: str) -> None:
    check_same_origin({"host": host, **({"origin": origin} if origin else {})}, forwarded)


@pytest.mark.parametrize(
    ("origin", "host", "forwarded"),
    [
        ("https://evil.example", "app.example", ""),
        ("https://evil.example", "app.example", "app.example"),
        ("https://app.example:8443", "app.example", ""),
        ("null", "app.example", ""),
        ("null", "null", "null"),
        ("", "", ""),
        ("https://app.example.evil.example", "app.example", ""),
    ],
)
def test_a_websocket_of_another_origin_is_refused(origin: str, host: str, forwarded: str) -> None:
    with pytest.raises(CallerRefused, match="another origin"):
        check_same_origin({"host": host, "origin": origin}, forwarded)

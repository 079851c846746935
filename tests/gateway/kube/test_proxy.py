"""The choice of the proxy to the API server from the environment."""

import pytest

from gateway.kube.proxy import proxy_from_environment

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("server", "no_proxy", "proxied"),
    [
        ("https://cluster.example:6443", "", True),
        ("https://cluster.example:6443", "*", False),
        ("https://cluster.example:6443", "cluster.example", False),
        ("https://api.cluster.example:6443", "cluster.example", False),
        ("https://notcluster.example:6443", "cluster.example", True),
        ("https://cluster.example:6443", ".cluster.example", True),
        ("https://api.cluster.example:6443", ".cluster.example", False),
        ("https://api.cluster.example:6443", "*.cluster.example", False),
        ("https://CLUSTER.example:6443", "a, Cluster.Example", False),
        ("https://cluster.example:6443", "cluster.example:443", True),
        ("https://cluster.example:6443", "cluster.example:6443", False),
        ("https://10.96.0.1", "10.0.0.0/8", False),
        ("https://11.96.0.1", "10.0.0.0/8", True),
        ("https://10.96.0.1", "10.96.0.1", False),
        ("https://10.96.0.1", "10.96.0.1:443", False),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://[fd00::1]:6443", "10.0.0.0/8,,", True),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
    ],
)
def test_no_proxy_follows_go(server: str, no_proxy: str, proxied: bool) -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert proxy_from_environment(server, environ) == (PROXY if proxied else None)


def test_each_scheme_has_its_variable_in_both_cases() -> None:
    assert proxy_from_environment("http://a.example", {"HTTPS_PROXY": PROXY}) is None
    assert proxy_from_environment("http://a.example", {"http_proxy": PROXY}) == PROXY
    assert proxy_from_environment("https://a.example", {"https_proxy": "proxy.example:3128"}) == PROXY
    assert proxy_from_environment("https://a.example", {}) is None

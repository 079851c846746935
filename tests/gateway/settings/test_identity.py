"""The settings of the identity: claims that ID tokens must have."""

import pytest

from gateway.errors import ConfigurationError
from gateway.settings.identity import Auth, IdentitySettings


def test_required_claims_are_names_and_values() -> None:
    settings = IdentitySettings(oidc_required_claim=("hd=example.com,a=b=c", "empty="))
    assert settings.required_claims() == (("hd", "example.com"), ("a", "b=c"), ("empty", ""))


@pytest.mark.parametrize("claim", ["hd", "=value"])
def test_a_claim_without_a_name_or_a_value_is_refused(claim: str) -> None:
    with pytest.raises(ConfigurationError, match="is not CLAIM=VALUE"):
        IdentitySettings(oidc_required_claim=(claim,)).required_claims()


def test_defaults_contradict_no_mode_but_impersonation() -> None:
    for auth in (Auth.LOCAL, Auth.PASSTHROUGH):
        IdentitySettings().check_identity(auth, tls=False)
    with pytest.raises(ConfigurationError, match="needs a proof of the caller"):
        IdentitySettings().check_identity(Auth.IMPERSONATE, tls=True)

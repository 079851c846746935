"""The choice of the identity mode."""

from typing import cast

import pytest

from gateway.identity import Local, Passthrough, identity_for
from gateway.kube.client import KubeClient
from gateway.settings import Auth

CLIENT = cast("KubeClient", object())


def test_each_mode_has_its_identity() -> None:
    assert isinstance(identity_for(Auth.LOCAL, CLIENT), Local)
    assert isinstance(identity_for(Auth.PASSTHROUGH, CLIENT), Passthrough)
    assert {type(identity_for(mode, CLIENT)) for mode in Auth} == {Local, Passthrough}


def test_an_unknown_mode_is_an_error_and_no_passthrough() -> None:
    with pytest.raises(AssertionError):
        identity_for(cast("Auth", "impersonate"), CLIENT)

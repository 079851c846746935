"""Telling identities apart by digests that are safe to log and to keep."""

import hashlib
import os
from dataclasses import astuple

from gateway.kube.config.cluster_config import ClusterConfig

__all__ = ["cluster_fingerprint", "token_fingerprint"]

# Keyed with what only this process knows: a digest in a log tells nothing about the token.
KEY = os.urandom(32)


def cluster_fingerprint(config: ClusterConfig) -> str:
    """The same for the same cluster and user, secrets included; different in every process."""
    return digest(repr(astuple(config)))


def token_fingerprint(cluster: str, token: str) -> str:
    """The same for the same token at the cluster with that fingerprint."""
    return digest(f"{cluster} {token}")


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16, key=KEY).hexdigest()

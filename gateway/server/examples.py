"""Where the example apps are: beside the packages in a checkout, in the data directory once installed."""

import sysconfig
from pathlib import Path

import gateway

__all__ = ["folder"]


def folder() -> Path | None:
    """The directory that ``/examples/`` serves; None where the examples were not installed."""
    checkout = Path(gateway.__file__).parent.parent / "examples"
    installed = Path(sysconfig.get_path("data")) / "share" / "kube-graphql" / "examples"
    return next((each for each in (checkout, installed) if (each / "pods-dashboard").is_dir()), None)

"""The API server of the tests of several workers."""

from collections.abc import Iterator

import pytest

from tests.fixtures.backends import Backend, demo_server


@pytest.fixture(scope="package")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A demo API server, to which the tests add only config maps."""
    with demo_server(tmp_path_factory.mktemp("demo")) as server:
        yield server

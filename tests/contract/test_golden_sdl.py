"""The schema of a real API server equals the golden SDL."""

import pytest

from tests.fixtures.backends import Backend
from tests.fixtures.goldens import Golden
from tests.fixtures.processes import run_gateway
from tests.fixtures.sdl import kubernetes_discovery, plain_sdl


@pytest.mark.cluster
def test_a_real_api_server_has_the_golden_schema(seeded_cluster: Backend, golden: Golden) -> None:
    # other tests may have installed custom resources
    groups = {version.group or "core" for version in kubernetes_discovery().group_versions}
    arguments = ["--kubeconfig", str(seeded_cluster.kubeconfig), "--groups", ",".join(sorted(groups))]

    done = run_gateway("schema", *arguments)

    assert done.returncode == 0, done.stderr
    golden("schema/kubernetes.graphql", plain_sdl(done.stdout))

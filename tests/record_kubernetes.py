"""Record the API of a kube-apiserver: ``python -m tests.record_kubernetes KUBECONFIG [FILE]``.

Reads the aggregated discovery and all OpenAPI v3 documents of a server without custom resources, and drops
descriptions and paths. The file has no time stamp: the same server always gives the same bytes. The golden
SDL is built from it (tests/schema/test_golden_sdl.py).
"""

import re
import sys
from pathlib import Path

import httpx

from tests.record_openapi import AGGREGATED, connect, fetch, strip_descriptions, write

GROUP_VERSION = re.compile(r"api/[^/]+|apis/[^/]+/[^/]+")
RECORDED = Path(__file__).parent / "schema" / "kubernetes.json.gz"


def record_documents(client: httpx.Client) -> dict[str, object]:
    """The definitions of every group and version, by its path: ``api/v1``, ``apis/apps/v1``."""
    paths = filter(GROUP_VERSION.fullmatch, fetch(client, "/openapi/v3")["paths"])
    return {
        path: {"components": {"schemas": fetch(client, f"/openapi/v3/{path}")["components"]["schemas"]}}
        for path in sorted(paths)
    }


def main(kubeconfig: Path, file: Path) -> None:
    """Write discovery and documents to one file."""
    with connect(kubeconfig) as client:
        version = fetch(client, "/version")
        recorded = {
            "version": {key: version[key] for key in ("major", "minor", "gitVersion")},
            "api": fetch(client, "/api", AGGREGATED),
            "apis": fetch(client, "/apis", AGGREGATED),
            "documents": strip_descriptions(record_documents(client)),
        }
        write(file, recorded)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else RECORDED)

"""Manifests: the text of Kubernetes objects, as YAML or JSON, as kubectl reads it.

No I/O and nothing of GraphQL. :mod:`schema.manifests.scalars` and :mod:`schema.manifests.yaml_reader` read
one YAML document, :mod:`schema.manifests.documents` splits a text into documents,
:mod:`schema.manifests.manifest` checks the objects in them.
"""

from schema.manifests.documents import read_value
from schema.manifests.manifest import Manifest, ManifestObject, parse_manifest
from schema.manifests.positions import Duplicate, MalformedManifest

__all__ = ["Duplicate", "MalformedManifest", "Manifest", "ManifestObject", "parse_manifest", "read_value"]

"""``applyManifest``, ``deleteManifest``, ``diffManifest`` and ``diffX``.

:mod:`.reading` turns the text into targets before any write; :mod:`.resources` finds the resource of each
kind, :mod:`.installing` waits for new kinds. :mod:`.apply`, :mod:`.delete` and
:mod:`.diff` send the requests. The reading of YAML is in :mod:`schema.manifests`.
"""

from gateway.resolvers.manifests.apply import apply_manifest
from gateway.resolvers.manifests.delete import delete_manifest
from gateway.resolvers.manifests.diff import diff_manifest, diff_object

__all__ = ["apply_manifest", "delete_manifest", "diff_manifest", "diff_object"]

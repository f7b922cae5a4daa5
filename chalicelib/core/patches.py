"""Patches over the rendered objects: Kustomize's strategic merge and JSON 6902.

Not applied yet. A manifest that has them is refused in words: an app without its patches is not the app.
"""

from chalicelib.core.errors import InvalidManifest
from chalicelib.core.manifests import Manifest
from chalicelib.core.objects import Object


def patched(manifest: Manifest, objects: list[Object]) -> list[Object | None]:
    """`objects` with the manifest's patches applied, in place order; None where a patch deleted one.

    Raises:
        InvalidManifest: the manifest has patches.
    """
    problems = [
        manifest.problem(path, "patches are not supported yet")
        for path, there in (
            ("strategicMergePatches", bool(manifest.strategic_merge_patches.strip())),
            ("json6902Patches", bool(manifest.json_patches)),
        )
        if there
    ]
    if problems:
        raise InvalidManifest(tuple(problems))
    return list(objects)

"""Where an app's image comes from, as its values say it: someone else builds it, or we would have to.

Image builds do not exist yet, so a manifest that asks for one is never deployed by itself.
"""

from chalicelib.core.manifests import Manifest
from chalicelib.core.scalars import Value

DYNAMIC, STATIC = "dynamic", "static"
BUILT = ("buildpacks", "dockerfile")


def image_strategy(manifest: Manifest) -> str:
    """`values.image.strategy`; without one, `static` for an image without variables, else `dynamic`."""
    image = manifest.values.get("image")
    settings = image if isinstance(image, dict) else {}
    strategy = settings.get("strategy")
    if isinstance(strategy, str) and strategy:
        return strategy
    fixed = settings and not any(_has_template(settings.get(key)) for key in ("repository", "tag"))
    return STATIC if fixed else DYNAMIC


def refusal_of_image(manifest: Manifest) -> str:
    """Why the image keeps a release from being made; empty when it doesn't."""
    strategy = image_strategy(manifest)
    if strategy in (DYNAMIC, STATIC):
        return ""
    if strategy in BUILT:
        return (
            f"the image is built by strategy {strategy}, which is not supported yet: "
            "ship an artifact from CI or set `dynamic`"
        )
    return f"values.image.strategy {strategy!r} is not known: one of dynamic, static, buildpacks, dockerfile"


def _has_template(value: Value) -> bool:
    return isinstance(value, str) and "{{" in value

"""Terraform modules that an app needs, as the Flux objects that run them.

A `GitRepository` for the module and a tofu-controller `Terraform` that applies it. Values are data in the object,
never text pasted into it.
"""

from urllib.parse import parse_qs, urlsplit, urlunsplit

from chalicelib.core.manifests import Dependency, Manifest
from chalicelib.core.objects import Object
from chalicelib.core.scalars import Value

INTERVAL = "24h0m0s"
_REFERENCES = {"sha": "commit", "tag": "tag", "branch": "branch"}


def dependency_objects(manifest: Manifest) -> list[Object]:
    """The objects of all dependencies, in the order they are written."""
    return [
        item for one in manifest.dependencies for item in (_git_repository(manifest, one), _terraform(manifest, one))
    ]


def _git_repository(manifest: Manifest, dependency: Dependency) -> Object:
    parts = urlsplit(dependency.url)
    query = parse_qs(parts.query)
    reference: dict[str, Value] = {_REFERENCES[key]: query[key][0] for key in _REFERENCES if key in query}
    spec: dict[str, Value] = {"interval": INTERVAL, "url": urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))}
    if reference:
        spec["ref"] = reference
    if dependency.module_secret:
        spec["secretRef"] = {"name": dependency.module_secret}
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": _metadata(manifest, dependency),
        "spec": spec,
    }


def _terraform(manifest: Manifest, dependency: Dependency) -> Object:
    name = f"{manifest.app}-{dependency.name}"
    path = parse_qs(urlsplit(dependency.url).query).get("path", [""])[0]
    spec: dict[str, Value] = {
        "approvePlan": "auto",
        "interval": INTERVAL,
        "sourceRef": {"kind": "GitRepository", "name": name},
        "writeOutputsToSecret": {"name": f"{name}-output"},
    }
    if path:
        spec["path"] = path
    if dependency.values:
        variables = sorted(dependency.values.items())
        spec["vars"] = [{"name": key, "value": _text(value)} for key, value in variables]
    if dependency.secret:
        spec["varsFrom"] = [{"kind": "Secret", "name": dependency.secret}]
    return {
        "apiVersion": "infra.contrib.fluxcd.io/v1alpha2",
        "kind": "Terraform",
        "metadata": _metadata(manifest, dependency),
        "spec": spec,
    }


def _metadata(manifest: Manifest, dependency: Dependency) -> dict[str, Value]:
    return {"name": f"{manifest.app}-{dependency.name}", "namespace": manifest.namespace}


def _text(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value

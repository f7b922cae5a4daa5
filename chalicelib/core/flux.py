"""The Flux objects we write, as YAML text. Fields: fluxcd.io/flux/components (kustomize v1, source v1)."""

import json
from typing import Any

from chalicelib.core.environments import Environment

TIMEOUT = "3m"
INTERVAL = "10m"
SOURCE_INTERVAL = "1m"


def flux_namespace(environment: str) -> str:
    """Where the environment's Flux objects live."""
    return f"gimlet-{environment}"


def source_name(environment: str) -> str:
    """Name of the environment's GitRepository and of the Kustomization of its `flux/` folder."""
    return f"gitops-{environment}"


def kustomization_path(environment: Environment, app: str) -> str:
    """File of the app's Kustomization."""
    return f"{environment.folder()}flux/kustomization-{app}.yaml"


def namespace_path(environment: Environment, namespace: str) -> str:
    """File of a namespace that an app needs."""
    return f"{environment.folder()}flux/namespace-{namespace}.yaml"


def kustomization(environment: Environment, app: str) -> str:
    """The app's own Kustomization: waits for health, prunes what leaves the folder."""
    spec = {
        "interval": INTERVAL,
        "retryInterval": "30s",
        "timeout": TIMEOUT,
        "prune": True,
        "wait": True,
        "path": f"./{environment.folder()}{app}",
        "sourceRef": {"kind": "GitRepository", "name": source_name(environment.name)},
    }
    return _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", environment, app, spec, app=app)


def namespace(name: str) -> str:
    """A namespace, never pruned with an app."""
    return _yaml(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"}},
        },
    )


def connect_files(environment: Environment, url: str, branch: str) -> dict[str, str]:
    """What to apply to a cluster so that Flux follows the environment: namespace, source, Kustomization of `flux/`."""
    name = source_name(environment.name)
    source = {"interval": SOURCE_INTERVAL, "timeout": "60s", "url": url, "ref": {"branch": branch}}
    root = {
        "interval": INTERVAL,
        "retryInterval": "30s",
        "timeout": TIMEOUT,
        "prune": True,
        "wait": False,
        "path": f"./{environment.folder()}flux",
        "sourceRef": {"kind": "GitRepository", "name": name},
    }
    space = _yaml({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": flux_namespace(environment.name)}})
    return {
        f"namespace-{flux_namespace(environment.name)}.yaml": space,
        f"gitops-repo-{environment.name}.yaml": _object(
            "source.toolkit.fluxcd.io/v1", "GitRepository", environment, name, source
        )
        + "---\n"
        + _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", environment, name, root),
    }


def _object(api_version: str, kind: str, environment: Environment, name: str, spec: object, *, app: str = "") -> str:
    labels = {"gimlet.io/environment": environment.name} | ({"gimlet.io/app": app} if app else {})
    metadata = {"name": name, "namespace": flux_namespace(environment.name), "labels": labels}
    return _yaml({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})


def _yaml(value: dict[str, Any]) -> str:
    """YAML in block style; strings are JSON-quoted, which YAML reads as the same text."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: dict[str, Any], depth: int) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines += [f"{'  ' * depth}{key}:", *_lines(item, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{key}: {json.dumps(item)}")
    return lines

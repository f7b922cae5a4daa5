"""What kwok is told about pods: its own stages, and ours that make pods fail on purpose."""

from pathlib import Path
from typing import Any

import yaml

from infra.testbed.api import Object
from infra.testbed.parts import BY_NAME, folder

CONFIGURATION = Path(__file__).parent / "conf"
SUCCEEDING = ("pod-ready", "pod-complete")
# The opposite of what picks a pod in conf/fail-stages.yaml.
FAILS_ON_PURPOSE = (
    'select(.metadata.labels["e2e.test/fail"] != null or any(.spec.containers[].image; test(":[^/@]*does-not-exist")))'
)


def stages() -> list[Object]:
    """All stages, with kwok's own kept away from pods that are to fail."""
    own = [item for path in sorted((folder(BY_NAME["kwok"]) / "stages").glob("*.yaml")) for item in load(path)]
    return [*map(_unless_failing, own), *load(CONFIGURATION / "fail-stages.yaml")]


def load(path: Path) -> list[Object]:
    """The documents of a YAML file."""
    return [item for item in yaml.safe_load_all(path.read_text()) if item]


def pod_logs(log: Path) -> Object:
    """Every pod's log is read from the one file `log`, followed while it grows."""
    source: dict[str, Any] = {"logsFile": str(log), "previousLogsFile": str(log), "follow": True}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterLogs",
        "metadata": {"name": "default"},
        "spec": {"logs": [source]},
    }


def _unless_failing(stage: Object) -> Object:
    if stage["metadata"]["name"] not in SUCCEEDING:
        return stage
    selector = stage["spec"]["selector"]
    keep_away = {"key": FAILS_ON_PURPOSE, "operator": "DoesNotExist"}
    expressions = [*selector["matchExpressions"], keep_away]
    return stage | {"spec": stage["spec"] | {"selector": selector | {"matchExpressions": expressions}}}

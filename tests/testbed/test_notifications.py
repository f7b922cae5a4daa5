"""Flux' own notification-controller tells a listener, signed, what was applied."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from infra.local.git_server import GitServer
from infra.testbed.cluster import Cluster
from infra.testbed.parts import NOTIFICATIONS, missing
from infra.testbed.processes import wait_for
from tests.testbed.conftest import Listener
from tests.testbed.test_cluster import deployment, flux_objects, push

pytestmark = pytest.mark.real

KEY = "key-of-the-test"
ALERT = """
apiVersion: v1
kind: Secret
metadata: {name: listener, namespace: flux-system}
stringData: {token: %(key)s}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: listener, namespace: flux-system}
spec: {type: generic-hmac, address: "%(address)s", secretRef: {name: listener}}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: listener, namespace: flux-system}
spec:
  providerRef: {name: listener}
  eventSources: [{kind: Kustomization, name: "*"}]
  eventMetadata: {environment: staging}
"""


def test_an_alert_posts_signed_events(parts: None, git_host: GitServer, tmp_path: Path) -> None:
    if missing(NOTIFICATIONS):
        pytest.skip("Flux' alerts are not tested: python -m infra.testbed.build notification-controller was not run")
    push(git_host, tmp_path / "work", deployment("told", "registry.example/told:1"))

    with Listener() as listener, Cluster(tmp_path / "cluster").up(notifications=True) as cluster:
        cluster.api.apply_text(ALERT % {"key": KEY, "address": listener.url})
        cluster.api.apply(*flux_objects("told", git_host.url_of("acme/gitops")))
        wait_for("a post", lambda: bool(listener.find("told", "ReconciliationSucceeded")), timeout_seconds=60)
        post = listener.find("told", "ReconciliationSucceeded")

    assert post is not None
    headers, body = post
    assert headers["X-Signature"] == "sha256=" + hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert json.loads(body)["metadata"]["environment"] == "staging"

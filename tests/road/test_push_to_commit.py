"""A push becomes a commit in the GitOps repository: the road, with real parts."""

from __future__ import annotations

import json

import pytest

from tests.road.world import World, git, wait_until

pytestmark = pytest.mark.integration

STAGING = """app: shop
env: staging
namespace: shop
deploy:
  branch: main
  event: push
chart:
  name: webapp
values:
  replicas: 2
  image:
    repository: nginx
    tag: "{{ .SHA }}"
"""
PRODUCTION = (
    STAGING.replace("env: staging", "env: production")
    .replace("branch: main", 'tag: "v*"')
    .replace("event: push", "event: tag")
)


def test_a_push_becomes_one_commit_that_tells_one_story(world: World) -> None:
    gitops = world.import_repository("acme/gitops", "gitops")
    world.import_repository("acme/shop", "application")
    world.make_environment("staging", gitops)
    world.make_environment("production", gitops, 1)
    shop = world.clone("acme/shop")

    sha = shop.push("Sell things", {".gimlet/staging.yaml": STAGING, ".gimlet/production.yaml": PRODUCTION})

    head = wait_until("commit in the GitOps repository", lambda: world.gitops_head("acme/gitops"))
    bare = world.system.git.path_of("acme/gitops")
    assert world.gitops_log("acme/gitops") == ["[Gimlet] staging/shop automated deploy"]
    release = json.loads(git(bare, "show", "main:staging/shop/release.json"))
    assert release["version"]["sha"] == sha
    assert sha in git(bare, "show", "main:staging/shop/deployment.yaml")
    status = wait_until("status", lambda: world.call("GET", "/api/status?env=staging").body)
    assert status["shop"]["gitopsRef"] == head
    assert status["shop"]["version"]["sha"] == sha
    [listed] = world.call("GET", "/api/releases?env=staging").body
    assert listed["gitopsRef"] == head
    artifact = listed["artifactId"]
    track = world.call("GET", f"/api/eventArtifactTrack?artifactId={artifact}").body
    assert track["status"] == "processed"
    assert [(one["app"], one["env"], one["hash"], one["status"]) for one in track["results"]] == [
        ("shop", "staging", head, "success")
    ]

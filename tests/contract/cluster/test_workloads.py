"""How Deployments roll out and pods come, fail and go, in the words that the agent tells."""

from tests.contract.cluster.subject import (
    DEPLOYMENTS,
    EVENTS,
    PODS,
    REPLICA_SETS,
    Object,
    Subject,
    app_files,
    condition,
    waiting,
)

COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")


def images_of(pods: list[Object]) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods}


def is_done(status: Object, wanted: int) -> bool:
    return [status.get(count) for count in COUNTS] == [wanted] * len(COUNTS)


def test_a_deployment_is_done_when_all_counts_are_what_it_wants(cluster: Subject) -> None:
    cluster.settled("counted", cluster.push(app_files("counted", replicas=3)))

    deployment = cluster.named(DEPLOYMENTS, "counted")

    assert deployment is not None
    status = deployment["status"]
    assert is_done(status, 3)
    assert status["observedGeneration"] == deployment["metadata"]["generation"]
    assert condition(deployment, "Available")["status"] == "True"
    assert condition(deployment, "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_pod_leads_to_its_deployment_by_its_owners_alone(cluster: Subject) -> None:
    cluster.settled("chained", cluster.push(app_files("chained")))

    (pod,) = cluster.pods("chained")

    (owner,) = pod["metadata"]["ownerReferences"]
    replica_set = cluster.named(REPLICA_SETS, owner["name"])
    assert replica_set is not None
    (above,) = replica_set["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ReplicaSet", replica_set["metadata"]["uid"], True)
    assert (above["kind"], above["name"], above["controller"]) == ("Deployment", "chained", True)
    labels = pod["metadata"]["labels"]
    assert labels["app"] == "chained"
    assert labels["pod-template-hash"] == replica_set["metadata"]["labels"]["pod-template-hash"]
    assert "kustomize.toolkit.fluxcd.io/name" not in labels


def test_a_running_pod_is_ready_and_says_since_when(cluster: Subject) -> None:
    cluster.settled("running", cluster.push(app_files("running")))

    (pod,) = cluster.pods("running")

    (container,) = pod["status"]["containerStatuses"]
    assert pod["status"]["phase"] == "Running"
    assert condition(pod, "Ready")["status"] == "True"
    assert (container["name"], container["image"], container["ready"]) == ("web", "shop:1", True)
    assert container["restartCount"] == 0
    assert container["state"]["running"]["startedAt"].endswith("Z")


def test_a_rollout_brings_new_pods_before_it_takes_old_ones(cluster: Subject) -> None:
    cluster.settled("rolled", cluster.push(app_files("rolled", replicas=2)))
    version = cluster.version(DEPLOYMENTS)
    revision = cluster.push(app_files("rolled", "shop:2", replicas=2))

    told = []
    for _, item in cluster.watch(DEPLOYMENTS, version, seconds=60, name="rolled"):
        told.append(item["status"])
        if item["metadata"]["generation"] == item["status"]["observedGeneration"] and is_done(item["status"], 2):
            break

    assert min(status["availableReplicas"] for status in told) == 2
    assert max(status["replicas"] for status in told) == 3
    cluster.settled("rolled", revision)
    cluster.until("only new pods", lambda: images_of(cluster.pods("rolled")) == {"shop:2"})
    assert len(cluster.pods("rolled")) == 2


def test_an_image_that_cannot_be_pulled_fails_the_release_and_keeps_the_old_pods(cluster: Subject) -> None:
    good = cluster.push(app_files("unpulled"))
    cluster.settled("unpulled", good)

    bad = cluster.push(app_files("unpulled", "shop:does-not-exist"))
    stuck = cluster.until("a stuck pod", lambda: find_waiting(cluster, "unpulled", "ImagePullBackOff"))
    found = cluster.settled("unpulled", bad)

    assert stuck["status"]["phase"] == "Pending"
    assert "shop:does-not-exist" in waiting(stuck)["message"]
    ready = condition(found, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "HealthCheckFailed")
    assert ready["message"].startswith("health check failed after ")
    assert "Deployment/contract-apps/unpulled status: 'InProgress'" in ready["message"]
    assert condition(found, "Healthy")["reason"] == "HealthCheckFailed"
    assert condition(found, "Reconciling")["reason"] == "ProgressingWithRetry"
    assert found["status"]["lastAppliedRevision"] == good
    assert images_of(cluster.pods("unpulled")) == {"shop:1", "shop:does-not-exist"}


def test_a_pod_in_trouble_has_a_warning(cluster: Subject) -> None:
    cluster.push(app_files("warned", "shop:does-not-exist"))
    pod = cluster.until("a stuck pod", lambda: find_waiting(cluster, "warned", "ImagePullBackOff"))

    def warning() -> Object | None:
        warnings = cluster.get(EVENTS, fieldSelector="type=Warning")["items"]
        assert {it["type"] for it in warnings} <= {"Warning"}
        return next((it for it in warnings if it["involvedObject"].get("uid") == pod["metadata"]["uid"]), None)

    found = cluster.until("its warning", warning)

    assert found["involvedObject"]["kind"] == "Pod"
    assert found["involvedObject"]["name"] == pod["metadata"]["name"]
    assert found["reason"] in ("Failed", "BackOff")
    assert found["message"]
    cluster.push(dict.fromkeys(app_files("warned")))


def test_a_crashing_container_waits_and_is_restarted_again(cluster: Subject) -> None:
    cluster.push(app_files("crashing", fail="crashloop"))
    pod = cluster.until("a crashing pod", lambda: find_waiting(cluster, "crashing", "CrashLoopBackOff"))
    version, restarts = pod["metadata"]["resourceVersion"], pod["status"]["containerStatuses"][0]["restartCount"]

    told = next(item for _, item in cluster.watch(PODS, version, seconds=30, name=pod["metadata"]["name"]))

    (container,) = told["status"]["containerStatuses"]
    assert container["restartCount"] > restarts > 0
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert not container["ready"]
    cluster.push(dict.fromkeys(app_files("crashing")))


def test_a_broken_release_heals_by_the_next_good_one(cluster: Subject) -> None:
    cluster.settled("healed", cluster.push(app_files("healed", "shop:does-not-exist")))

    good = cluster.push(app_files("healed", "shop:2"))
    found = cluster.settled("healed", good)

    assert condition(found, "Ready")["status"] == "True"
    assert found["status"]["lastAppliedRevision"] == good
    cluster.until("only good pods", lambda: images_of(cluster.pods("healed")) == {"shop:2"})


def find_waiting(cluster: Subject, app: str, reason: str) -> Object | None:
    """A pod of the app whose container waits for this reason."""
    return next((pod for pod in cluster.pods(app) if waiting(pod).get("reason") == reason), None)

"""What is applied, in which order it is reported, and how it fails: as the agent and a release's hops need it."""

from tests.contract.cluster.subject import (
    DEPLOYMENTS,
    FLUX_NAMESPACE,
    KUSTOMIZATIONS,
    PODS,
    SERVICES,
    SOURCES,
    Subject,
    app_files,
    condition,
    kustomization_file,
    service,
)

STEPS = ("Building manifests", "Running health checks")


def test_the_source_names_the_revision_that_it_holds(cluster: Subject) -> None:
    revision = cluster.push({"notes.txt": "nothing to apply"})

    def fetched() -> bool:
        found = cluster.named(SOURCES, "gitops-contract", FLUX_NAMESPACE)
        return found is not None and found["status"]["artifact"]["revision"] == revision

    cluster.until("the new revision", fetched)
    source = cluster.named(SOURCES, "gitops-contract", FLUX_NAMESPACE)
    assert source is not None
    assert (condition(source, "Ready")["status"], condition(source, "Ready")["reason"]) == ("True", "Succeeded")


def test_a_kustomization_is_reported_step_by_step_until_it_is_ready(cluster: Subject) -> None:
    version = cluster.version(KUSTOMIZATIONS)
    revision = cluster.push(app_files("steps"))
    told = []
    for _, item in cluster.watch(KUSTOMIZATIONS, version, seconds=60, name="steps"):
        told.append(item)
        if condition(item, "Ready")["status"] == "True":
            break

    messages = [condition(item, "Reconciling")["message"] for item in told]
    seen = [step for step in STEPS if any(message.startswith(step) for message in messages)]
    first = [next(n for n, message in enumerate(messages) if message.startswith(step)) for step in seen]
    assert seen[-1] == "Running health checks"
    assert first == sorted(first)
    before = next(item for item in told if condition(item, "Reconciling")["message"].startswith(STEPS[-1]))
    assert (condition(before, "Ready")["status"], condition(before, "Ready")["reason"]) == ("Unknown", "Progressing")
    assert condition(before, "Reconciling")["reason"] == "Progressing"
    assert before["status"]["lastAttemptedRevision"] == revision
    assert "lastAppliedRevision" not in before["status"]


def test_a_kustomization_that_is_ready_names_the_revision_and_its_generation(cluster: Subject) -> None:
    revision = cluster.push(app_files("ready"))

    found = cluster.settled("ready", revision)

    ready, healthy = condition(found, "Ready"), condition(found, "Healthy")
    assert (ready["status"], ready["reason"]) == ("True", "ReconciliationSucceeded")
    assert ready["message"] == f"Applied revision: {revision}"
    assert (healthy["status"], healthy["reason"]) == ("True", "Succeeded")
    assert healthy["message"].startswith("Health check passed in ")
    assert condition(found, "Reconciling")["status"] == ""
    assert found["status"]["lastAppliedRevision"] == revision
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]


def test_what_a_kustomization_applied_is_labelled_with_it(cluster: Subject) -> None:
    cluster.settled("labelled", cluster.push(app_files("labelled")))

    deployment = cluster.named(DEPLOYMENTS, "labelled")

    assert deployment is not None
    labels = deployment["metadata"]["labels"]
    assert labels["kustomize.toolkit.fluxcd.io/name"] == "labelled"
    assert labels["kustomize.toolkit.fluxcd.io/namespace"] == FLUX_NAMESPACE


def test_a_push_to_one_app_changes_no_version_of_anothers_objects(cluster: Subject) -> None:
    cluster.settled("left", cluster.push(app_files("left") | app_files("right")))
    left = cluster.named(DEPLOYMENTS, "left")

    revision = cluster.push(app_files("right", "shop:2"))
    cluster.settled("right", revision)
    again = cluster.settled("left", revision)

    assert cluster.named(DEPLOYMENTS, "left") == left
    assert again["status"]["lastAppliedRevision"] == revision


def test_what_leaves_the_repository_is_deleted_but_for_what_is_marked_to_stay(cluster: Subject) -> None:
    stays = service("stays", annotations={"kustomize.toolkit.fluxcd.io/prune": "disabled"})
    files = {"pruned/goes.yaml": service("goes"), "pruned/stays.yaml": stays, "pruned/kept.yaml": service("kept")}
    cluster.settled("pruned", cluster.push(files | kustomization_file("pruned")))

    cluster.settled("pruned", cluster.push({"pruned/goes.yaml": None, "pruned/stays.yaml": None}))

    cluster.until("goes is gone", lambda: cluster.named(SERVICES, "goes") is None)
    assert cluster.named(SERVICES, "stays") is not None
    assert cluster.named(SERVICES, "kept") is not None


def test_an_app_goes_with_its_kustomization(cluster: Subject) -> None:
    cluster.settled("leaving", cluster.push(app_files("leaving")))
    assert cluster.pods("leaving")

    def remaining() -> list[str]:
        names = [pod["metadata"]["name"] for pod in cluster.get(PODS)["items"]]
        return [name for name in names if name.startswith("leaving-")]

    cluster.push(dict.fromkeys(app_files("leaving")))

    cluster.until("no Deployment, no pods", lambda: not cluster.named(DEPLOYMENTS, "leaving") and not remaining())
    cluster.until("no Kustomization", lambda: cluster.named(KUSTOMIZATIONS, "leaving", FLUX_NAMESPACE) is None)


def test_broken_yaml_names_its_file_and_leaves_what_runs(cluster: Subject) -> None:
    good = cluster.push({"garbled/service.yaml": service("garbled")} | kustomization_file("garbled"))
    cluster.settled("garbled", good)

    bad = cluster.push({"garbled/service.yaml": "kind: [Service\n"})
    found = cluster.settled("garbled", bad)

    ready = condition(found, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "BuildFailed")
    assert "garbled/service.yaml" in ready["message"]
    assert found["status"]["lastAppliedRevision"] == good
    assert condition(found, "Reconciling")["reason"] == "ProgressingWithRetry"
    assert cluster.named(SERVICES, "garbled") is not None
    cluster.settled("garbled", cluster.push({"garbled/service.yaml": service("garbled")}))


def test_a_folder_that_is_not_there_fails_the_artifact(cluster: Subject) -> None:
    cluster.push(kustomization_file("homeless"))

    def failed() -> bool:
        return bool(condition(cluster.kustomization("homeless"), "Ready")["reason"] == "ArtifactFailed")

    cluster.until("ArtifactFailed", failed)
    assert "kustomization path not found" in condition(cluster.kustomization("homeless"), "Ready")["message"]
    cluster.push(dict.fromkeys(kustomization_file("homeless")))


def test_a_poke_makes_a_push_arrive_at_once(cluster: Subject) -> None:
    files = {"quick/service.yaml": service("quick")} | kustomization_file("quick", wait=False)

    cluster.settled("quick", cluster.push(files))  # its source looks by itself only much later than this waits

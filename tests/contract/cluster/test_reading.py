"""What the agent relies on of an API server: lists in pages, watches, bookmarks, versions that expire."""

import itertools

import pytest

from tests.contract.cluster.subject import KUSTOMIZATIONS, SERVICES, Object, Subject, kustomization_file, service


def test_the_server_names_its_version(cluster: Subject) -> None:
    assert cluster.get("/version")["gitVersion"].startswith("v1.36.3")


def test_a_wrong_token_is_refused(cluster: Subject) -> None:
    with pytest.raises(OSError, match="401"):
        cluster.open(SERVICES, token="wrong")


@pytest.mark.parametrize("path", ["/apis/helm.toolkit.fluxcd.io/v2/helmreleases", "/apis/apps/v1/nonsense"])
def test_a_kind_that_is_not_there_is_not_found(cluster: Subject, path: str) -> None:
    with pytest.raises(OSError, match="404"):
        cluster.open(path)


def test_pages_hold_each_object_once_and_are_of_one_version(cluster: Subject) -> None:
    files = {f"paged/{name}.yaml": service(name) for name in ("one", "three", "two")}
    cluster.settled("paged", cluster.push(files | kustomization_file("paged")))

    pages = [cluster.get(SERVICES, limit="1")]
    while token := pages[-1]["metadata"].get("continue"):
        pages.append(cluster.get(SERVICES, **{"limit": "1", "continue": token}))

    names = [(item["metadata"]["namespace"], item["metadata"]["name"]) for page in pages for item in page["items"]]
    assert len(pages) >= 3
    assert names == sorted(set(names))
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1


def test_a_watch_goes_on_from_a_list_and_tells_each_change_once(cluster: Subject) -> None:
    version = cluster.version(SERVICES)
    revision = cluster.push({"watched/it.yaml": service("watched", 81)} | kustomization_file("watched"))
    cluster.settled("watched", revision)
    cluster.settled("watched", cluster.push({"watched/it.yaml": service("watched", 82)}))
    cluster.settled("watched", cluster.push({"watched/it.yaml": service("other", 82)}))

    told = list(itertools.islice(cluster.watch(SERVICES, version, seconds=20, name="watched"), 3))

    assert [kind for kind, _ in told] == ["ADDED", "MODIFIED", "DELETED"]
    assert [item["spec"]["ports"][0]["port"] for _, item in told] == [81, 82, 82]
    versions = [int(item["metadata"]["resourceVersion"]) for _, item in told]
    assert versions == sorted(set(versions))
    assert all((item["kind"], item["apiVersion"]) == ("Service", "v1") for _, item in told)


def test_a_watch_ends_cleanly_after_the_time_asked_for(cluster: Subject) -> None:
    told = list(cluster.watch(SERVICES, cluster.version(SERVICES), seconds=1))

    assert {kind for kind, _ in told} <= {"BOOKMARK"}


def test_a_bookmark_names_a_version_from_which_a_watch_goes_on(cluster: Subject) -> None:
    version, ports = cluster.version(SERVICES), itertools.count(81)

    def last_told_while_one_changes() -> Object | None:
        """A real server sends a bookmark 2 s before the end, and only if something of the kind changed meanwhile."""
        watch = cluster.watch(SERVICES, version, seconds=8)
        cluster.push({"marked/it.yaml": service("marked", next(ports))} | kustomization_file("marked"))
        *_, (kind, item) = watch
        return item if kind == "BOOKMARK" else None

    reached = cluster.until("a bookmark at last", last_told_while_one_changes)["metadata"]["resourceVersion"]

    assert int(reached) > int(version)
    assert {kind for kind, _ in cluster.watch(SERVICES, reached, seconds=1)} <= {"BOOKMARK"}


def test_a_version_too_old_is_an_error_event_in_an_answer_of_200(cluster: Subject) -> None:
    told = list(cluster.watch(KUSTOMIZATIONS, "1", seconds=5))

    assert [kind for kind, _ in told] == ["ERROR"]
    assert (told[0][1]["kind"], told[0][1]["code"], told[0][1]["reason"]) == ("Status", 410, "Expired")

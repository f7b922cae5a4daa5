"""What the agent relies on of an API server: lists in pages, watches, bookmarks, versions that expire."""

import itertools

import pytest

from tests.contract.cluster.subject import (
    APPS_NAMESPACE,
    CONFIG_MAPS,
    KUSTOMIZATIONS,
    NAMESPACES,
    Object,
    Subject,
    kustomization_file,
    manifest,
)


def config_map(name: str, value: str) -> str:
    return manifest("v1", "ConfigMap", name, APPS_NAMESPACE, data={"key": value})


def test_the_server_names_its_version(cluster: Subject) -> None:
    assert cluster.get("/version")["gitVersion"].startswith("v1.36.3")


def test_a_wrong_token_is_refused(cluster: Subject) -> None:
    refused = cluster.get(NAMESPACES, token="wrong")

    assert (refused["kind"], refused["code"], refused["reason"]) == ("Status", 401, "Unauthorized")


@pytest.mark.parametrize("path", ["/apis/helm.toolkit.fluxcd.io/v2/helmreleases", "/apis/apps/v1/nonsense"])
def test_a_kind_that_is_not_there_is_not_found(cluster: Subject, path: str) -> None:
    with pytest.raises(OSError, match="404"):
        cluster.open(path)


def test_an_object_that_is_not_there_is_not_found(cluster: Subject) -> None:
    missed = cluster.get(f"{NAMESPACES}/nowhere")

    assert (missed["kind"], missed["code"], missed["reason"]) == ("Status", 404, "NotFound")


def test_pages_hold_each_object_once_and_are_of_one_version(cluster: Subject) -> None:
    pages = [cluster.get(NAMESPACES, limit="1")]
    while token := pages[-1]["metadata"].get("continue"):
        pages.append(cluster.get(NAMESPACES, **{"limit": "1", "continue": token}))

    names = [item["metadata"]["name"] for page in pages for item in page["items"]]
    assert len(pages) >= 3
    assert names == sorted(set(names))
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1


def test_a_list_names_a_builtin_kind_once_and_a_custom_one_at_each_item(cluster: Subject) -> None:
    builtin, custom = cluster.get(NAMESPACES), cluster.get(KUSTOMIZATIONS)

    assert (builtin["kind"], custom["kind"]) == ("NamespaceList", "KustomizationList")
    assert not any("kind" in item for item in builtin["items"])
    assert {item["kind"] for item in custom["items"]} == {"Kustomization"}


def test_a_watch_goes_on_from_a_list_and_tells_each_change_once(cluster: Subject) -> None:
    version = cluster.get(CONFIG_MAPS)["metadata"]["resourceVersion"]
    revision = cluster.push({"watched/map.yaml": config_map("watched", "one")} | kustomization_file("watched"))
    cluster.settled("watched", revision)
    cluster.settled("watched", cluster.push({"watched/map.yaml": config_map("watched", "two")}))
    cluster.settled("watched", cluster.push({"watched/map.yaml": config_map("other", "two")}))

    query = {"fieldSelector": "metadata.name=watched", "resourceVersion": version}
    told = list(itertools.islice(cluster.watch(CONFIG_MAPS, seconds=20, **query), 3))

    assert [kind for kind, _ in told] == ["ADDED", "MODIFIED", "DELETED"]
    assert [item["data"]["key"] for _, item in told] == ["one", "two", "two"]
    versions = [int(item["metadata"]["resourceVersion"]) for _, item in told]
    assert versions == sorted(set(versions))
    assert all((item["kind"], item["apiVersion"]) == ("ConfigMap", "v1") for _, item in told)


def test_a_watch_without_a_version_first_tells_what_is_there(cluster: Subject) -> None:
    names = {item["metadata"]["name"] for item in cluster.get(NAMESPACES)["items"]}

    told = list(itertools.islice(cluster.watch(NAMESPACES, seconds=10), len(names)))

    assert {kind for kind, _ in told} == {"ADDED"}
    assert {item["metadata"]["name"] for _, item in told} == names


def test_a_watch_ends_cleanly_after_the_time_asked_for(cluster: Subject) -> None:
    version = cluster.get(NAMESPACES)["metadata"]["resourceVersion"]

    assert list(cluster.watch(NAMESPACES, seconds=1, resourceVersion=version)) == []


def test_a_bookmark_names_a_version_from_which_a_watch_goes_on(cluster: Subject) -> None:
    version = cluster.get(CONFIG_MAPS)["metadata"]["resourceVersion"]
    query = {"fieldSelector": "metadata.name=another", "allowWatchBookmarks": "true", "resourceVersion": version}
    values = itertools.count()

    def told_while_another_changes() -> list[tuple[str, Object]]:
        """A real server sends one 2 s before the end, and only if something of the kind changed meanwhile."""
        watch = cluster.watch(CONFIG_MAPS, seconds=8, **query)
        cluster.push({"marked/map.yaml": config_map("marked", f"{next(values)}")} | kustomization_file("marked"))
        return list(watch)

    told = cluster.until("a bookmark", told_while_another_changes)

    assert {kind for kind, _ in told} == {"BOOKMARK"}
    reached = told[-1][1]["metadata"]["resourceVersion"]
    assert int(reached) > int(version)
    assert list(cluster.watch(CONFIG_MAPS, seconds=1, resourceVersion=reached)) == []


def test_a_version_too_old_is_an_error_event_in_an_answer_of_200(cluster: Subject) -> None:
    told = list(cluster.watch(KUSTOMIZATIONS, seconds=5, resourceVersion="1"))

    assert [kind for kind, _ in told] == ["ERROR"]
    assert (told[0][1]["kind"], told[0][1]["code"], told[0][1]["reason"]) == ("Status", 410, "Expired")

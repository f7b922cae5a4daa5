"""What intake relies on in an application repository, held against the fake and a real git host."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import NotFound, Rejected, ScmUnavailable
from chalicelib.ports.git import MAX_FILE_BYTES, MAX_FILES
from tests.contract.git.conftest import Host
from tests.fakes_git import Link

MAIN = "refs/heads/main"


def test_heads_are_all_branches_and_tags(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    second = host.commit("refs/heads/feature/x", {"a": b"2"}, parents=[first])
    host.move("refs/tags/v1", first)
    host.move("refs/pull/1/head", second)

    assert {ref: sha for ref, sha in host.reader().heads().items() if not ref.startswith("refs/pull")} == {
        MAIN: first,
        "refs/heads/feature/x": second,
        "refs/tags/v1": first,
    }


def test_a_ref_is_found_by_its_full_name_only(host: Host) -> None:
    head = host.commit(MAIN, {"a": b"1"})
    host.commit("refs/heads/x/refs/heads/gone", {"a": b"2"})
    reader = host.reader()

    assert reader.head(MAIN) == head
    assert reader.head("refs/heads/gone") is None


def test_a_commit_tells_who_made_it_when_and_on_what(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    second = host.commit(MAIN, {"a": b"2"}, "fix: two\n\nbody\n", at=1_700_000_100)

    commit = host.reader().commit(second)

    assert (commit.sha, commit.parents, commit.message) == (second, (first,), "fix: two\n\nbody\n")
    assert (commit.author_name, commit.author_email, commit.committer_name, commit.committer_email) == (
        "Jane",
        "jane@acme.org",
        "Jane",
        "jane@acme.org",
    )
    assert commit.committed_at == 1_700_000_100


def test_a_commit_that_is_not_there_is_not_found(host: Host) -> None:
    host.commit(MAIN, {"a": b"1"})

    with pytest.raises(NotFound):
        host.reader().commit("2" * 40)


def test_a_dropped_commit_is_not_contained(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    dropped = host.commit(MAIN, {"a": b"2"})
    head = host.commit(MAIN, {"a": b"3"}, parents=[first])
    reader = host.reader()

    assert reader.contains(head, first)
    assert not reader.contains(head, dropped)


def test_missed_commits_come_oldest_first(host: Host) -> None:
    shas = [host.commit(MAIN, {"a": b"%d" % n}) for n in range(70)]
    reader = host.reader()

    assert [commit.sha for commit in reader.first_parents(shas[-4], shas[-1], 50)] == shas[-3:]
    assert len(reader.first_parents(shas[0], shas[-1], 51)) == 51


def test_the_files_of_a_folder_are_read_without_its_subfolders(host: Host) -> None:
    head = host.commit(
        MAIN, {".gimlet/a.yaml": b"a", ".gimlet/b.yaml": b"b", ".gimlet/deep/c.yaml": b"c", "src/x": b"x"}
    )
    reader = host.reader()

    assert reader.files(head, ".gimlet") == {".gimlet/a.yaml": b"a", ".gimlet/b.yaml": b"b"}
    assert reader.files(head, ".gone") == {}


def test_files_are_those_of_the_commit_asked_for(host: Host) -> None:
    first = host.commit(MAIN, {".gimlet/a.yaml": b"1"})
    second = host.commit(MAIN, {".gimlet/a.yaml": b"2"})
    reader = host.reader()

    assert reader.files(second, ".gimlet") == {".gimlet/a.yaml": b"2"}
    assert reader.files(first, ".gimlet") == {".gimlet/a.yaml": b"1"}


def test_files_are_read_after_a_difference_walked_their_folder(host: Host) -> None:
    host.commit(MAIN, {".gimlet/a.yaml": b"1"})
    second = host.commit(MAIN, {".gimlet/a.yaml": b"2", ".gimlet/b.yaml": b"b"})
    reader = host.reader()
    reader.changed_files(None, second)

    assert reader.files(second, ".gimlet") == {".gimlet/a.yaml": b"2", ".gimlet/b.yaml": b"b"}


def test_a_symbolic_link_is_refused_and_named(host: Host) -> None:
    head = host.commit(MAIN, {".gimlet/a.yaml": b"a", ".gimlet/passwd": Link("/etc/passwd")})

    with pytest.raises(Rejected, match=r"\.gimlet/passwd"):
        host.reader().files(head, ".gimlet")


def test_a_folder_that_is_a_link_is_refused(host: Host) -> None:
    head = host.commit(MAIN, {"elsewhere/a.yaml": b"a", ".gimlet": Link("elsewhere")})

    with pytest.raises(Rejected):
        host.reader().files(head, ".gimlet")


def test_a_file_up_to_the_limit_is_read_and_one_byte_more_refused(host: Host) -> None:
    fits = host.commit(MAIN, {".gimlet/large": b"x" * MAX_FILE_BYTES})
    over = host.commit(MAIN, {".gimlet/large": b"x" * (MAX_FILE_BYTES + 1)})
    reader = host.reader()

    assert len(reader.files(fits, ".gimlet")[".gimlet/large"]) == MAX_FILE_BYTES
    with pytest.raises(Rejected, match="larger than"):
        reader.files(over, ".gimlet")


def test_too_many_files_are_refused(host: Host) -> None:
    head = host.commit(MAIN, {f".gimlet/{n}": b"" for n in range(MAX_FILES + 1)})

    with pytest.raises(Rejected, match=str(MAX_FILES)):
        host.reader().files(head, ".gimlet")


def test_changed_files_are_those_that_differ_in_either_direction(host: Host) -> None:
    before = host.commit(MAIN, {"src/a": b"1", "src/b": b"1", "src/same/c": b"1", "swap": b"file", "gone/x": b"1"})
    after = host.commit(MAIN, {"src/a": b"2", "src/new/d": b"1", "gone/x": None, "swap": None, "swap/now": b"folder"})
    reader = host.reader()

    expected = ["gone/x", "src/a", "src/new/d", "swap", "swap/now"]
    assert reader.changed_files(before, after) == expected
    assert reader.changed_files(None, after) == expected
    assert reader.changed_files(after, after) == []


def test_of_a_root_commit_every_file_is_changed(host: Host) -> None:
    root = host.commit(MAIN, {"src/a": b"1", "b": b"1"})

    assert host.reader().changed_files(None, root) == ["b", "src/a"]


def test_what_is_no_hash_never_reaches_git(host: Host) -> None:
    host.commit(MAIN, {"a": b"1"})
    reader = host.reader()

    for name in ("--upload-pack=touch x", "main", "refs/heads/main", "1" * 39):
        with pytest.raises(Rejected):
            reader.commit(name)


def test_a_host_that_is_down_is_unavailable(host: Host) -> None:
    reader = host.reader()
    host.stop()

    with pytest.raises(ScmUnavailable):
        reader.heads()

"""What the train relies on in a GitOps repository, held against the fake and the real one."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import NotFound, PushRefused, Rejected, ScmUnavailable, StaleHead
from chalicelib.ports.git import CommitPlan, FileChange, GitOpsRepo, parse_trailers
from tests.contract.git.conftest import Host
from tests.fakes_git import Link

MAIN = "refs/heads/main"


def plan(*changes: tuple[str, bytes | None], message: str = "release", at: int = 1_800_000_000) -> CommitPlan:
    return CommitPlan(tuple(FileChange(*c) for c in changes), message, "Gimlet", "gimlet@gimlet.io", at)


def release(repo: GitOpsRepo, *plans: CommitPlan) -> list[str]:
    head = repo.head()
    made = repo.build(head, plans)
    repo.push(made[-1], head)
    return made


def test_a_repository_without_the_branch_has_no_head_and_takes_a_first_commit(host: Host) -> None:
    repo = host.writer()
    assert repo.head() is None

    made = release(repo, plan(("staging/shop/a.yaml", b"a\n")))

    assert host.writer().head() == made[0]
    assert [commit.parents for commit in host.writer().log(None, made[0], 10)] == [()]


def test_a_release_changes_only_the_files_it_names(host: Host) -> None:
    host.commit(MAIN, {"staging/shop/a.yaml": b"1", "staging/shop/hand.yaml": b"kept", "production/shop/a.yaml": b"0"})
    repo = host.writer()

    made = release(repo, plan(("staging/shop/a.yaml", b"2"), ("staging/shop/b.yaml", b"new")))

    assert host.writer().read(made[0], "") == {
        "staging/shop/a.yaml": b"2",
        "staging/shop/b.yaml": b"new",
        "staging/shop/hand.yaml": b"kept",
        "production/shop/a.yaml": b"0",
    }


def test_many_releases_are_one_chain_and_one_push(host: Host) -> None:
    base = host.commit(MAIN, {"README": b"x"})
    repo = host.writer()

    made = release(repo, *(plan((f"staging/app{n}/a.yaml", b"x"), message=f"release {n}\n") for n in range(5)))

    chain = host.writer().log(base, made[-1], 100)
    assert [commit.sha for commit in chain] == made
    assert [commit.parents for commit in chain] == [(parent,) for parent in [base, *made[:-1]]]
    assert [commit.message for commit in chain] == [f"release {n}\n" for n in range(5)]


def test_the_same_plans_on_the_same_base_make_the_same_commits_everywhere(host: Host) -> None:
    base = host.commit(MAIN, {"staging/shop/a.yaml": b"1", "staging/shop.yaml": b"sorts before the folder"})
    plans = [plan(("staging/shop/a.yaml", b"2")), plan(("staging/shop/a.yaml", b"3"), ("x", b""), message="ä\n")]

    made = host.writer().build(base, plans)

    assert made[0] == "02c44f18aafa57d73ccce4ac50e50ac0be955893"  # as git itself makes it
    assert host.writer().build(base, plans) == made


def test_a_built_commit_is_nowhere_but_here_until_it_is_pushed(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    repo = host.writer()

    made = repo.build(base, [plan(("a", b"2"))])

    assert host.writer().head() == base
    assert repo.read(made[0], "") == {"a": b"2"}


def test_a_deleted_file_is_gone_and_so_is_its_empty_folder(host: Host) -> None:
    host.commit(MAIN, {"staging/shop/a.yaml": b"1", "staging/cart/a.yaml": b"1"})
    repo = host.writer()

    made = release(repo, plan(("staging/shop/a.yaml", None), ("staging/shop/never-there.yaml", None)))

    assert repo.read(made[0], "staging/shop") == {}
    assert repo.read(made[0], "staging") == {"staging/cart/a.yaml": b"1"}


def test_a_file_takes_the_place_of_a_folder_and_a_folder_that_of_a_file(host: Host) -> None:
    host.commit(MAIN, {"one/a": b"1", "one/b": b"1", "two": b"2"})
    repo = host.writer()

    made = release(repo, plan(("one", b"file"), ("two/a", b"folder")))

    assert repo.read(made[0], "") == {"one": b"file", "two/a": b"folder"}


def test_nothing_to_build_makes_nothing(host: Host) -> None:
    assert host.writer().build(None, []) == []


def test_a_push_after_somebody_else_is_stale_and_leaves_their_commit(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    repo = host.writer()
    made = repo.build(repo.head(), [plan(("a", b"ours"))])
    theirs = host.commit(MAIN, {"a": b"theirs"})

    with pytest.raises(StaleHead):
        repo.push(made[0], base)

    assert repo.head() == theirs


def test_a_branch_set_back_to_an_older_commit_makes_a_push_stale_too(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    second = host.commit(MAIN, {"a": b"2"})
    repo = host.writer()
    made = repo.build(repo.head(), [plan(("a", b"3"))])
    host.move(MAIN, first)

    with pytest.raises(StaleHead):
        repo.push(made[0], second)

    assert repo.head() == first


def test_a_first_push_is_stale_when_somebody_made_the_branch(host: Host) -> None:
    repo = host.writer()
    made = repo.build(repo.head(), [plan(("a", b"ours"))])
    host.commit(MAIN, {"a": b"theirs"})

    with pytest.raises(StaleHead):
        repo.push(made[0], None)


def test_of_two_writers_one_is_stale_plans_again_and_nothing_is_lost(host: Host) -> None:
    host.commit(MAIN, {"a": b"1"})
    one, two = host.writer(), host.writer()
    head = two.head()
    late = two.build(head, [plan(("two", b"2"))])
    release(one, plan(("one", b"1")))

    with pytest.raises(StaleHead):
        two.push(late[0], head)
    made = release(two, plan(("two", b"2")))

    assert host.writer().read(made[0], "") == {"a": b"1", "one": b"1", "two": b"2"}


def test_a_push_said_twice_is_done_once(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    repo = host.writer()
    made = release(repo, plan(("a", b"2")))

    repo.push(made[0], base)

    assert repo.head() == made[0]


def test_a_tip_that_was_not_built_on_the_head_is_a_bug_and_never_pushed(host: Host) -> None:
    host.commit(MAIN, {"a": b"1"})
    repo = host.writer()
    head = repo.head()
    made = repo.build(None, [plan(("b", b"unrelated"))])

    with pytest.raises(ValueError, match="not built on"):
        repo.push(made[0], head)

    assert repo.head() == head


def test_a_refused_push_says_the_hosts_own_words(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    host.refuse_pushes("main is protected")
    repo = host.writer()
    made = repo.build(base, [plan(("a", b"2"))])

    with pytest.raises(PushRefused, match="main is protected"):
        repo.push(made[0], base)

    assert repo.head() == base


def test_folders_are_read_with_what_is_below_them_and_nothing_beside(host: Host) -> None:
    head = host.commit(
        MAIN,
        {
            "staging/shop/a.yaml": b"a",
            "staging/shop/deep/er/b.yaml": b"b",
            "staging/shop-2/a.yaml": b"other",
            "staging/shop/link": Link("a.yaml"),
        },
    )
    repo = host.writer()

    assert repo.read(head, "staging/shop") == {"staging/shop/a.yaml": b"a", "staging/shop/deep/er/b.yaml": b"b"}
    assert repo.read(head, "staging/none") == {}
    assert repo.read(head, "staging/shop/a.yaml/x") == {}


def test_folders_fetched_ahead_read_the_same(host: Host) -> None:
    head = host.commit(MAIN, {f"staging/app{n}/a.yaml": b"%d" % n for n in range(20)})
    repo = host.writer()

    repo.prefetch(head, [f"staging/app{n}" for n in range(22)])

    assert [repo.read(head, f"staging/app{n}") for n in range(20)] == [
        {f"staging/app{n}/a.yaml": b"%d" % n} for n in range(20)
    ]


def test_single_files_are_read_or_absent(host: Host) -> None:
    head = host.commit(MAIN, {".gimlet/vars": b"A=1\n", "link": Link(".gimlet/vars")})
    repo = host.writer()

    assert repo.read_file(head, ".gimlet/vars") == b"A=1\n"
    assert repo.read_file(head, ".gimlet") is None
    assert repo.read_file(head, ".gimlet/none") is None
    assert repo.read_file(head, "link") is None


def test_an_older_commit_still_reads_as_it_was(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    host.commit(MAIN, {"a": b"2"})
    repo = host.writer()
    repo.head()

    assert repo.read(first, "") == {"a": b"1"}


def test_the_log_follows_first_parents_from_oldest_to_newest(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    side = host.commit("refs/heads/side", {"b": b"1"}, parents=[base])
    second = host.commit(MAIN, {"a": b"2"})
    merge = host.commit(MAIN, {"b": b"1"}, "merge", parents=[second, side])

    chain = host.writer().log(base, merge, 10)

    assert [commit.sha for commit in chain] == [second, merge]
    assert chain[-1].parents == (second, side)


def test_a_limited_log_gives_the_newest_commits(host: Host) -> None:
    shas = [host.commit(MAIN, {"a": b"%d" % n}) for n in range(6)]
    repo = host.writer()

    assert [commit.sha for commit in repo.log(shas[0], shas[-1], 3)] == shas[3:]
    assert [commit.sha for commit in repo.log(None, shas[-1], 100)] == shas
    assert repo.log(shas[-1], shas[-1], 3) == []


def test_history_is_found_far_beyond_what_was_fetched_first(host: Host) -> None:
    shas = [host.commit(MAIN, {"a": b"%d" % n}) for n in range(80)]
    repo = host.writer()
    repo.head()

    assert [commit.sha for commit in repo.log(shas[2], shas[-1], 1000)] == shas[3:]
    assert repo.is_ancestor(shas[0], shas[-1])


def test_a_rewritten_history_excludes_nothing(host: Host) -> None:
    first = host.commit(MAIN, {"a": b"1"})
    dropped = host.commit(MAIN, {"a": b"2"})
    repo = host.writer()
    repo.head()
    other = host.commit(MAIN, {"a": b"3"}, parents=[first])

    assert not repo.is_ancestor(dropped, other)
    assert [commit.sha for commit in repo.log(dropped, other, 10)] == [first, other]


def test_containing_is_told_for_merges_for_itself_and_for_strangers(host: Host) -> None:
    base = host.commit(MAIN, {"a": b"1"})
    side = host.commit("refs/heads/side", {"b": b"1"}, parents=[base])
    merge = host.commit(MAIN, {"b": b"1"}, "merge", parents=[base, side])
    repo = host.writer()

    assert repo.is_ancestor(side, merge)
    assert repo.is_ancestor(merge, merge)
    assert not repo.is_ancestor(merge, side)
    assert not repo.is_ancestor("1" * 40, merge)


def test_commits_carry_their_trailers_people_and_instant(host: Host) -> None:
    repo = host.writer()
    message = "[Gimlet] staging/shop automated deploy\n\nRelease-Id: 01J\nApp: shop\nActor: Jane: the admin\n"
    made = release(repo, plan(("a", b"1"), message=message, at=1_234_567_890))

    commit = host.writer().log(None, made[0], 1)[0]

    assert commit.trailers == {"Release-Id": "01J", "App": "shop", "Actor": "Jane: the admin"}
    assert (commit.author_name, commit.author_email) == ("Gimlet", "gimlet@gimlet.io")
    assert (commit.committer_name, commit.committer_email) == ("Gimlet", "gimlet@gimlet.io")
    assert commit.committed_at == 1_234_567_890
    assert commit.message == message


@pytest.mark.parametrize("path", ["../x", "a/../b", "/a", "a//b", "a/", "", ".git/config", "a/.GIT/hooks/x", "a\0b"])
def test_a_path_that_leads_out_of_the_repository_is_refused(host: Host, path: str) -> None:
    with pytest.raises(Rejected):
        host.writer().build(None, [plan((path, b"x"))])


@pytest.mark.parametrize("path", ['a "quoted" name', "back\\slash", "ä/ö.yaml", "line\nbreak", "-dash", "a:b", " lead"])
def test_any_other_name_is_kept_as_it_is(host: Host, path: str) -> None:
    repo = host.writer()

    made = release(repo, plan((path, b"x")))

    assert host.writer().read(made[0], "") == {path: b"x"}


def test_a_host_that_is_down_is_unavailable(host: Host) -> None:
    repo = host.writer()
    host.stop()

    with pytest.raises(ScmUnavailable):
        repo.head()


def test_a_commit_nobody_has_is_not_found(host: Host) -> None:
    host.commit(MAIN, {"a": b"1"})

    with pytest.raises(NotFound):
        host.writer().read("1" * 40, "")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("title", []),
        ("Title: not a trailer", []),
        ("title\n\nbody\n\nA: 1\nB-c: 2\nA: 3\n", [("A", "1"), ("B-c", "2"), ("A", "3")]),
        ("title\n\nA: 1\nprose is here\n", []),
        ("title\r\n\r\nA: 1\r\n", [("A", "1")]),
        ("title\n\nsee http: nothing\n", []),
    ],
)
def test_trailers_are_the_last_paragraph_when_it_holds_nothing_else(
    message: str, expected: list[tuple[str, str]]
) -> None:
    assert parse_trailers(message) == expected

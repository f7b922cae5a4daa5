"""What is read out of raw git objects, and what is remembered of them; no git runs here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.git_memory import Memory, Tree
from chalicelib.adapters.git_objects import checked, parse_commit
from chalicelib.adapters.git_trees import folders_on_the_way
from chalicelib.core.errors import Rejected

SHA = "0123456789abcdef0123456789abcdef01234567"
names = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name)
entries = st.dictionaries(
    names, st.tuples(st.sampled_from(["100644", "40000", "120000"]), st.binary(min_size=20, max_size=20))
)


def raw(tree: dict[bytes, tuple[str, bytes]]) -> bytes:
    return b"".join(mode.encode() + b" " + name + b"\0" + sha for name, (mode, sha) in tree.items())


@given(entries)
def test_a_tree_is_read_whatever_bytes_its_hashes_and_names_hold(tree: dict[bytes, tuple[str, bytes]]) -> None:
    read = {name.encode(errors="surrogateescape"): entry for name, entry in Tree(raw(tree)).items()}

    assert {name: (entry.mode, bytes.fromhex(entry.sha)) for name, entry in read.items()} == tree


@given(entries, entries)
def test_two_trees_differ_in_the_names_that_are_not_the_same_in_both(
    one: dict[bytes, tuple[str, bytes]], two: dict[bytes, tuple[str, bytes]]
) -> None:
    differing = Tree(raw(one)).differing(Tree(raw(two)))

    names = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
    assert {name.encode(errors="surrogateescape") for name in differing} == names


def test_a_signed_merge_with_odd_people_is_read() -> None:
    content = (
        b"tree " + b"1" * 40 + b"\nparent " + b"2" * 40 + b"\nparent " + b"3" * 40 + b"\n"
        b"author A \xff Name <a@b> 1700000000 -0330\n"
        b"committer  <> -5 +0000\n"
        b"gpgsig -----BEGIN\n author of nothing\n -----END\n"
        b"\nfix: caf\xc3\xa9\n\nauthor: not a header\n"
    )

    commit = parse_commit(SHA, content)

    assert commit.parents == ("2" * 40, "3" * 40)
    assert (commit.author_name, commit.author_email) == ("A \N{REPLACEMENT CHARACTER} Name", "a@b")
    assert (commit.committer_name, commit.committer_email, commit.committed_at) == ("", "", -5)
    assert commit.message == "fix: café\n\nauthor: not a header\n"


@given(st.text())
def test_only_full_hashes_pass_as_names_of_commits(name: str) -> None:
    is_hash = len(name) in (40, 64) and set(name) <= set("0123456789abcdef")
    if is_hash:
        assert checked(name) == name
    else:
        with pytest.raises(Rejected):
            checked(name)


@given(st.lists(st.dictionaries(st.text(max_size=2), st.binary(max_size=60))))
def test_memory_never_holds_more_than_its_limit(rounds: list[dict[str, bytes]]) -> None:
    memory: Memory[bytes] = Memory(100, len)
    seen: set[str] = set()

    for values in rounds:
        memory.keep(values)
        seen |= values.keys()

    assert sum(len(memory.get(sha) or b"") for sha in seen) <= 100


def test_memory_forgets_the_oldest_first() -> None:
    memory: Memory[bytes] = Memory(10, len)

    memory.keep({"old": b"12345"})
    memory.keep({"new": b"12345"})
    memory.keep({"newest": b"1"})

    assert [memory.get(name) for name in ("old", "new", "newest")] == [None, b"12345", b"1"]


def test_folders_on_the_way_are_all_but_the_root() -> None:
    assert folders_on_the_way(["a/b/c.yaml", "a/d.yaml", "e"]) == ["a", "a/b"]

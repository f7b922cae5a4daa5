"""Globs: what they match, what they refuse, and that none of them runs long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.globs import MAX_GLOB_LENGTH, InvalidGlob, check_glob, compile_glob, matches

NAMES = st.text(alphabet="abm/-1ž\n", max_size=12)
PIECES = st.recursive(
    st.sampled_from(["a", "b", "m", "/", "*", "?", "**", "[ab]", "[!a]", "[a-m]", "[^m]", "\\*", "\\[", "ž", "-"]),
    lambda inner: st.lists(st.lists(inner, max_size=3).map("".join), min_size=1, max_size=3).map(
        lambda choices: "{" + ",".join(choices) + "}"
    ),
    max_leaves=8,
)
GLOBS = st.lists(PIECES, max_size=6).map("".join)


@given(GLOBS, NAMES)
def test_a_negated_pattern_matches_exactly_what_the_plain_one_does_not(glob: str, name: str) -> None:
    assert matches("!" + glob, name) is not matches(glob, name)


@given(GLOBS, NAMES)
def test_a_pattern_matches_what_a_slow_and_plain_matcher_says(glob: str, name: str) -> None:
    assert matches(glob, name) is any(_plainly(choice, name) for choice in _expanded(glob))


@given(NAMES)
def test_an_escaped_name_matches_itself_and_nothing_else(name: str) -> None:
    escaped = "".join("\\" + character for character in name)

    assert matches(escaped, name)
    assert not matches(escaped, name + "x")


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("feature/*", "feature/a/b", True),
        ("{main,release/*}", "release/1.2", True),
        ("{main,{develop,master}}", "master", True),
        ("m{ai,}n", "mn", True),
        ("![ab]", "a", False),
        ("!!x", "x", True),
        ("!!!x", "x", False),
        ("main]", "main]", True),
        ("main,master", "main,master", True),
        ("{!main,x}", "!main", True),
        ("*", "a\nb", True),
        ("", "", True),
        ("!", "", False),
    ],
)
def test_a_pattern_reads_as_documented(glob: str, name: str, fits: bool) -> None:
    assert matches(glob, name) is fits


@pytest.mark.parametrize("glob", ["[main", "[]", "[z-a]", "{a", "{a,{b}", "a\\", "[\\", "![main", "[!"])
def test_defence_26_an_invalid_glob_is_said_in_words_and_crashes_nothing(glob: str) -> None:
    assert check_glob(glob)
    with pytest.raises(InvalidGlob):
        matches(glob, "main")


def test_brackets_are_literal_where_commit_messages_are_matched() -> None:
    glob = compile_glob("[DEPLOY: a]*\\[x\\]", literal_brackets=True)

    assert glob.matches("[DEPLOY: a] and [x]")
    assert not glob.matches("D and [x]")


@pytest.mark.parametrize(
    "glob",
    ["*a" * 500, "*" * 1000, "{a,b}" * 200, "{,a}" * 250, "*a" + "?" * 900, "{*a,*b}" * 120, "{" * 16 + "a" + "}" * 16],
)
def test_defence_9_no_glob_runs_without_end(glob: str) -> None:
    started = time.perf_counter()

    matches(glob, "ab" * 5_000)

    assert time.perf_counter() - started < 10


def test_a_glob_that_is_too_long_or_nests_too_deep_is_refused() -> None:
    assert "longer" in check_glob("a" * (MAX_GLOB_LENGTH + 1))
    assert "deeper" in check_glob("{" * 17 + "}" * 17)


def _expanded(glob: str) -> list[str]:
    """All choices of braces written out: a second reading of the same rules."""
    depth, start = 0, -1
    at = 0
    while at < len(glob):
        if glob[at] == "\\":
            at += 1
        elif glob[at] == "{":
            depth, start = depth + 1, at if depth == 0 else start
        elif glob[at] == "}" and depth:
            depth -= 1
            if depth == 0:
                head, tail = glob[:start], glob[at + 1 :]
                return [x for choice in _choices(glob[start + 1 : at]) for x in _expanded(head + choice + tail)]
        at += 1
    return [glob]


def _choices(inner: str) -> list[str]:
    choices, depth, at, last = [], 0, 0, 0
    while at < len(inner):
        if inner[at] == "\\":
            at += 1
        elif inner[at] in "{}":
            depth += 1 if inner[at] == "{" else -1
        elif inner[at] == "," and depth == 0:
            choices.append(inner[last:at])
            last = at + 1
        at += 1
    return [*choices, inner[last:]]


def _plainly(glob: str, name: str) -> bool:
    if not glob:
        return not name
    if glob[0] == "*":
        return any(_plainly(glob[1:], name[skip:]) for skip in range(len(name) + 1))
    if not name:
        return False
    if glob[0] == "?":
        return _plainly(glob[1:], name[1:])
    if glob[0] == "\\":
        return name[0] == glob[1] and _plainly(glob[2:], name[1:])
    if glob[0] == "[":
        end = glob.index("]")
        inside, negated = glob[1:end].removeprefix("!"), glob[1] == "!"
        low, high = (inside[0], inside[-1]) if "-" in inside else ("", "")
        held = low <= name[0] <= high if low else name[0] in inside
        return held is not negated and _plainly(glob[end + 1 :], name[1:])
    return name[0] == glob[0] and _plainly(glob[1:], name[1:])

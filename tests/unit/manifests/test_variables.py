"""Variables: the dotenv file, and who wins."""

import pytest

from chalicelib.core.artifacts import Version
from chalicelib.core.errors import InvalidManifest
from chalicelib.core.variables import VariableSources, built_in_variables, parse_dotenv


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("A: 1", "1"),
        ("A=  padded  ", "padded"),
        ('A="  kept  "', "  kept  "),
        ("A=b=c", "b=c"),
        ("A=", ""),
        ("A='single $B \\n'", "single $B \\n"),
        ('A="a\\nb"', "a\nb"),
        ('A="a\\tb"', "atb"),
        ('A="line1\nline2"', "line1\nline2"),
        ("A=x # comment", "x"),
        ("A=x#y", "x#y"),
        ('A="x # y" # z', "x # y"),
        ("B=1\nA=${B}2", "12"),
        ('B=1\nA="$B"', "1"),
        ('A="\\$B"', "$B"),
        ("A=1\nA=2", "2"),
        ("A=1\r\n", "1"),
        ("# c\n\n  A=1\n", "1"),
        ("A={{ .B }}", "{{ .B }}"),
    ],
)
def test_a_dotenv_line_is_read_as_people_mean_it(text: str, value: str) -> None:
    assert parse_dotenv(text)["A"] == value


def test_every_line_that_is_none_is_named() -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_dotenv("A\nB=1\nC='it''s'\nD='open\n")

    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


def test_later_sources_win_and_the_environment_is_not_for_names() -> None:
    sources = VariableSources(
        built_in={"SHA": "0", "A": "0"},
        repository={"A": "1", "B": "1"},
        context={"B": "2", "C": "2"},
        items=[{"C": "3", "n": 3, "D": "3"}],
        vars={"D": "4", "APP": "4"},
        environment={"E": "5", "APP": "5"},
    )

    assert sources.for_names() == {"SHA": "0", "A": "1", "B": "2", "C": "3", "D": "4", "APP": "4"}
    assert sources.for_fields("shop") == {**sources.for_names(), "APP": "5", "E": "5"}


def test_branch_is_the_source_branch_of_a_pull_request() -> None:
    version = Version("acme/shop", "abc", branch="main", source_branch="fix", author_name="jane")

    found = built_in_variables(version)

    assert found["BRANCH"] == "fix"
    assert (found["OWNER"], found["REPO"], found["ACTOR"], found["EVENT"]) == ("acme", "shop", "jane", "push")

"""What every `Cue` does, the fake and the official command alike, and what the command can not do."""

import os
import time

import pytest

from chalicelib.adapters.cue import CueCommand
from chalicelib.core.errors import InvalidManifest
from chalicelib.ports.rendering import Cue
from tests.fakes_rendering import FakeCue, cue_command

needs_cue = pytest.mark.skipif(cue_command() is None, reason="left out: python -m infra.testbed.build cue builds it")


@pytest.fixture(params=["fake", pytest.param("real", marks=needs_cue)])
def cue(request: pytest.FixtureRequest) -> Cue:
    return FakeCue() if request.param == "fake" else CueCommand(cue_command)


def _problem(text: str, cue: Cue | None = None) -> str:
    with pytest.raises(InvalidManifest) as caught:
        (cue or CueCommand(cue_command)).evaluate(text, "a.cue")
    return str(caught.value.problems[0])


def test_configs_are_a_list_in_their_order(cue: Cue) -> None:
    assert cue.evaluate('configs: [{"app": "b", "n": 1}, {"app": "a"}]', "a.cue") == [
        {"app": "b", "n": 1},
        {"app": "a"},
    ]


def test_configs_that_are_no_list_are_refused(cue: Cue) -> None:
    assert "must be a list" in _problem('configs: {"app": "a"}', cue)


def test_what_is_no_cue_is_refused_with_its_place(cue: Cue) -> None:
    assert _problem("configs: [", cue).startswith("a.cue:1:")


@needs_cue
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x: 1", "a list of manifests"),
        ("configs: [{app: string}]", "a.cue:1:17 configs[0].app: configs.0.app: incomplete value string"),
        ('import "example.com/foo"\nconfigs: [foo.x]', "nothing from the network"),
        ('import "example.com/foo@v1"\nconfigs: [foo.x]', "nothing from the network"),
        ("@extern(embed)\npackage a\nconfigs: _ @embed(file=/etc/passwd,type=text)", "embed"),
        ('import "tool/exec"\nconfigs: [exec.Run & {cmd: "id"}]', "configs[0]"),
        ('import "tool/file"\nconfigs: [file.Read & {filename: "/etc/passwd"}]', "configs[0]"),
        ("configs: [1/0]", "division by zero"),
        ("a: a + 1\nconfigs: [a]", "a.cue"),
        ("\x00", "a.cue"),
    ],
)
def test_what_can_not_be_evaluated_is_a_sentence(text: str, words: str) -> None:
    problem = _problem(text)

    assert words in problem
    assert "root:" not in problem


@needs_cue
def test_cues_own_packages_can_be_imported() -> None:
    found = CueCommand(cue_command).evaluate('import "strings"\nconfigs: [strings.ToUpper("x")]', "a.cue")

    assert found == ["X"]


@needs_cue
@pytest.mark.parametrize(
    "text",
    [
        'import "list"\nx: list.Range(0, 1000000000, 1)\nconfigs: [len(x)]',
        'import "strings"\nconfigs: [strings.Repeat("x", 1000000000)]',
        'import "list"\nconfigs: [for a in list.Range(0, 30000, 1) for b in list.Range(0, 30000, 1) {a*b}]',
        "#a: {x: #a}\nconfigs: [#a]",
        "a: [b, b, b, b, b, b, b, b, b]\n"
        + "".join(f"{x}: [{', '.join([y] * 9)}]\n" for x, y in zip("bcdefghi", "cdefghij", strict=True))
        + "j: 1\nconfigs: [a]",
    ],
    ids=["range", "repeat", "loops", "recursion", "references"],
)
def test_defence_9_cue_that_grows_without_end_is_stopped(text: str) -> None:
    started = time.monotonic()

    _problem(text)

    assert time.monotonic() - started < 15


@needs_cue
def test_the_environment_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CANARY", "canary-8d21")

    assert "canary" not in _problem("configs: [{a: string @tag(CANARY)}]")


def test_without_the_command_the_error_says_how_to_get_it() -> None:
    assert "go install cuelang.org/go/cmd/cue" in _problem("configs: []", CueCommand(lambda: None))


def test_a_file_that_is_too_large_is_refused_before_it_is_evaluated() -> None:
    assert "larger than 1 MiB" in _problem("x" * (1024**2 + 1), CueCommand(lambda: None))

"""Building: what is missing is said, and only what is whole counts as built. A stand-in plays the Go compiler."""

from pathlib import Path

import pytest

from infra.testbed import build
from infra.testbed.parts import BY_NAME, folder, is_built, missing

COMPILER = """#!/bin/sh
case "$1" in
env) echo {version} ;;
build)
    while [ "$1" != "-o" ]; do shift; done
    echo program > "$2"
    exit {exit_code} ;;
esac
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIMLET_TESTBED", str(tmp_path / "cache"))
    return tmp_path / "cache"


def install_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, version: str = "go1.26.1", exit_code: int = 0
) -> None:
    folder_ = tmp_path / "bin"
    folder_.mkdir()
    compiler = folder_ / "go"
    compiler.write_text(COMPILER.format(version=version, exit_code=exit_code))
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder_}:/usr/bin:/bin")


def test_a_check_names_what_is_missing_and_how_to_build_it(capsys: pytest.CaptureFixture[str]) -> None:
    code = build.main(["--check", "kwok", "testcluster"])

    said = capsys.readouterr().out
    assert code == 1
    assert "MISSING kwok" in said
    assert "python -m infra.testbed.build testcluster kwok" in said


def test_a_built_part_is_found_and_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_go(tmp_path, monkeypatch)

    assert build.main(["testcluster"]) == 0
    assert build.main(["testcluster"]) == 0

    assert capsys.readouterr().out.count("built testcluster in") == 1
    assert missing(["testcluster", "kwok"]) == ["kwok"]
    assert build.main(["--check", "testcluster"]) == 0


def test_a_failed_build_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_go(tmp_path, monkeypatch, exit_code=1)

    code = build.main(["testcluster"])

    assert code == 1
    assert "testcluster: go build" in capsys.readouterr().err
    assert not is_built(BY_NAME["testcluster"])
    assert [path.name for path in cache.iterdir()] == ["build.lock"]


def test_a_folder_without_a_stamp_is_not_a_build() -> None:
    part = BY_NAME["kwok"]

    folder(part).mkdir(parents=True)

    assert not is_built(part)


@pytest.mark.parametrize("version", ["go1.9.7", "go1.25.3", "nonsense"])
def test_a_go_that_is_too_old_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    install_go(tmp_path, monkeypatch, version=version)

    code = build.main(["testcluster"])

    assert code == 1
    assert "install Go 1.26 or newer" in capsys.readouterr().err


def test_a_missing_go_is_said_with_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    code = build.main(["testcluster"])

    assert code == 1
    assert "Go is not installed: install Go 1.26 or newer" in capsys.readouterr().err

"""What a template, a chart, or the child process itself can not do."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from chalicelib.adapters import sandbox, sandbox_child
from chalicelib.adapters.sandbox import Sandbox
from chalicelib.core.errors import Rejected
from chalicelib.ports.rendering import Chart
from tests.fakes_rendering import chart_archive

CHART_YAML = "apiVersion: v2\nname: web\nversion: 1.0.0\n"


def _resolve(text: str, **variables: str) -> str:
    answer = Sandbox().resolve([text], variables)[0]
    return answer.error or answer.text


def _render(template: str, values: dict[str, object] | None = None) -> str:
    archive = chart_archive("web", {"Chart.yaml": CHART_YAML, "templates/a.yaml": template})
    chart = Chart("web", "1.0.0", "", "", archive)
    output = Sandbox().render(chart, values or {}, "shop", "team")  # type: ignore[arg-type]  # plain literals
    return output.files["web/templates/a.yaml"]


CALLS = (
    *('env "HOME"', 'expandenv "$HOME"', 'getHostByName "localhost"', "now", "randAlphaNum 5", "randInt 1 9", "uuidv4"),
    *('genPrivateKey "rsa"', 'genCA "a" 1', 'htpasswd "a" "b"', 'bcrypt "a"', "toYaml 1", 'tpl "a" .', 'include "a" .'),
)


@pytest.mark.parametrize("call", CALLS)
def test_defence_27_functions_that_read_environment_network_clock_or_chance_do_not_exist(call: str) -> None:
    assert "not defined" in _resolve(f"{{{{ {call} }}}}")


@pytest.mark.parametrize("call", ['date "2006" "x"', 'htmlDate ""', 'date "2006" nil'])
def test_defence_27_a_date_function_never_falls_back_to_the_clock(call: str) -> None:
    said = _resolve(f"{{{{ {call} }}}}")

    assert str(time.gmtime().tm_year) not in said


@pytest.mark.parametrize("path", [".X.__class__", ".X.upper", ".X.format", ".X.encode"])
def test_defence_27_a_template_can_not_reach_into_the_process(path: str) -> None:
    assert "not allowed" in _resolve(f"{{{{ {path} }}}}", X="x")


def test_defence_27_a_charts_environment_network_and_lookup_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "canary-7f3a")

    text = _render('a: {{ lookup "v1" "Secret" "x" "y" | toJson }}\nb: {{ getHostByName "localhost" | quote }}\n')

    assert text == 'a: {}\nb: ""\n'
    with pytest.raises(Rejected, match="not defined"):
        _render('{{ env "CANARY" }}')


@pytest.mark.parametrize(
    "template",
    [
        "{{ range until 100000 }}{{ range until 100000 }}x{{ end }}{{ end }}",
        "{{ range untilStep 0 1000000000 1 }}{{ end }}",
        '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}',
        '{{ repeat 1000000000 "x" }}',
        '{{ printf "%1000000000d" 1 }}',
        '{{ indent 1000000000 "x" }}',
    ],
)
def test_defence_9_a_template_that_grows_without_end_is_an_error(template: str) -> None:
    said = _resolve(template)

    assert any(word in said for word in ("budget", "memory", "failed"))


def test_defence_9_a_regular_expression_does_not_backtrack() -> None:
    started = time.monotonic()

    _resolve('{{ regexMatch "(a+)+$" .X }}', X="a" * 5000 + "b")

    assert time.monotonic() - started < 9


def test_defence_9_a_chart_that_runs_without_end_is_stopped() -> None:
    loop = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
    archive = chart_archive("web", {"Chart.yaml": CHART_YAML, "templates/a.yaml": loop})

    with pytest.raises(Rejected, match=r"longer than 0\.8 s"):
        Sandbox(wall_clock_seconds=0.8).render(Chart("web", "1", "", "", archive), {}, "shop", "team")


def test_defence_9_a_chart_that_takes_all_memory_is_stopped() -> None:
    hungry = '{{ $x := "x" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}{{ len $x }}'

    with pytest.raises(Rejected, match="memory"):
        _render(hungry)


def test_defence_9_output_has_a_limit() -> None:
    archive = chart_archive("web", {"Chart.yaml": CHART_YAML, "templates/a.yaml": '{{ repeat 3000000 "x" }}'})

    with pytest.raises(Rejected, match="larger than 1 MB"):
        Sandbox(output_bytes=1024**2).render(Chart("web", "1", "", "", archive), {}, "shop", "team")


PROBE = """
import sys, os, socket, resource
sys.path.insert(0, {folder!r})
import sandbox_child as child
child.limit_resources({memory})
child.refuse_syscalls()
def tried(act):
    try:
        act()
        return "done"
    except OSError as error:
        return type(error).__name__
print(tried(lambda: socket.socket()), tried(lambda: socket.socketpair()), tried(lambda: os.fork()),
      tried(lambda: os.execv("/bin/true", ["true"])), tried(lambda: open("/proc/{parent}/environ").read()),
      tried(lambda: os.kill({parent}, 0)), open("/proc/self/status").read().split("NoNewPrivs:")[1].split()[0],
      tried(__import__("threading").Thread(target=int).start), sep=",")
"""


@pytest.mark.skipif(os.uname().machine not in sandbox_child.ARCHITECTURES, reason="left out: another architecture")
def test_the_child_has_no_sockets_no_programs_no_processes_and_still_has_threads() -> None:
    folder = str(Path(sandbox_child.__file__).parent)
    code = PROBE.format(folder=folder, memory=512 * 1024**2, parent=os.getpid())

    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=True)

    found = done.stdout.strip().split(",")
    refused = "PermissionError"
    assert found[:4] == [refused] * 4
    assert found[5:] == [refused, "1", "done"]


def test_the_parent_is_undumpable_before_a_child_starts() -> None:
    Sandbox()

    owner = Path("/proc/self/environ").stat().st_uid
    assert owner == 0
    assert _dumpable() == 0


def _dumpable() -> int:
    import ctypes

    return int(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE


def test_a_temporary_folder_is_gone_when_the_answer_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    Sandbox().resolve(["{{ .X }}"], {"X": "1"})

    assert list(tmp_path.iterdir()) == []


def test_a_spare_child_answers_one_question_and_another_takes_its_place() -> None:
    sandbox = Sandbox(spares=True)
    try:
        seen = []
        for _ in range(3):
            seen.append(sandbox._spares["resolve"].process.pid)  # type: ignore[index]  # it has spares
            assert sandbox.resolve(["{{ .X }}"], {"X": "1"})[0].text == "1"
    finally:
        sandbox.close()

    assert len(set(seen)) == 3
    assert not any(Path(f"/proc/{pid}").exists() for pid in seen)


def test_a_spare_child_that_died_is_replaced_unseen() -> None:
    sandbox = Sandbox(spares=True)
    try:
        spare = sandbox._spares["resolve"].process  # type: ignore[index]  # it has spares
        spare.kill()
        spare.wait()

        assert sandbox.resolve(["{{ .X }}"], {"X": "1"})[0].text == "1"
    finally:
        sandbox.close()


def test_a_child_that_can_not_start_is_a_bug_and_not_the_manifests_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_library_folders", lambda: ("/nowhere",))

    with pytest.raises(RuntimeError, match="gotpl"):
        Sandbox().resolve(["{{ .X }}"], {"X": "1"})

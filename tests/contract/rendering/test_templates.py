"""What every `Templates` does, the fake and the real child process alike."""

from collections.abc import Iterator

import pytest

from chalicelib.adapters.sandbox import Sandbox
from chalicelib.ports.rendering import Resolved, Templates
from tests.fakes_rendering import FakeTemplates


@pytest.fixture(params=["fake", "real", "real with spares"])
def templates(request: pytest.FixtureRequest) -> Iterator[Templates]:
    if request.param == "fake":
        yield FakeTemplates()
        return
    sandbox = Sandbox(spares="spares" in request.param)
    yield sandbox
    sandbox.close()


def test_each_string_is_a_template_of_its_own_and_answers_keep_their_order(templates: Templates) -> None:
    strings = ["a-{{ .X }}", "plain", "{{ .Y | sanitizeDNSName }}", ""]

    answers = templates.resolve(strings, {"X": "1", "Y": "Feature/A_b"})

    assert answers == [Resolved("a-1"), Resolved("plain"), Resolved("feature-a-b"), Resolved("")]


def test_a_missing_variable_is_an_error_that_names_it_and_spoils_no_other_string(templates: Templates) -> None:
    answers = templates.resolve(["{{ .NOPE }}", "{{ .X }}"], {"X": "1"})

    assert answers == [Resolved(error="the variable NOPE is not set"), Resolved("1")]


def test_a_variable_that_looks_like_a_template_is_not_resolved_again(templates: Templates) -> None:
    assert templates.resolve(["{{ .X }}"], {"X": "{{ .Y }}"}) == [Resolved("{{ .Y }}")]


def test_what_is_no_template_is_an_error(templates: Templates) -> None:
    assert templates.resolve(["{{ .X"], {"X": "1"})[0].error

"""Reading YAML: what scalars mean to whom, and where the limits are."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidManifest
from chalicelib.core.json_trees import read_json
from chalicelib.core.trees import MAX_DOCUMENT_BYTES, child_path, read_kubernetes_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("190:20:30", "190:20:30"),
        ("0644", 420),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", 1000),
        ("1e3", 1000.0),
        ("-1.5", -1.5),
        ("~", None),
        ("2024-01-02", "2024-01-02T00:00:00Z"),
        ("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00"),
        ("2024-01-02 03:04:05.120", "2024-01-02T03:04:05.12Z"),
        ("2024-13-02", "2024-13-02"),
        ("'yes'", "yes"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!binary aGk=", "hi"),
        ("08", 8.0),
    ],
)
def test_a_manifest_reads_only_true_and_false_as_booleans(text: str, value: object) -> None:
    assert read_yaml(f"a: {text}").value == {"a": value}


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("off", False), ("y", True), ("2024-01-02", "2024-01-02")])
def test_raw_objects_are_read_as_kubernetes_tools_read_them(text: str, value: object) -> None:
    assert read_kubernetes_yaml(f"a: {text}", path="")[0].value == {"a": value}


def test_raw_objects_keep_numbers_make_keys_text_and_note_repeated_keys() -> None:
    tree = read_kubernetes_yaml("yes: 1\non: 2\n1: 12345678901234567890\n", path="manifests")[0]

    assert tree.value == {"true": 2, "1": 12345678901234567890}
    assert tree.notes == ("manifests.true is there twice: the later one wins",)


def test_documents_without_content_are_left_out() -> None:
    assert [tree.value for tree in read_kubernetes_yaml("---\n---\n# c\n---\na: 1\n---\n", path="")] == [{"a": 1}]


def test_merge_keys_and_anchors_are_read() -> None:
    tree = read_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\n")

    assert tree.value == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}


def _bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_bomb(), "aliases expand"),
        ("a: &a [*a]", "nested deeper"),
        ("[" * 65 + "]" * 65, "nested deeper"),
        ("[" * 100_000, "nest"),
        ("a:\n" + "".join("  " * n + "a:\n" for n in range(1, 70)), "nested deeper"),
        ("a: " + "x" * MAX_DOCUMENT_BYTES, "larger than 1024 KiB"),
        ("a: *nope", "undefined alias"),
        ("a: [", "not YAML"),
        ("", "empty"),
        ("a: \x00", "not YAML"),
        ("a: " + "1" * 5000, "no number"),
        ("a: 1e999", "no number"),
    ],
)
def test_defence_8_oversized_deep_and_exploding_documents_are_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidManifest, match=said):
        read_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 70 + "1" + "}" * 70,
        "{",
        "[NaN]",
        '["\\ud800"]',
        "[1e999]",
        "[" + "1" * 5000 + "]",
    ],
)
def test_defence_8_json_has_the_same_limits(text: str) -> None:
    with pytest.raises(InvalidManifest):
        read_json(text)


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(text: str) -> None:
    with suppress(InvalidManifest):
        read_yaml(text)


def test_a_path_shows_keys_that_would_read_as_something_else() -> None:
    assert child_path(child_path(child_path("", "values"), "a.b"), 0) == 'values["a.b"][0]'

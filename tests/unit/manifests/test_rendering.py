"""From the engine's output to files: names, identities, hooks, and the same bytes every time."""

import pytest
import yaml

from chalicelib.core.errors import InvalidManifest
from chalicelib.core.manifests import Dependency, Manifest, parse
from chalicelib.core.rendering import big_number_notes, inputs_digest, render_files

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"
HEAD = "app: shop\nenv: staging\nnamespace: team\n"
SHOP = Manifest("shop", "staging", "team")


def _config(name: str) -> str:
    return CONFIG.replace("NAME", name)


def test_one_file_for_each_template_name_and_two_of_a_name_together() -> None:
    output = {
        "c/templates/a.yaml": _config("a"),
        "c/charts/d/templates/a.yaml": _config("b"),
        "c/templates/NOTES.txt": "x",
    }

    rendered = render_files(SHOP, output, ())

    assert list(rendered.files) == ["a.yaml"]
    assert rendered.files["a.yaml"].count("kind: ConfigMap") == 2
    assert rendered.files["a.yaml"].count("namespace: team") == 2


def test_raw_manifests_go_to_one_file_and_lists_are_taken_apart() -> None:
    manifest = parse(
        HEAD + "manifests: |\n  apiVersion: v1\n  kind: List\n  items:\n"
        "  - {apiVersion: v1, kind: Secret, metadata: {name: s}}\n"
    )

    rendered = render_files(manifest, {}, ())

    assert list(rendered.files) == ["manifest.yaml"]
    assert "kind: Secret" in rendered.files["manifest.yaml"]


@pytest.mark.parametrize("name", ["kustomization.yaml", "Kustomization", "kustomization.yml", "KUSTOMIZATION.YAML"])
def test_a_file_that_kustomize_would_read_gets_a_prefix(name: str) -> None:
    rendered = render_files(SHOP, {f"c/templates/{name}": _config("a")}, ())

    assert all(file.startswith("chart-") for file in rendered.files)


@pytest.mark.parametrize("name", ["..", "a..yaml", "a\\..\\b.yaml", ".hidden.yaml", "a\nb.yaml", "a b.yaml", "x" * 101])
def test_defence_1_a_template_whose_name_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidManifest, match="no file name"):
        render_files(SHOP, {f"c/templates/{name}": _config("a")}, ())


def test_hooks_tests_and_crds_are_not_rendered_and_each_is_named() -> None:
    hook = "apiVersion: v1\nkind: Pod\nmetadata: {name: NAME, annotations: {helm.sh/hook: HOOK}}\n"
    output = {
        "c/templates/a.yaml": _config("a"),
        "c/templates/h.yaml": hook.replace("NAME", "m").replace("HOOK", "pre-install"),
        "c/templates/t.yaml": hook.replace("NAME", "t").replace("HOOK", "test"),
    }

    rendered = render_files(SHOP, output, ["c/crds/x.yaml"])

    assert list(rendered.files) == ["a.yaml"]
    assert [note.split(" is ")[0] for note in rendered.notes] == ["Pod m", "Pod t", "c/crds/x.yaml"]


def test_two_objects_of_one_identity_are_an_error_that_names_both() -> None:
    manifest = parse(HEAD + "manifests: |\n  " + _config("a").replace("\n", "\n  "))

    with pytest.raises(InvalidManifest) as caught:
        render_files(manifest, {"c/templates/a.yaml": _config("a").replace("v1", "v1")}, ())

    assert "template c/templates/a.yaml" in str(caught.value)
    assert "manifests" in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        ("apiVersion: v1\n  kind: Secret\nmetadata: {name: a}\n", 7, "no object: it has no kind"),
        ("apiVersion: v1\n  kind: Secret\n  metadata: {}\n", 7, "metadata.name"),
        ("- a\n", 7, "not a map"),
        ("a: [\n", 8, "not YAML"),
    ],
)
def test_raw_text_that_is_no_object_is_an_error_in_the_files_own_lines(raw: str, line: int, said: str) -> None:
    text = HEAD + "# a comment\n\nmanifests: |\n  " + raw
    if "kind" not in said:
        text = text.replace("\nmetadata", "\n  metadata")
    manifest = parse(text.replace("kind: Secret\nmetadata", "metadata"), "f.yaml")

    with pytest.raises(InvalidManifest) as caught:
        render_files(manifest, {}, ())

    assert caught.value.problems[0].line == line
    assert said in str(caught.value)


def test_an_unquoted_yes_of_a_chart_is_written_as_it_was() -> None:
    text = _config("a") + 'data:\n  a: yes\n  n: off\n  "y": "yes"\n  b: true\n'

    written = render_files(SHOP, {"c/templates/a.yaml": text}, ()).files["a.yaml"]

    assert written.endswith('data:\n  a: yes\n  n: off\n  "y": "yes"\n  b: true\n')


def test_output_that_is_no_yaml_names_its_template() -> None:
    with pytest.raises(InvalidManifest, match=r"template c/templates/a\.yaml: line 2"):
        render_files(SHOP, {"c/templates/a.yaml": "kind: A\n  b: c\n"}, ())


def test_nothing_to_render_is_an_error() -> None:
    with pytest.raises(InvalidManifest, match="nothing to render"):
        render_files(SHOP, {"c/templates/a.yaml": "\n"}, ())


def test_dependencies_alone_are_enough_and_their_values_are_data() -> None:
    nasty = 'x"}\n- name: y'
    manifest = Manifest(
        "shop", "staging", "team",
        dependencies=(Dependency("db", "https://g/m?sha=1&path=a/b", values={"b": True, "a": nasty, "n": 3}),),
    )  # fmt: skip

    rendered = render_files(manifest, {}, ())

    text = rendered.files["manifest.yaml"]
    assert 'commit: "1"' in text
    assert "path: a/b" in text
    assert "varsFrom" not in text
    assert [each["value"] for each in _terraform(text)["vars"]] == [nasty, "true", "3"]


def _terraform(text: str) -> dict[str, list[dict[str, str]]]:
    spec: dict[str, list[dict[str, str]]] = list(yaml.safe_load_all(text))[1]["spec"]
    return spec


def test_the_same_input_is_the_same_bytes_in_any_order() -> None:
    output = {f"c/templates/{name}.yaml": _config(name) for name in "abc"}

    first = render_files(SHOP, output, ())
    second = render_files(SHOP, dict(reversed(output.items())), ())

    assert list(first.files.items()) == list(second.files.items())


def test_the_digest_of_inputs_moves_with_each_of_them() -> None:
    other = parse(HEAD + "values: {a: 1}\n")
    digests = {
        inputs_digest(parse(HEAD), "", {}),
        inputs_digest(other, "", {}),
        inputs_digest(other, "sha256:1", {}),
        inputs_digest(other, "sha256:1", {"A": "1"}),
    }

    assert len(digests) == 4


def test_numbers_that_templates_print_otherwise_are_noted() -> None:
    assert big_number_notes({"a": {"b": [1_000_000, 5, True, "9999999"]}}) == [
        "values.a.b[0]: 1000000 reaches templates as floating point and prints as 1e+06: quote it to keep it"
    ]

"""`.helmignore` as Helm's packaging reads it."""

import pytest

from chalicelib.core.helm_ignore import kept_files

FILES = ["Chart.yaml", "README.md", "ci/a.yaml", "ci/deep/b.yaml", "templates/a.yaml", "templates/.b.yaml", "x/ci"]


@pytest.mark.parametrize(
    ("rules", "gone"),
    [
        ("", set()),
        ("# README.md\n\n", set()),
        ("*.md", {"README.md"}),
        ("/README.md", {"README.md"}),
        ("ci/", {"ci/a.yaml", "ci/deep/b.yaml"}),
        ("ci", {"ci/a.yaml", "ci/deep/b.yaml", "x/ci"}),
        ("ci/*.yaml", {"ci/a.yaml"}),
        ("templates/[a-c].yaml", {"templates/a.yaml"}),
        ("?hart.yam[^x]", {"Chart.yaml"}),
        ("a.yam\\l", {"ci/a.yaml", "templates/a.yaml"}),
        ("[a.yaml", set()),
        ("**/a.yaml", set()),
    ],
)
def test_a_rule_takes_out_what_it_does_in_helm(rules: str, gone: set[str]) -> None:
    kept = kept_files(FILES, rules)

    assert set(FILES) - set(kept) == gone | {"templates/.b.yaml"}

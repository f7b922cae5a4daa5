"""Objects as they are written: every reader reads the same, and nothing runs into anything else."""

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.objects import Object, in_namespace, write_yaml
from chalicelib.core.scalars import Value
from chalicelib.core.trees import read_kubernetes_yaml

WORDS = ["yes", "on", "y", "1e3", "0o7", "0644", "12:30", "2024-01-02", ".inf", "~", "null", "=", "<<", "08"]
LINES = ["a\nb\n", " a\nb\n", "a\n\n", "a \nb\n", "\ta\nb\n", "a\r\nb\n", "a\x85b\nc\n", "é\né\n", "---\na: b\n"]
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [*WORDS, *LINES, "- a", "x: y", "# a", "...\n"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=10
)


@settings(max_examples=300)
@given(st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_is_written_reads_back_the_same(items: list[dict[str, Value]]) -> None:
    written = write_yaml(items)

    assert [tree.value for tree in read_kubernetes_yaml(written, path="")] == items


@given(TEXT)
def test_another_yaml_reader_sees_the_same_text(text: str) -> None:
    assert yaml.safe_load(write_yaml([{"a": text}])) == {"a": text}


def test_a_namespaced_object_without_a_namespace_gets_one_and_a_cluster_scoped_one_does_not() -> None:
    config: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    role: Object = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "a"}}
    own: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "mine"}}

    assert in_namespace(config, "team")["metadata"] == {"name": "a", "namespace": "team"}
    assert in_namespace(role, "team") == role
    assert in_namespace(own, "team") == own

"""The two folds commute: on generated histories shared with the page, and as properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.documents import Topic, is_acceptable_seq, observe, raise_floor
from chalicelib.wire.codec import digest
from chalicelib.wire.messages import MAX_SEQ, Document
from infra import generate_fold_histories

HISTORIES = Path(__file__).resolve().parents[2] / "histories" / "folds.jsonl"
KEYS = st.sampled_from(["app/a", "app/b", "pod/a/x/1", "cluster"])
Step = Document | int


def fold(steps: list[Step]) -> Topic:
    topic = Topic()
    for step in steps:
        topic = raise_floor(topic, step) if isinstance(step, int) else observe(topic, step)
    return topic


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """What one agent sends: numbers rise, none is used twice; floors name numbers already used."""
    seq = 0
    steps: list[Step] = []
    for key, body, jump in draw(st.lists(st.tuples(KEYS, st.booleans(), st.integers(1, 3)), min_size=1, max_size=12)):
        seq += jump
        steps.append(Document(key, seq, {"n": seq} if body else None))
        if draw(st.integers(0, 5)) == 0:
            steps.append(draw(st.integers(0, seq)))
    return steps


def step_of(line: dict[str, Any]) -> Step:
    if "floor" in line:
        return int(line["floor"])
    doc = line["observe"]
    return Document(doc["key"], doc["seq"], doc.get("body"))


def test_every_shared_history_comes_to_its_end() -> None:
    for line in HISTORIES.read_text().splitlines():
        history = json.loads(line)

        topic = fold([step_of(step) for step in history["steps"]])

        told = {key: {"key": doc.key, "seq": doc.seq, "body": doc.body} for key, doc in topic.documents.items()}
        expected = {key: {"body": None, **doc} for key, doc in history["end"]["documents"].items()}
        assert (topic.floor, told) == (history["end"]["floor"], expected), history["name"]
        if "truth" in history:
            assert {key: doc.body for key, doc in topic.living().items()} == history["truth"], history["name"]


def test_the_shared_histories_are_what_their_generator_says() -> None:
    assert generate_fold_histories.main(["--check"]) == 0


@given(lives(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(life: list[Step], random: Any) -> None:
    mixed = life + random.choices(life, k=len(life))
    random.shuffle(mixed)

    assert fold(mixed) == fold(life)


@given(lives(), st.dictionaries(KEYS, st.integers()), st.randoms(use_true_random=False))
def test_after_any_loss_a_refresh_ends_at_the_truth(life: list[Step], truth: dict[str, int], random: Any) -> None:
    last = max(step.seq for step in life if isinstance(step, Document))
    again: list[Step] = [Document(key, last + n, {"v": value}) for n, (key, value) in enumerate(truth.items(), 1)]
    delivered = [step for step in life if random.random() < 0.5] + [*again, last]
    random.shuffle(delivered)

    topic = fold(delivered)

    assert {key: (doc.body or {})["v"] for key, doc in topic.living().items()} == truth


@given(lives())
def test_what_changes_nothing_returns_the_same_object(life: list[Step]) -> None:
    topic = fold(life)

    for step in life:
        assert (raise_floor(topic, step) if isinstance(step, int) else observe(topic, step)) is topic


@given(st.dictionaries(st.text(max_size=20), st.integers(1, MAX_SEQ)))
def test_a_digest_does_not_depend_on_order_and_tells_versions_apart(versions: dict[str, int]) -> None:
    backwards = list(reversed(versions.items()))

    assert digest(versions.items()) == digest(backwards)
    for key, seq in versions.items():
        assert digest({**versions, key: seq + 1}.items()) != digest(backwards)


def test_numbers_that_would_lock_a_key_are_refused() -> None:
    now = 1_800_000_000_000_000

    assert is_acceptable_seq(1, now_us=now)
    assert is_acceptable_seq(now + 299_000_000, now_us=now)
    refused = (0, -1, now + 301_000_000, MAX_SEQ + 1)
    assert not any(is_acceptable_seq(seq, now_us=now) for seq in refused)

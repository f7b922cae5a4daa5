"""Frames of one agent handled at once on the real store: shuffled, repeated, some lost; a refresh ends at the truth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.adapters.documents_table import DocumentsTable
from chalicelib.adapters.dynamodb import Table
from chalicelib.adapters.topics_table import TopicsTable
from chalicelib.core.documents import digest
from chalicelib.core.topics import TopicAddress
from chalicelib.ports.live import TopicReader
from chalicelib.wire.messages import Document, Hello
from tests.functional.live.rig import APPS, ENV, Rig
from tests.functional.live.test_convergence import APP_NAMES, Agent, ready_in_truth
from tests.ministack_fixture import Aws, aws, aws_endpoint  # noqa: F401

pytestmark = pytest.mark.integration
WORKERS = 8


@pytest.mark.parametrize("seed", range(3))
def test_frames_handled_at_once_end_at_the_agents_state(aws: Aws, seed: int) -> None:  # noqa: F811
    chance, rig, agent = random.Random(seed), Rig(), Agent()
    table = Table(aws.documents_table, aws.dynamodb)
    stored, topics = DocumentsTable(table), TopicsTable(table, Table(aws.records_table, aws.dynamodb))
    rig.live = replace(rig.live, documents=stored, cards=stored, topics=topics)
    rig.greet_agent()
    for _ in range(60):
        agent.change(chance.choice(APP_NAMES), chance.choice(["up", "down", "gone", "pod", "no pod"]))
    frames = [frame for frame in agent.frames * 2 if chance.random() < 0.8]
    chance.shuffle(frames)
    refresh = agent.refresh() + agent.frames[:10]
    chance.shuffle(refresh)

    handle_at_once(rig, frames)
    handle_at_once(rig, refresh)

    assert living(topics, ENV) == agent.living()
    cards = living(topics, APPS).values()
    assert {doc.body["app"]: doc.body["live"].get("ready", 0) for doc in cards if doc.body} == ready_in_truth(agent)
    rig.heard_by("a1")
    rig.say("a1", Hello(1, "i1"))
    (welcome,) = rig.heard_by("a1")
    truth = [(doc.key, doc.seq) for doc in agent.living().values()]
    assert (welcome["count"], welcome["digest"]) == (len(truth), digest(truth))


def handle_at_once(rig: Rig, frames: Sequence[Any]) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(lambda frame: rig.say("a1", frame).outcome, frames))
    assert set(outcomes) <= {"docs", "floor"}


def living(topics: TopicReader, address: TopicAddress) -> dict[str, Document]:
    page = topics.page(address, prefix="", cursor=None, now_us=1)
    assert page.next is None
    return {doc.key: doc for doc in page.docs if doc.body is not None}

"""After any history and a refresh, the store and the cards are what the agent has.

Whatever order, repetition and loss do to its frames, and however their handlers interleave. The truth is computed on
the agent's own side here, never by the folds.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.wire.messages import AgentDocs, AgentFloor, Document
from tests.functional.live.interleaving import Stepwise, Turns
from tests.functional.live.rig import APPS, ENV, Rig, app_doc, pod_doc

APP_NAMES = ("shop", "cart", "mail")
changes = st.lists(
    st.tuples(st.sampled_from(APP_NAMES), st.sampled_from(["up", "down", "gone", "pod", "no pod"])),
    min_size=1,
    max_size=12,
)


class Agent:
    """The truth: what an agent has, and the frames it sent of it."""

    def __init__(self) -> None:
        self.seq = 0
        self.state: dict[str, Document] = {}
        self.frames: list[Any] = []

    def change(self, app: str, what: str) -> None:
        """One change in the cluster: a frame of its own."""
        self.seq += 1
        doc = {
            "up": app_doc(self.seq, app=app, ready=1),
            "down": app_doc(self.seq, app=app, ready=0),
            "gone": Document(f"app/{app}", self.seq, None),
            "pod": pod_doc(self.seq, app),
            "no pod": Document(pod_doc(0, app).key, self.seq, None),
        }[what]
        self.state[doc.key] = doc
        self.frames.append(AgentDocs(self.seq, [doc]))

    def refresh(self) -> list[Any]:
        """Everything again with new numbers, then the floor at the last number used before."""
        floor = self.seq
        docs = []
        for key, doc in list(self.state.items()):
            if doc.body is None:
                del self.state[key]
                continue
            self.seq += 1
            self.state[key] = Document(key, self.seq, doc.body)
            docs.append(self.state[key])
        return [*(AgentDocs(doc.seq, [doc]) for doc in docs), AgentFloor(floor)]

    def living(self) -> dict[str, Document]:
        return {key: doc for key, doc in self.state.items() if doc.body is not None}


def shown(rig: Rig) -> dict[str, Document]:
    """What a reader sees of the environment, page by page."""
    docs: dict[str, Document] = {}
    cursor, more = None, True
    while more:
        page = rig.documents.page(ENV, prefix="", cursor=cursor, now_us=1)
        docs |= {doc.key: doc for doc in page.docs if doc.body is not None}
        cursor, more = page.next, page.next is not None
    return docs


def ready_by_cards(rig: Rig) -> dict[str, int]:
    """App → ready pods, as the cards say."""
    cards = rig.documents.stored.get(APPS, {}).values()
    return {doc.body["app"]: doc.body["live"].get("ready", 0) for doc, _ in cards if doc.body is not None}


def ready_in_truth(agent: Agent) -> dict[str, int]:
    apps = [doc.body for key, doc in agent.living().items() if key.startswith("app/")]
    return {body["app"]: body["workloads"][0].get("ready", 0) for body in apps if body is not None}


@settings(max_examples=150, deadline=None)
@given(changes, st.randoms(use_true_random=False), st.floats(0, 0.7), st.integers(0, 3))
def test_any_history_followed_by_a_refresh_ends_at_the_agents_state(
    history: list[tuple[str, str]], chance: random.Random, loss: float, repeats: int
) -> None:
    rig, agent = Rig(), Agent()
    rig.greet_agent()
    for app, what in history:
        agent.change(app, what)
    arrived = [frame for frame in agent.frames for _ in range(1 + repeats) if chance.random() >= loss]
    late = [frame for frame in agent.frames if chance.random() < 0.5]
    chance.shuffle(arrived)
    refresh = agent.refresh() + late
    chance.shuffle(refresh)

    for frame in arrived + refresh:
        assert rig.say("a1", frame).outcome in ("docs", "floor")

    assert shown(rig) == agent.living()
    assert ready_by_cards(rig) == ready_in_truth(agent)


def test_a_writer_that_was_overtaken_does_not_leave_its_card_behind() -> None:
    rig = Rig()
    rig.greet_agent()
    rig.send("a1", app_doc(1, ready=1))
    rig.documents.before_card = lambda: rig.send("a1", app_doc(3, ready=1))

    rig.send("a1", app_doc(2, ready=0))

    assert ready_by_cards(rig) == {"shop": 1}


def test_an_app_that_came_back_while_a_floor_was_seen_to_keeps_its_card() -> None:
    rig = Rig()
    rig.greet_agent()
    rig.send("a1", app_doc(1, ready=1))
    rig.documents.before_card = lambda: rig.send("a1", app_doc(3, ready=1))

    rig.floor("a1", 2)

    assert ready_by_cards(rig) == {"shop": 1}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(["up", "down", "gone"]), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_handlers_of_one_app_may_interleave_as_they_like(
    history: list[str], chance: random.Random, refreshes: bool
) -> None:
    rig, agent, turns = Rig(), Agent(), Turns()
    rig.greet_agent()
    for what in history:
        agent.change("shop", what)
    frames = agent.frames + (agent.refresh() if refreshes else [])
    stepwise: Any = Stepwise(rig.documents, turns)
    rig.live = replace(rig.live, documents=stepwise, cards=stepwise)

    turns.run([lambda frame=frame: rig.say("a1", frame) for frame in frames], chance)  # type: ignore[misc]  # bound now

    assert shown(rig) == agent.living()
    assert ready_by_cards(rig) == ready_in_truth(agent)

"""The conversation without a socket, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.documents import Body
from agent.ledger import MAX_FLIGHT_BYTES
from agent.session import HEARTBEAT_SECONDS, WELCOME_SECONDS, Session
from chalicelib.core.documents import Topic, observe, raise_floor
from chalicelib.wire.bodies import App, Events, Pod, WarningEvent, Workload
from chalicelib.wire.codec import digest, encode
from chalicelib.wire.messages import (
    Ack,
    AgentCommand,
    AgentDocs,
    AgentFloor,
    AgentResult,
    Bye,
    Document,
    FromAgent,
    Heartbeat,
    Hello,
    Refresh,
    Welcome,
)

HELLO = Hello(protocol=1, instance="i1")
CLOCK_US = 1_700_000_000_000_000


class FakeSource:
    """Documents that a test sets by hand."""

    def __init__(self) -> None:
        self.complete = True
        self.bodies: dict[str, Body] = {}
        self.touched: list[str] = []
        self.scope: tuple[str, Mapping[str, str]] = ("", {})

    def set_scope(self, environment: str, adopted: Mapping[str, str]) -> None:
        self.scope = (environment, adopted)

    def keys(self) -> list[str]:
        return list(self.bodies)

    def take_touched(self) -> list[str]:
        touched, self.touched = self.touched, []
        return touched

    def build(self, key: str) -> Body | None:
        return self.bodies.get(key)

    def put(self, key: str, body: Body | None) -> None:
        self.bodies.pop(key, None)
        if body is not None:
            self.bodies[key] = body
        self.touched.append(key)


class Talk:
    """A session, its source, and the store on the other side."""

    def __init__(self) -> None:
        self.source = FakeSource()
        self.session = Session(self.source, HELLO, lambda: CLOCK_US)
        self.topic = Topic()
        self.now = 1000.0
        self.said: list[FromAgent] = []

    def welcome(self) -> Welcome:
        living = {key: doc.seq for key, doc in self.topic.living().items()}
        seq = max([self.topic.floor, *(doc.seq for doc in self.topic.documents.values())])
        return Welcome(seq=seq, count=len(living), digest=digest(living.items()), environment="staging")

    def connect(self) -> None:
        assert self.session.opened(self.now) == [HELLO]
        self.session.received(self.welcome(), self.now)

    def after(self, seconds: float) -> list[FromAgent]:
        """What the session says then; kept in `said` too."""
        self.now += seconds
        said = self.session.tick(self.now)
        self.said += said
        return said

    def store(self, messages: list[FromAgent], *, acknowledge: bool = True) -> None:
        """The other side folds what arrived."""
        for message in messages:
            if isinstance(message, AgentFloor):
                self.topic = raise_floor(self.topic, message.seq)
            if isinstance(message, AgentDocs):
                for doc in message.docs:
                    self.topic = observe(self.topic, doc)
                if acknowledge:
                    self.session.received(Ack([message.frame]), self.now)

    def settle(self, seconds: float = 200.0, tick: float = 0.25) -> None:
        """Let everything be said, stored and acknowledged."""
        until = self.now + seconds
        while self.now < until and (self.session.is_waiting or self.source.touched):
            self.store(self.after(tick))

    def truth(self) -> dict[str, int]:
        return {key: len(encode_body(body)) for key, body in self.source.bodies.items()}

    def stored(self) -> dict[str, int]:
        return {key: len(encode_body(doc.body)) for key, doc in self.topic.living().items()}


def encode_body(body: Any) -> str:
    return encode(body)


def pod(state: str = "Running", **rest: Any) -> Pod:
    return Pod(namespace="team", name="a", state=state, **rest)


def app(ready: int = 1, commit: str = "") -> App:
    return App(app="shop", commit=commit, workloads=[Workload(kind="Deployment", namespace="t", name="a", ready=ready)])


def docs_in(said: list[FromAgent]) -> list[Document]:
    return [doc for message in said if isinstance(message, AgentDocs) for doc in message.docs]


def test_nothing_is_said_before_the_welcome_and_the_whole_truth() -> None:
    talk = Talk()
    talk.source.put("cluster", pod())
    talk.source.complete = False

    assert talk.after(1) == []
    talk.connect()
    assert talk.after(1) == []
    talk.source.complete = True
    assert [doc.key for doc in docs_in(talk.after(1))] == ["cluster"]
    assert talk.source.scope == ("staging", {})


def test_numbers_start_at_the_clock_or_above_what_is_held() -> None:
    fresh, behind = Talk(), Talk()
    behind.topic = observe(behind.topic, Document("app/old", CLOCK_US + 500, {"app": "old"}))
    for talk in (fresh, behind):
        talk.source.put("cluster", pod())
        talk.connect()
        talk.settle()

    assert fresh.topic.documents["cluster"].seq == CLOCK_US
    assert behind.topic.documents["cluster"].seq == CLOCK_US + 501


def test_changes_of_one_key_are_sent_together() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod("Pending"))
    assert talk.after(0) == []
    talk.source.put("pod/a", pod("Running"))
    assert talk.after(0.2) == []

    said = docs_in(talk.after(0.06))

    assert [(doc.body or {})["state"] for doc in said] == ["Running"]


def test_a_key_that_keeps_changing_goes_once_a_second() -> None:
    talk = Talk()
    talk.connect()
    for number in range(100):
        talk.source.put("pod/a", pod(restarts=number))
        talk.store(talk.after(0.1))

    assert 9 <= len(docs_in(talk.said)) <= 11


def test_what_came_back_to_what_it_was_is_not_sent() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod())
    talk.settle()
    talk.source.put("pod/a", pod("Pending"))
    talk.source.put("pod/a", pod())

    talk.settle()

    assert len(docs_in(talk.said)) == 1


def test_only_counts_wait_two_seconds_and_events_do_not_go_for_them() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("app/shop", app(ready=1))
    talk.source.put("events/shop", Events(app="shop", warnings=[WarningEvent(object="Pod/a", reason="x")]))
    talk.store(talk.after(0))
    talk.store(talk.after(0.3))
    talk.source.put("app/shop", app(ready=2))
    talk.source.put("events/shop", Events(app="shop", warnings=[WarningEvent(object="Pod/a", reason="x", count=9)]))

    assert docs_in(talk.after(0)) + docs_in(talk.after(1.5)) == []
    assert [doc.key for doc in docs_in(talk.after(0.6))] == ["app/shop"]
    talk.source.put("app/shop", app(ready=2, commit="new"))
    talk.after(0)
    assert [doc.key for doc in docs_in(talk.after(1.1))] == ["app/shop"]


def test_a_first_state_is_paced() -> None:
    talk = Talk()
    talk.connect()
    for number in range(5000):
        talk.source.put(f"pod/shop/team/{number}", pod())
    started = talk.now

    talk.settle(tick=0.02)

    assert len(talk.topic.documents) == 5000
    assert 15 < talk.now - started < 20
    assert all(len(encode(message)) <= 32 * 1024 for message in talk.said)


def test_output_without_an_answer_is_bounded_and_collapses_to_the_latest() -> None:
    talk = Talk()
    talk.connect()
    big = "x" * 20_000
    for number in range(400):
        talk.source.put(f"app/{number}", app(commit=f"{big}{number}"))
    sent: list[FromAgent] = []
    for _ in range(100):
        sent += talk.after(0.25)
    assert MAX_FLIGHT_BYTES <= talk.session.ledger.flight_bytes < MAX_FLIGHT_BYTES * 1.6
    assert talk.after(1) == []

    for number in range(400):
        talk.source.put(f"app/{number}", app(commit=f"last {number}"))
    talk.store(sent)
    talk.settle()

    assert [talk.topic.documents[f"app/{n}"].body["commit"] for n in (0, 399)] == ["last 0", "last 399"]  # type: ignore[index]  # they live


def test_a_frame_that_is_not_acknowledged_goes_again_with_new_numbers() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod())
    talk.after(0)
    (lost,) = docs_in(talk.after(0.3))

    talk.after(31)
    (again,) = docs_in(talk.after(0.3))

    assert again.seq > lost.seq
    assert again.body == lost.body


def test_what_is_gone_is_told_by_a_tombstone_once() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod())
    talk.settle()
    talk.source.put("pod/a", None)
    talk.settle()
    talk.source.put("pod/a", None)
    talk.settle()

    assert [doc.body is None for doc in docs_in(talk.said)] == [False, True]
    assert talk.session.ledger.entries == {}


def test_acknowledgements_in_any_order_leave_the_newest_version_known() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod())
    talk.after(0)
    first = talk.after(0.3)
    talk.source.put("pod/a", pod("Pending"))
    talk.after(0)
    second = talk.after(1.1)
    talk.store(second)
    talk.store(first)
    talk.session.closed()

    talk.connect()
    talk.after(0)
    talk.settle()

    assert talk.session.refreshes == 0
    assert (talk.topic.documents["pod/a"].body or {})["state"] == "Pending"


def test_frames_in_flight_go_again_at_once_after_an_outage() -> None:
    talk = Talk()
    talk.connect()
    talk.source.put("pod/a", pod())
    talk.after(0)
    assert docs_in(talk.after(0.3))
    talk.session.closed()
    talk.connect()

    talk.store(talk.after(0.1))
    talk.store(talk.after(0.3))

    assert list(talk.topic.living()) == ["pod/a"]


def test_a_welcome_that_agrees_costs_nothing_and_one_that_does_not_a_refresh() -> None:
    talk = Talk()
    talk.source.put("pod/a", pod())
    talk.connect()
    talk.settle()
    talk.session.closed()
    talk.connect()
    talk.settle()
    assert len(docs_in(talk.said)) == 1

    talk.session.closed()
    talk.topic = Topic(documents={"pod/b": Document("pod/b", CLOCK_US + 9, {})})
    talk.connect()
    talk.after(0)
    talk.settle()

    assert list(talk.topic.living()) == ["pod/a"]
    assert talk.topic.floor == CLOCK_US + 9


def test_a_frame_stored_but_not_acknowledged_before_an_outage_costs_no_refresh() -> None:
    talk = Talk()
    talk.source.put("pod/a", pod())
    talk.connect()
    talk.after(0)
    talk.store(talk.after(0.3), acknowledge=False)
    talk.session.closed()

    talk.connect()
    talk.after(0)
    talk.settle()

    assert talk.session.refreshes == 0


def test_the_floor_is_raised_only_when_everything_arrived() -> None:
    talk = Talk()
    talk.source.put("pod/a", pod())
    talk.source.put("pod/b", pod())
    talk.connect()
    talk.settle()
    floor = talk.session.seq

    talk.session.received(Refresh(), talk.now)
    first = talk.after(0.3)
    assert not any(isinstance(message, AgentFloor) for message in first + talk.after(5))
    talk.store(first)
    said = talk.after(0.1)

    assert said == [AgentFloor(floor)]
    assert {doc.key for doc in docs_in(first)} == {"pod/a", "pod/b"}


def test_an_unasked_welcome_that_disagrees_makes_the_agent_ask_with_nothing_in_flight() -> None:
    talk = Talk()
    talk.source.put("pod/a", pod())
    talk.connect()
    talk.settle()
    talk.source.put("pod/b", pod())
    talk.after(0)
    crossing = talk.after(0.3)
    stale = Welcome(seq=1, count=0, digest="before")

    talk.session.received(stale, talk.now)
    assert talk.after(1) == []
    talk.store(crossing)
    assert talk.after(0.1) == [HELLO]
    talk.session.received(talk.welcome(), talk.now)
    talk.settle()

    assert talk.session.refreshes == 0


def test_asking_is_given_up_when_nobody_answers() -> None:
    talk = Talk()
    talk.connect()
    talk.after(0)
    talk.session.received(Welcome(seq=1, count=7, digest="other"), talk.now)
    assert talk.after(0.1) == [HELLO]
    talk.source.put("pod/a", pod())

    assert talk.after(1) == []
    talk.after(WELCOME_SECONDS)
    talk.settle()

    assert list(talk.topic.living()) == ["pod/a"]


def test_a_heartbeat_goes_each_minute() -> None:
    talk = Talk()
    talk.connect()

    beats = [message for _ in range(30) for message in talk.after(HEARTBEAT_SECONDS / 10)]

    assert [type(beat) for beat in beats] == [Heartbeat] * 3


def test_a_hello_without_a_welcome_is_noticed() -> None:
    talk = Talk()
    talk.session.opened(talk.now)

    assert not talk.session.is_ignored(talk.now + 10)
    assert talk.session.is_ignored(talk.now + WELCOME_SECONDS + 1)


def test_what_we_are_told_is_understood() -> None:
    talk = Talk()
    talk.connect()

    assert talk.session.received(AgentCommand("r1", "logs"), talk.now) == [AgentResult("r1", error="not able")]
    assert talk.session.received(Bye("replaced"), talk.now) == []
    assert talk.session.bye == "replaced"


class AnyWeather(RuleBasedStateMachine):
    """Changes, lost frames, outages, refreshes and a forgetful store, in any order: calm weather shows the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk()
        self.talk.connect()
        self.late: list[FromAgent] = []

    @rule(key=st.sampled_from(["pod/a", "pod/b", "pod/c"]), restarts=st.none() | st.integers(0, 3))
    def change(self, key: str, restarts: int | None) -> None:
        self.talk.source.put(key, None if restarts is None else pod(restarts=restarts))

    @rule(seconds=st.floats(0, 40), fate=st.sampled_from(["stored", "lost", "late", "unacknowledged"]))
    def talk_on(self, seconds: float, fate: str) -> None:
        said = self.talk.after(seconds)
        if fate == "late":
            self.late += said
        elif fate != "lost":
            self.talk.store(said, acknowledge=fate == "stored")

    @rule()
    def late_frames_arrive(self) -> None:
        self.talk.store(self.late)
        self.late = []

    @rule()
    def reconnect(self) -> None:
        self.talk.session.closed()
        self.talk.connect()

    @rule()
    def ask_for_everything(self) -> None:
        self.talk.session.received(Refresh(), self.talk.now)

    @rule()
    def compare(self) -> None:
        self.talk.session.received(self.talk.welcome(), self.talk.now)

    @rule()
    def forget_the_store(self) -> None:
        self.talk.topic = Topic(floor=self.talk.topic.floor)

    @invariant()
    def memory_is_bounded_by_keys(self) -> None:
        assert len(self.talk.session.ledger.entries) <= 3

    def teardown(self) -> None:
        self.talk.store(self.late)
        self.talk.session.closed()
        self.talk.connect()
        self.talk.settle()
        self.talk.session.closed()
        self.talk.connect()
        self.talk.after(0.3)
        self.talk.settle()
        assert self.talk.stored() == self.talk.truth()


TestAnyWeather = AnyWeather.TestCase
TestAnyWeather.settings = hypothesis_settings(max_examples=60, stateful_step_count=25, deadline=None)

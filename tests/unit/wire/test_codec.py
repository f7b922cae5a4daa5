"""Messages survive the wire, what is no message is named, and the schema says what the structs say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.wire import codec, messages
from chalicelib.wire.codec import BadMessage, encode, pack, size_bytes
from chalicelib.wire.messages import MAX_MESSAGE_BYTES, MAX_SEQ, AgentDocs, Document
from infra import generate_wire_schema

TEXT = st.text(max_size=30)
NAMES = st.lists(TEXT, max_size=4)
SEQS = st.integers(0, MAX_SEQ)
BODIES = st.none() | st.dictionaries(TEXT, TEXT | st.integers(-MAX_SEQ, MAX_SEQ) | st.booleans(), max_size=4)
DOCS = st.lists(st.builds(Document, TEXT, SEQS, BODIES), max_size=5)
ARGUMENTS = st.dictionaries(TEXT, TEXT, max_size=3)

FROM_AGENT = st.one_of(
    st.builds(messages.Hello, st.integers(1, 9), TEXT, TEXT, TEXT, NAMES),
    st.builds(AgentDocs, SEQS, DOCS),
    st.builds(messages.AgentFloor, SEQS),
    st.builds(messages.Heartbeat, SEQS),
    st.builds(messages.AgentResult, TEXT, st.integers(0, 99), st.booleans(), BODIES, st.none() | TEXT),
)
TO_AGENT = st.one_of(
    st.builds(messages.Welcome, SEQS, SEQS, TEXT, TEXT, ARGUMENTS),
    st.builds(messages.Ack, st.lists(SEQS, max_size=5)),
    st.just(messages.Refresh()),
    st.builds(messages.AgentCommand, TEXT, TEXT, ARGUMENTS, SEQS),
    st.builds(messages.Cancel, TEXT),
    st.builds(messages.Bye, TEXT),
)
FROM_BROWSER = st.one_of(
    st.builds(messages.Subscribe, TEXT, st.none() | TEXT, st.none() | NAMES, st.none() | SEQS),
    st.builds(messages.Unsubscribe, TEXT),
    st.builds(messages.BrowserCommand, TEXT, TEXT, TEXT, ARGUMENTS),
    st.builds(messages.Cancel, TEXT),
    st.builds(messages.Ping, NAMES),
)
TO_BROWSER = st.one_of(
    st.builds(messages.Docs, TEXT, DOCS, SEQS),
    st.builds(messages.Floor, TEXT, SEQS),
    st.builds(messages.Resync, TEXT),
    st.builds(messages.BrowserResult, TEXT, st.integers(0, 99), st.booleans(), BODIES, st.none() | TEXT),
    st.builds(messages.Error, TEXT, TEXT, st.none() | TEXT),
)
DECODERS = (codec.decode_from_agent, codec.decode_to_agent, codec.decode_from_browser, codec.decode_to_browser)


@given(FROM_AGENT, TO_AGENT, FROM_BROWSER, TO_BROWSER)
def test_a_message_comes_out_as_it_went_in(agent: Any, to_agent: Any, browser: Any, to_browser: Any) -> None:
    assert codec.decode_from_agent(encode(agent)) == agent
    assert codec.decode_to_agent(encode(to_agent)) == to_agent
    assert codec.decode_from_browser(encode(browser)) == browser
    assert codec.decode_to_browser(encode(to_browser)) == to_browser


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_noise_is_named_and_never_raises_anything_else(noise: bytes | str) -> None:
    for decode in DECODERS:
        with pytest.raises(BadMessage):
            decode(noise)


def test_an_unknown_type_is_told_apart_from_a_broken_message() -> None:
    cases = {
        '{"type":"from the future","x":1}': "unknown_type",
        '{"type":"welcome"}': "unknown_type",
        '{"type":"floor"}': "malformed",
        '{"type":"floor","seq":"1"}': "malformed",
        '{"seq":1}': "malformed",
        "[" * 10_000: "malformed",
        '"' + "x" * MAX_MESSAGE_BYTES + '"': "too_large",
    }

    for text, code in cases.items():
        with pytest.raises(BadMessage) as caught:
            codec.decode_from_agent(text)
        assert caught.value.code == code, text[:40]


def test_unknown_fields_are_ignored() -> None:
    assert codec.decode_from_agent('{"type":"floor","seq":7,"later":{"a":[1]}}') == messages.AgentFloor(7)


def test_a_message_that_fits_no_frame_is_not_sent() -> None:
    with pytest.raises(BadMessage) as caught:
        encode(AgentDocs(1, [Document("app/a", 1, {"text": "x" * MAX_MESSAGE_BYTES})]))

    assert caught.value.code == "too_large"


@given(st.lists(st.builds(Document, TEXT, SEQS, BODIES), max_size=40), st.integers(100, 2000))
def test_packs_keep_order_lose_nothing_and_fit(docs: list[Document], room: int) -> None:
    packs = pack(docs, room_bytes=room)

    assert [doc for each in packs for doc in each] == docs
    assert all(size_bytes(each) <= room or len(each) == 1 for each in packs)
    assert all(packs)


def test_the_written_schema_is_what_the_structs_say() -> None:
    assert generate_wire_schema.main(["--check"]) == 0


def test_the_schema_names_every_message_and_every_body() -> None:
    schema = generate_wire_schema.build()

    for direction, union in generate_wire_schema.DIRECTIONS.items():
        listed = {each["$ref"].rsplit("/", 1)[1] for each in schema["$defs"][direction]["anyOf"]}
        assert listed == {each.__name__ for each in union.__args__}
    bodies = {name for topic in schema["x-topics"].values() for name in topic.values()}
    assert bodies <= set(schema["$defs"])
    assert json.dumps(schema)

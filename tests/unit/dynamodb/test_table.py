"""The edge to DynamoDB: what its error codes become, and what comes back of values. No emulator answers these codes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.documents_table import DocumentsTable
from chalicelib.adapters.dynamodb import ConditionFailed, Table, from_item, to_item
from chalicelib.core.cards import AgentSide
from chalicelib.core.errors import Rejected, StoreUnavailable
from chalicelib.core.topics import CardAddress
from chalicelib.wire import bodies

CARD = CardAddress("acme", "shop", "e1", "staging")
SIDE = AgentSide(live=bodies.LiveSummary(wanted=1), health=bodies.Health(word="Healthy"))


class FailingClient:
    """Answers each call with the next failure, then with success."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> dict[str, Any]:
            self.calls += 1
            if self.failures:
                raise self.failures.pop(0)
            return {"Items": []}

        return call


def failure(code: str, status: int = 400, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "PutItem")


def cancelled(*codes: str) -> ClientError:
    return failure("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


@pytest.mark.parametrize(
    "error",
    [
        failure("ThrottlingException"),
        failure("ProvisionedThroughputExceededException"),
        failure("RequestLimitExceeded"),
        failure("TransactionInProgressException"),
        failure("SomethingNew", 503),
        cancelled("None", "ThrottlingError"),
        ReadTimeoutError(endpoint_url="http://x"),
    ],
)
def test_a_store_that_is_busy_or_silent_is_unavailable(error: Exception) -> None:
    with pytest.raises(StoreUnavailable):
        Table("t", FailingClient(error)).put({"pk": "a", "sk": "b"})


@pytest.mark.parametrize(
    ("error", "reasons"),
    [
        (failure("ConditionalCheckFailedException"), ()),
        (failure("TransactionConflictException"), ("TransactionConflict",)),
        (cancelled("None", "ConditionalCheckFailed"), ("None", "ConditionalCheckFailed")),
        (cancelled("TransactionConflict", "ThrottlingError"), ("TransactionConflict", "ThrottlingError")),
    ],
)
def test_a_condition_that_does_not_hold_is_a_conflict_with_its_reasons(error: Exception, reasons: Any) -> None:
    with pytest.raises(ConditionFailed) as raised:
        Table("t", FailingClient(error)).transact([], "the release r1")

    assert raised.value.reasons == reasons
    assert raised.value.message.startswith("the release r1")


@pytest.mark.parametrize("error", [failure("ValidationException"), cancelled("None", "ValidationError")])
def test_our_own_mistake_crashes(error: Exception) -> None:
    with pytest.raises(ClientError):
        Table("t", FailingClient(error)).put({"pk": "a", "sk": "b"})


def test_a_place_to_go_on_from_that_the_store_refuses_is_the_callers_mistake() -> None:
    with pytest.raises(Rejected, match="cursor"):
        Table("t", FailingClient(failure("ValidationException"))).query("pk = :pk", start={"pk": "a", "sk": "b"})
    with pytest.raises(ClientError):
        Table("t", FailingClient(failure("ValidationException"))).query("pk = :pk")


def test_no_message_names_a_key() -> None:
    with pytest.raises(StoreUnavailable) as raised:
        Table("t", FailingClient(failure("ThrottlingException"))).get("TICKET#abc", "x")

    assert raised.value.message == "the store is busy: an item of t"


def test_a_card_that_a_transaction_is_writing_is_tried_again() -> None:
    conflict = failure("TransactionConflictException")
    client = FailingClient(conflict, conflict)

    assert DocumentsTable(Table("t", client)).write_agent_side(CARD, 1, SIDE, 1)
    assert client.calls == 3


def test_a_card_that_transactions_keep_writing_is_unavailable_and_not_taken_for_written() -> None:
    client = FailingClient(*(failure("TransactionConflictException") for _ in range(9)))

    with pytest.raises(StoreUnavailable):
        DocumentsTable(Table("t", client)).write_agent_side(CARD, 1, SIDE, 1)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values | st.sets(st.text(), min_size=1), max_size=4))
def test_every_value_comes_back_as_it_went_in(item: dict[str, Any]) -> None:
    assert from_item(to_item(item)) == item


@pytest.mark.parametrize("value", [0.5, set(), {1, 2}, object()])
def test_what_we_do_not_keep_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_item({"a": value})

"""One table: the calls we use, over plain values, with DynamoDB's error codes translated at this edge.

Never scans. A condition that does not hold is `ConditionFailed` (a `Conflict`); throttling, timeouts and 5xx are
`StoreUnavailable`; anything else (a malformed expression, a missing table) is a bug and crashes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from chalicelib.adapters.dynamodb.items import Item, from_item, to_item
from chalicelib.core.errors import Conflict, Rejected, StoreUnavailable

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 4
ATTEMPTS = 3  # with the timeouts above a write gives up well before 30 s, as live resume assumes
POOL_CONNECTIONS = 32

_BUSY = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionInProgressException",
        "LimitExceededException",
    }
)
_RACED = frozenset({"TransactionConflictException", "ReplicatedWriteConflictException"})


class ConditionFailed(Conflict):
    """A condition did not hold.

    `reasons`: of a transaction, each write's code in order (`None`, `ConditionalCheckFailed`, …).
    `items`: in the same order, the item each failed condition met, where the write asked for it; plain values.
    """

    def __init__(self, message: str, reasons: tuple[str, ...] = (), items: tuple[Item | None, ...] = ()) -> None:
        super().__init__(message)
        self.reasons = reasons
        self.items = items


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query; `next` is the key to go on from."""

    items: list[Item]
    next: Item | None = None


@cache
def dynamodb_client() -> Any:
    """The process's client; boto3 itself reads region, credentials and `AWS_ENDPOINT_URL`. Safe to share by threads."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=POOL_CONNECTIONS,
        parameter_validation=False,
    )
    return boto3.session.Session().client("dynamodb", config=config)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Translate what botocore raises inside into our tree; `what` names the thing that was read or written."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        failure = _failure(error.response, what)
        if failure is None:
            raise
        raise failure from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"the store did not answer for {what}") from error


@contextmanager
def _from_outside(start: Item | None) -> Iterator[None]:
    """A place to go on from comes from a cursor, which anybody can write: one that is refused is their mistake."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if start is None or error.response.get("Error", {}).get("Code") != "ValidationException":
            raise
        raise Rejected("this cursor is not one of ours: start again without it") from error


def _failure(response: Mapping[str, Any], what: str) -> Exception | None:
    code = response.get("Error", {}).get("Code", "")
    if code == "ConditionalCheckFailedException":
        held = response.get("Item")
        return ConditionFailed(f"{what} is not as expected", (), (from_item(held) if held else None,))
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons", []), what)
    if code in _RACED:
        return ConditionFailed(f"{what} is being written by somebody else", ("TransactionConflict",))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BUSY or status >= 500:
        return StoreUnavailable(f"the store is busy: {what}")
    return None


def _cancelled(entries: Sequence[Mapping[str, Any]], what: str) -> Exception | None:
    codes = tuple(str(entry.get("Code", "None")) for entry in entries)
    if "ConditionalCheckFailed" in codes or "TransactionConflict" in codes:
        items = tuple(from_item(entry["Item"]) if entry.get("Item") else None for entry in entries)
        return ConditionFailed(f"{what} is not as expected", codes, items)
    if codes and all(code in ("None", "ThrottlingError", "ProvisionedThroughputExceeded") for code in codes):
        return StoreUnavailable(f"the store is busy: {what}")
    return None


@dataclass(frozen=True, slots=True)
class Table:
    """A table with keys `pk` and `sk`. Values are plain; expressions use `#name` and `:value` placeholders.

    In `names` and `values` the keys are written without `#` and `:`.
    """

    name: str
    client: Any = field(default_factory=dynamodb_client, repr=False)

    @property
    def _an_item(self) -> str:
        return f"an item of {self.name}"  # never its key: messages may be shown

    def get(self, pk: str, sk: str, *, consistent: bool = True) -> Item | None:
        """One item, or none."""
        with translated(self._an_item):
            answer = self.client.get_item(TableName=self.name, Key=_key(pk, sk), ConsistentRead=consistent)
        return from_item(answer["Item"]) if "Item" in answer else None

    def put(self, item: Item, **expression: Any) -> None:
        """Write a whole item, on a `condition`; `held=True`: a failed condition carries the item it met."""
        with translated(self._an_item):
            self.client.put_item(TableName=self.name, Item=to_item(item), **_expression(**expression))

    def update(self, pk: str, sk: str, update: str, *, returns: str = "NONE", **expression: Any) -> Item:
        """Change attributes; answers what `returns` (`ALL_OLD`, `ALL_NEW`, …) asks for."""
        with translated(self._an_item):
            answer = self.client.update_item(
                TableName=self.name,
                Key=_key(pk, sk),
                UpdateExpression=update,
                ReturnValues=returns,
                **_expression(**expression),
            )
        return from_item(answer.get("Attributes", {}))

    def delete(self, pk: str, sk: str, **expression: Any) -> Item | None:
        """Remove an item; answers what it was, or none when it was not there."""
        with translated(self._an_item):
            answer = self.client.delete_item(
                TableName=self.name, Key=_key(pk, sk), ReturnValues="ALL_OLD", **_expression(**expression)
            )
        return from_item(answer["Attributes"]) if answer.get("Attributes") else None

    def query(
        self,
        key_condition: str,
        *,
        index: str | None = None,
        start: Item | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        consistent: bool = False,
        projection: str | None = None,
        **expression: Any,
    ) -> Page:
        """One page (≤ 1 MB) of a key or index. Expression parts: `values`, `names`, `filter`.

        Raises:
            Rejected: there is no such place to `start` from.
        """
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": key_condition,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": consistent,
            **_expression(**expression),
        }
        optional = {"IndexName": index, "Limit": limit, "ProjectionExpression": projection}
        request |= {name: value for name, value in optional.items() if value is not None}
        if start is not None:
            request["ExclusiveStartKey"] = to_item(start)
        with _from_outside(start), translated(self._an_item):
            answer = self.client.query(**request)
        last = answer.get("LastEvaluatedKey")
        return Page([from_item(item) for item in answer["Items"]], from_item(last) if last else None)

    def query_all(self, key_condition: str, **query: Any) -> Iterator[Item]:
        """Every item of a key or index, page after page."""
        start: Item | None = None
        while True:
            page = self.query(key_condition, start=start, **query)
            yield from page.items
            start = page.next
            if start is None:
                return

    def put_write(self, item: Item, **expression: Any) -> Item:
        """A put for `transact`."""
        return {"Put": {"TableName": self.name, "Item": to_item(item), **_expression(**expression)}}

    def update_write(self, pk: str, sk: str, update: str, **expression: Any) -> Item:
        """An update for `transact`."""
        key = {"TableName": self.name, "Key": _key(pk, sk)}
        return {"Update": {**key, "UpdateExpression": update, **_expression(**expression)}}

    def delete_write(self, pk: str, sk: str, **expression: Any) -> Item:
        """A delete for `transact`."""
        return {"Delete": {"TableName": self.name, "Key": _key(pk, sk), **_expression(**expression)}}

    def check_write(self, pk: str, sk: str, condition: str, **expression: Any) -> Item:
        """A condition on an item that is not written, for `transact`."""
        key = {"TableName": self.name, "Key": _key(pk, sk)}
        return {"ConditionCheck": {**key, **_expression(condition=condition, **expression)}}

    def transact(self, writes: Sequence[Item], what: str, *, token: str | None = None) -> None:
        """Up to 100 writes, all or none, of this or other tables. `token`: DynamoDB forgets repeats for 10 minutes."""
        extra = {"ClientRequestToken": token} if token else {}
        with translated(what):
            self.client.transact_write_items(TransactItems=list(writes), **extra)


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _expression(
    *,
    condition: str | None = None,
    filter: str | None = None,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    held: bool = False,
) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if condition:
        parts["ConditionExpression"] = condition
    if filter:
        parts["FilterExpression"] = filter
    if names:
        parts["ExpressionAttributeNames"] = {f"#{name}": attribute for name, attribute in names.items()}
    if values:
        parts["ExpressionAttributeValues"] = {f":{name}": value for name, value in to_item(values).items()}
    if held:
        parts["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return parts

"""The queues and their dead letters, as resources of the template, and who is told when something ends there."""

from __future__ import annotations

import json
from typing import Any

from infra.queues import QUEUES, RELAY_DEAD_NAME, Queue, create_queue_requests

Resource = dict[str, Any]
TOPIC = "AlarmTopic"
OLDEST_MESSAGE_SECONDS = 300
_ATTRIBUTES_IN_SECONDS = ("VisibilityTimeout", "MessageRetentionPeriod")


def queue_id(name: str) -> str:
    """The logical id of the queue called `name` in `infra.queues`."""
    words = name.removesuffix(".fifo").split("-")
    return "".join(word.capitalize() for word in words) + "Queue"


def queue_resources() -> dict[str, Resource]:
    """Every queue of `infra.queues`."""
    return {queue_id(request["QueueName"]): _queue(request) for request in create_queue_requests()}


def _queue(request: dict[str, Any]) -> Resource:
    attributes = request["Attributes"]
    properties: dict[str, Any] = {"SqsManagedSseEnabled": True}
    for name in _ATTRIBUTES_IN_SECONDS:
        if name in attributes:
            properties[name] = int(attributes[name])
    if "FifoQueue" in attributes:
        properties["FifoQueue"] = True
    if "RedrivePolicy" in attributes:
        policy = json.loads(attributes["RedrivePolicy"])
        dead = queue_id(policy["deadLetterTargetArn"].rpartition(":")[2])
        properties["RedrivePolicy"] = {
            "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
            "maxReceiveCount": policy["maxReceiveCount"],
        }
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": properties,
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
    }


def alarm_resources(functions: dict[str, str]) -> dict[str, Resource]:
    """The topic of alarms; alarms for dead letters, for work that waits too long, and for crashes.

    `functions` is the logical id of each function by its name.
    """
    dead = [*(queue.dead_name for queue in QUEUES), RELAY_DEAD_NAME]
    return {
        TOPIC: {"Type": "AWS::SNS::Topic", "Properties": {}},
        **{f"{queue_id(name)}Alarm": _dead_letters(name) for name in dead},
        **{f"{queue_id(queue.name)}Alarm": _waits_too_long(queue) for queue in QUEUES},
        **{f"{resource}ErrorsAlarm": _crashes(name, resource) for name, resource in functions.items()},
    }


def _dead_letters(name: str) -> Resource:
    return _alarm(
        f"Something ended in {name}: it failed as often as it may.",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        {"QueueName": {"Fn::GetAtt": [queue_id(name), "QueueName"]}},
    )


def _waits_too_long(queue: Queue) -> Resource:
    return _alarm(
        f"Work for {queue.function} waits longer than {OLDEST_MESSAGE_SECONDS} s.",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": {"Fn::GetAtt": [queue_id(queue.name), "QueueName"]}},
        threshold=OLDEST_MESSAGE_SECONDS,
    )


def _crashes(name: str, resource: str) -> Resource:
    return _alarm(f"{name} crashed: a bug.", "AWS/Lambda", "Errors", {"FunctionName": {"Ref": resource}})


def _alarm(about: str, namespace: str, metric: str, dimensions: dict[str, Any], *, threshold: int = 0) -> Resource:
    properties = {
        "AlarmDescription": about,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Ref": TOPIC}],
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}

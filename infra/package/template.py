"""Turns the template that Chalice makes into the one that is deployed.

Chalice makes one zip function a handler and knows neither images nor our own resources; its merge templates can only
add keys. So this decides, purely, what each of its resources becomes. What it does not know it leaves as it is, and
what it expects and does not find is an error, so that a new Chalice cannot change what is deployed unseen.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from infra.data import DOCUMENTS, RECORDS, TABLES, Table
from infra.functions import FUNCTIONS, IMAGE_FUNCTIONS, RELAY, RELAY_BATCHING_SECONDS, SWEEP, Function
from infra.limits import STREAM_ATTEMPTS, STREAM_BATCH_RECORDS
from infra.package.data import BUCKET, data_resources, table_id
from infra.package.queues import alarm_resources, queue_id, queue_resources
from infra.queues import QUEUES, RELAY_DEAD_NAME, Queue
from infra.refusals import NO_ROUTE, NO_ROUTE_STATUS, no_route_body

Template = dict[str, Any]
LOG_RETENTION_DAYS = 90
PARTIAL_BATCH = ["ReportBatchItemFailures"]
_FUNCTION = "AWS::Serverless::Function"
_QUEUES = {queue.function: queue for queue in QUEUES}


class UnexpectedTemplate(Exception):
    """Chalice made something else than we know how to change; the message names it."""


def complete(made: Template) -> Template:
    """The template to deploy, from the one `chalice package` made; `made` stays as it is."""
    template = deepcopy(made)
    resources = template["Resources"]
    _check(resources)
    for function in FUNCTIONS:
        _shape(resources[function.resource], function)
    _deploy_routes_as_they_are(resources)
    resources["RestAPI"]["Properties"]["GatewayResponses"] = _refusals()
    resources.update(data_resources())
    resources.update(queue_resources())
    resources.update(alarm_resources({function.name: function.resource for function in FUNCTIONS}))
    resources.update({_log_id(function): _log_group(function) for function in FUNCTIONS})
    template["Parameters"] = _parameters()
    template["Description"] = "Gimlet: how does my commit become what runs, and is it running?"
    return template


def _check(resources: dict[str, Any]) -> None:
    made = {name for name, resource in resources.items() if resource["Type"] == _FUNCTION}
    known = {function.resource for function in FUNCTIONS}
    if made != known:
        unknown, absent = sorted(made - known) or "none", sorted(known - made) or "none"
        raise UnexpectedTemplate(
            f"app.py and infra/functions.py differ; only in app.py: {unknown}, not in it: {absent}"
        )
    for name in ("RestAPI", "WebsocketAPI", "WebsocketAPIStage", "WebsocketAPIDeployment"):
        if name not in resources:
            raise UnexpectedTemplate(f"Chalice made no {name}")


def _shape(resource: dict[str, Any], function: Function) -> None:
    properties = resource["Properties"]
    if properties["Handler"] != function.entry:
        raise UnexpectedTemplate(f"{function.name} is handled by {properties['Handler']}, not by {function.entry}")
    properties["FunctionName"] = _function_name(function)
    properties["MemorySize"] = function.memory_mb
    properties["Timeout"] = function.timeout_seconds
    properties["Environment"] = {"Variables": settings()}
    properties.update(_events(function))
    if function.storage_mb != 512:
        properties["EphemeralStorage"] = {"Size": function.storage_mb}
    resource["DependsOn"] = _log_id(function)
    if function.image:
        _make_image(properties, function)


def _make_image(properties: dict[str, Any], function: Function) -> None:
    for name in ("Runtime", "Handler", "CodeUri"):
        del properties[name]
    properties["PackageType"] = "Image"
    properties["ImageUri"] = {"Ref": "WorkerImage"}
    properties["ImageConfig"] = {"Command": [function.entry]}


def settings() -> dict[str, Any]:
    """What `chalicelib/settings.py` reads, for every function the same."""
    return {
        "RECORDS_TABLE": {"Ref": table_id(RECORDS)},
        "DOCUMENTS_TABLE": {"Ref": table_id(DOCUMENTS)},
        **{queue.setting: {"Ref": queue_id(queue.name)} for queue in QUEUES},
        "BUCKET": {"Ref": BUCKET},
        "PUBLIC_URL": {"Ref": "PublicUrl"},
        "WEBSOCKET_ENDPOINT": {"Fn::Sub": "https://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"},
        "RENDER_FUNCTION": {"Fn::Sub": "${AWS::StackName}-render"},  # a Ref would be a circle: render has it too
        "CHART_HOSTS": {"Ref": "ChartHosts"},
        "CLONE_DIR": "/tmp/clones",  # noqa: S108 Lambda's only writable folder
        "SECRETS_PREFIX": {"Fn::Sub": "/${AWS::StackName}"},
        "LOCAL": "",
        "NOTICE": "",
        "POWERTOOLS_SERVICE_NAME": "gimlet",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }


def _events(function: Function) -> dict[str, Any]:
    if function.name in _QUEUES:
        return {"Events": {"Messages": {"Type": "SQS", "Properties": _queue_event(_QUEUES[function.name])}}}
    if function is RELAY:
        streams = {f"{table.name.capitalize()}Changes": _stream_event(table) for table in TABLES}
        return {"Events": {name: {"Type": "DynamoDB", "Properties": event} for name, event in streams.items()}}
    if function is SWEEP:
        return {"Events": {"EachMinute": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}}}
    return {}


def _queue_event(queue: Queue) -> dict[str, Any]:
    return {
        "Queue": {"Fn::GetAtt": [queue_id(queue.name), "Arn"]},
        "BatchSize": queue.batch_size,
        "FunctionResponseTypes": PARTIAL_BATCH,
        "ScalingConfig": {"MaximumConcurrency": queue.concurrency},
    }


def _stream_event(table: Table) -> dict[str, Any]:
    return {
        "Stream": {"Fn::GetAtt": [table_id(table), "StreamArn"]},
        "StartingPosition": "LATEST",
        "BatchSize": STREAM_BATCH_RECORDS,
        "MaximumBatchingWindowInSeconds": RELAY_BATCHING_SECONDS,
        "MaximumRetryAttempts": STREAM_ATTEMPTS - 1,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {
            "OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": [queue_id(RELAY_DEAD_NAME), "Arn"]}}
        },
    }


def _deploy_routes_as_they_are(resources: dict[str, Any]) -> None:
    """Chalice's deployment of the WebSocket routes is made once and never again; a stage can deploy by itself."""
    del resources["WebsocketAPIDeployment"]
    stage = resources["WebsocketAPIStage"]["Properties"]
    del stage["DeploymentId"]
    stage["AutoDeploy"] = True


def _refusals() -> dict[str, Any]:
    templates = {"application/json": json.dumps(no_route_body())}
    return {NO_ROUTE: {"StatusCode": NO_ROUTE_STATUS, "ResponseTemplates": templates}}


def _function_name(function: Function) -> dict[str, str]:
    return {"Fn::Sub": f"${{AWS::StackName}}-{function.name.replace('_', '-')}"}


def _log_id(function: Function) -> str:
    return f"{function.resource}Logs"


def _log_group(function: Function) -> dict[str, Any]:
    name = f"/aws/lambda/${{AWS::StackName}}-{function.name.replace('_', '-')}"
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": {"Fn::Sub": name}, "RetentionInDays": LOG_RETENTION_DAYS},
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
    }


def _parameters() -> dict[str, Any]:
    images = " ".join(function.name for function in IMAGE_FUNCTIONS)
    return {
        "PublicUrl": {
            "Type": "String",
            "Description": "The one public origin that people, Git hosts and agents use.",
            "AllowedPattern": "^https://[^/ ]+$",
        },
        "WorkerImage": {"Type": "String", "Description": f"The address of the image of {images}."},
        "ChartHosts": {
            "Type": "String",
            "Default": "",
            "Description": "Hosts that charts may come from, with commas between.",
        },
    }

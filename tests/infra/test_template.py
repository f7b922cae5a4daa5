"""What must never vanish from what is deployed, and what must never slip into it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.functions import FUNCTIONS, IMAGE_FUNCTIONS, ZIP_FUNCTIONS, Function
from infra.package.template import UnexpectedTemplate, complete, settings
from infra.queues import QUEUES, RELAY_DEAD_NAME, Queue

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ROOT / "infra" / "policies"
Resources = dict[str, Any]


def test_records_and_objects_outlive_the_stack(resources: Resources) -> None:
    for name in ("RecordsTable", "DataBucket"):
        assert resources[name]["DeletionPolicy"] == "Retain"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_records_can_be_restored_to_any_second(resources: Resources) -> None:
    properties = resources["RecordsTable"]["Properties"]

    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True


def test_documents_expire(resources: Resources) -> None:
    expected = {"AttributeName": "expires_at", "Enabled": True}

    assert resources["DocumentsTable"]["Properties"]["TimeToLiveSpecification"] == expected


def test_the_bucket_is_closed_to_the_public(resources: Resources) -> None:
    assert all(resources["DataBucket"]["Properties"]["PublicAccessBlockConfiguration"].values())


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.function)
def test_a_queue_redelivers_and_puts_dead_letters_aside(queue: Queue, resources: Resources) -> None:
    name = queue.function.capitalize()

    properties = resources[f"{name}Queue"]["Properties"]

    assert properties["VisibilityTimeout"] == queue.visibility_seconds
    assert properties["VisibilityTimeout"] > resources[name]["Properties"]["Timeout"]
    assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}DeadQueue", "Arn"]}
    assert properties["RedrivePolicy"]["maxReceiveCount"] == queue.max_receives
    assert properties.get("FifoQueue", False) is queue.fifo
    assert resources[f"{name}DeadQueue"]["Properties"].get("FifoQueue", False) is queue.fifo


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.function)
def test_a_queue_feeds_its_function_and_takes_back_what_failed(queue: Queue, resources: Resources) -> None:
    name = queue.function.capitalize()

    (event,) = resources[name]["Properties"]["Events"].values()

    assert event["Type"] == "SQS"
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": [f"{name}Queue", "Arn"]}
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["BatchSize"] == queue.batch_size


def test_relay_reads_the_streams_of_both_tables_at_once(resources: Resources) -> None:
    events = [event["Properties"] for event in resources["Relay"]["Properties"]["Events"].values()]

    streams = [event["Stream"]["Fn::GetAtt"] for event in events]
    assert streams == [["RecordsTable", "StreamArn"], ["DocumentsTable", "StreamArn"]]
    assert {event["MaximumBatchingWindowInSeconds"] for event in events} == {0}


def test_sweep_runs_each_minute(resources: Resources) -> None:
    (event,) = resources["Sweep"]["Properties"]["Events"].values()

    assert event == {"Type": "Schedule", "Properties": {"Schedule": "rate(1 minute)"}}


def test_someone_is_told_of_every_dead_letter_and_every_crash(resources: Resources) -> None:
    alarms = [item["Properties"] for item in resources.values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    watched = json.dumps([alarm["Dimensions"] for alarm in alarms])

    dead = [f"{queue.function.capitalize()}DeadQueue" for queue in QUEUES] + ["RelayDeadQueue"]
    assert RELAY_DEAD_NAME == "relay-dead"
    assert [
        name for name in (*dead, *(function.resource for function in FUNCTIONS)) if f'"{name}"' not in watched
    ] == []
    assert all(alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}] for alarm in alarms)


@pytest.mark.parametrize("function", IMAGE_FUNCTIONS, ids=lambda function: function.name)
def test_what_needs_git_or_helm_is_an_image(function: Function, resources: Resources) -> None:
    properties = resources[function.resource]["Properties"]

    assert properties["PackageType"] == "Image"
    assert properties["ImageUri"] == {"Ref": "WorkerImage"}
    assert properties["ImageConfig"] == {"Command": [f"app.{function.name}"]}
    assert not {"Runtime", "Handler", "CodeUri"} & properties.keys()


@pytest.mark.parametrize("function", ZIP_FUNCTIONS, ids=lambda function: function.name)
def test_every_other_function_is_in_the_one_zip(function: Function, resources: Resources) -> None:
    properties = resources[function.resource]["Properties"]

    assert properties["CodeUri"] == "./deployment.zip"
    assert properties["Runtime"] == "python3.11"
    assert "PackageType" not in properties


def test_sockets_have_their_three_routes_and_a_stage_that_deploys_them(resources: Resources) -> None:
    routes = {item["Properties"]["RouteKey"] for item in resources.values() if item["Type"].endswith("V2::Route")}

    assert routes == {"$connect", "$default", "$disconnect"}
    assert resources["WebsocketAPIStage"]["Properties"]["AutoDeploy"] is True


def test_an_address_without_a_route_is_404(resources: Resources) -> None:
    refusal = resources["RestAPI"]["Properties"]["GatewayResponses"]["MISSING_AUTHENTICATION_TOKEN"]

    assert refusal["StatusCode"] == 404
    assert json.loads(refusal["ResponseTemplates"]["application/json"])["error"] == "there is no such route"


def test_every_name_in_the_template_is_there(template: dict[str, Any]) -> None:
    known = template["Resources"].keys() | template["Parameters"].keys()

    unknown = {name for name in _names_used(template) if name not in known and not name.startswith("AWS::")}

    assert unknown == set()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_has_a_role_with_exactly_its_policy(function: Function, resources: Resources) -> None:
    role = resources[function.resource]["Properties"]["Role"]["Fn::GetAtt"][0]
    sharing = [
        name
        for name, item in resources.items()
        if item["Type"] == "AWS::Serverless::Function" and item["Properties"]["Role"]["Fn::GetAtt"][0] == role
    ]

    (policy,) = resources[role]["Properties"]["Policies"]

    assert sharing == [function.resource]
    assert policy["PolicyDocument"] == json.loads((POLICIES / function.policy).read_text())
    assert "ManagedPolicyArns" not in resources[role]["Properties"]


def test_every_policy_file_belongs_to_a_function() -> None:
    assert {path.name for path in POLICIES.glob("*.json")} == {function.policy for function in FUNCTIONS}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_statement_names_its_actions_and_resources_and_a_star_has_a_reason(function: Function) -> None:
    reasons = (POLICIES / "README.md").read_text()
    document = json.loads((POLICIES / function.policy).read_text())

    for statement in document["Statement"]:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert not [action for action in statement["Action"] if "*" in action]
        for text in _texts(statement["Resource"]):
            tail = text.rpartition("${AWS::AccountId}")[2]
            assert "*" not in text or tail in reasons, f"{text} has no reason in infra/policies/README.md"
            assert text != "*"


def test_no_function_may_scan_or_delete_objects_and_only_one_writes_each_kind_of_thing() -> None:
    def allowed(name: str) -> set[str]:
        statements = json.loads((POLICIES / f"{name}.json").read_text())["Statement"]
        return {action for statement in statements for action in statement["Action"]}

    assert "s3:PutObject" not in allowed("train")
    assert "s3:PutObject" in allowed("render")
    writers = [function.name for function in FUNCTIONS if "ssm:PutParameter" in allowed(function.name)]
    assert writers == ["api_handler"]
    assert not [
        function.name for function in FUNCTIONS if allowed(function.name) & {"dynamodb:Scan", "s3:DeleteObject"}
    ]


def test_what_the_settings_ask_for_is_given() -> None:
    read = set(re.findall(r'"([A-Z][A-Z_]{2,})"', (ROOT / "chalicelib" / "settings.py").read_text()))

    given = settings().keys()

    assert {name for name in read if not name.startswith(("AWS_", "POWERTOOLS_"))} <= given


def test_the_same_zip_gives_the_same_template(resources: Resources) -> None:
    made = {"Resources": _as_chalice_makes(resources)}

    assert complete(made) == complete(deepcopy(made))


def test_a_handler_that_nobody_listed_is_refused(resources: Resources) -> None:
    made = {"Resources": _as_chalice_makes(resources)}
    made["Resources"]["Surprise"] = deepcopy(made["Resources"]["Relay"])

    with pytest.raises(UnexpectedTemplate, match="Surprise"):
        complete(made)


def _as_chalice_makes(resources: Resources) -> Resources:
    """Our resources with what `complete` takes away put back."""
    made = deepcopy(resources)
    for function in IMAGE_FUNCTIONS:
        made[function.resource]["Properties"] |= {"Runtime": "", "Handler": function.entry, "CodeUri": ""}
    made["WebsocketAPIDeployment"] = {"Type": "AWS::ApiGatewayV2::Deployment"}
    made["WebsocketAPIStage"]["Properties"]["DeploymentId"] = ""
    return made


def _names_used(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _names_used(item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "Ref":
            yield value
        elif key == "Fn::GetAtt":
            yield value[0]
        elif key == "Fn::Sub":
            text, own = (value, {}) if isinstance(value, str) else value
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text) if name not in own)
            yield from _names_used(own)
        elif key == "DependsOn":
            yield from [value] if isinstance(value, str) else value
        else:
            yield from _names_used(value)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for item in node if isinstance(node, list) else node.values() if isinstance(node, dict) else ():
        yield from _texts(item)

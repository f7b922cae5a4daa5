"""The tables, the bucket and their protection, as resources of the template.

Data lives apart from code: deleting the stack leaves `records` and the bucket. `documents` can be sent or built again.
"""

from __future__ import annotations

from typing import Any

from infra.data import TABLES, Table, create_table_request

Resource = dict[str, Any]
BUCKET = "DataBucket"


def table_id(table: Table) -> str:
    """The logical id of `table`."""
    return f"{table.name.capitalize()}Table"


def data_resources() -> dict[str, Resource]:
    """Both tables and the bucket with its policy."""
    return {
        **{table_id(table): _table(table) for table in TABLES},
        BUCKET: _bucket(),
        f"{BUCKET}Policy": _bucket_policy(),
    }


def _table(table: Table) -> Resource:
    properties = create_table_request(table)
    del properties["TableName"]
    properties["StreamSpecification"] = {"StreamViewType": properties["StreamSpecification"]["StreamViewType"]}
    properties["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": table.point_in_time_recovery}
    if table.expires_attribute is not None:
        properties["TimeToLiveSpecification"] = {"AttributeName": table.expires_attribute, "Enabled": True}
    kept = table.point_in_time_recovery
    if kept:
        properties["DeletionProtectionEnabled"] = True
    return _kept({"Type": "AWS::DynamoDB::Table", "Properties": properties}, "Retain" if kept else "Delete")


def _kept(resource: Resource, policy: str) -> Resource:
    return resource | {"DeletionPolicy": policy, "UpdateReplacePolicy": policy}


def _bucket() -> Resource:
    blocks = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    properties = {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(blocks, True),
    }
    return _kept({"Type": "AWS::S3::Bucket", "Properties": properties}, "Retain")


def _bucket_policy() -> Resource:
    arn = {"Fn::GetAtt": [BUCKET, "Arn"]}
    statement = {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, {"Fn::Sub": f"${{{BUCKET}.Arn}}/*"}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {"Bucket": {"Ref": BUCKET}, "PolicyDocument": document}
    return _kept({"Type": "AWS::S3::BucketPolicy", "Properties": properties}, "Retain")

"""The AWS on loopback, for the cache of charts."""

from tests.ministack_fixture import aws, aws_endpoint

__all__ = ["aws", "aws_endpoint"]

"""What the platform allows: each limit once, with its unit in its name and the page that says so.

The local gateway holds requests to these, and the package sets what can be set. It refuses to compute anything.
"""

from __future__ import annotations

KIB, MIB = 1024, 1024 * 1024

# Amazon API Gateway quotas, REST APIs
REST_BODY_BYTES = 10 * MIB
REST_TIMEOUT_SECONDS = 29  # then 504; the function's own timeout is the same, so nothing runs on unheard

# Amazon API Gateway quotas, WebSocket APIs
SOCKET_MESSAGE_BYTES = 128 * KIB  # a larger one closes the socket with 1009
SOCKET_FRAME_BYTES = 32 * KIB  # a larger frame closes the socket with 1009
SOCKET_IDLE_SECONDS = 10 * 60.0
SOCKET_LIFE_SECONDS = 2 * 3600.0
SOCKET_TIMEOUT_SECONDS = 29

# AWS Lambda quotas
LAMBDA_PAYLOAD_BYTES = 6 * MIB  # a synchronous request or answer
LAMBDA_TIMEOUT_SECONDS = 15 * 60.0

# Amazon SQS
QUEUE_MESSAGE_BYTES = 256 * KIB  # what we assume; the quota was raised for some regions
QUEUE_RECEIVE_MESSAGES = 10  # messages a ReceiveMessage returns at most

# Amazon DynamoDB Streams as an event source of Lambda
STREAM_BATCH_RECORDS = 1000
STREAM_ATTEMPTS = 2
STREAM_LANES = 4  # shards of a table's stream in the local system
SWEEP_PERIOD_SECONDS = 60.0

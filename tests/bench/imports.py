"""What each function loads: by importing the map of functions, and by its first piece of work.

Every function gets a fresh interpreter and one small event that it answers by itself, against emulated services. The
counts are judged: importing `app` loads no SDK, YAML, Git, Helm or Kubernetes, and the functions of the zip load none
of the last four even when they work. Seconds are for people.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra import functions
from infra.local.ministack import CREDENTIALS
from infra.local.ministack_process import MiniStackProcess
from infra.local.resources import create_resources
from tests.bench.rows import Row, count, row

ROOT = Path(__file__).resolve().parents[2]
SDK = ("boto3", "botocore")
ENGINES = ("yaml", "git", "helm_python", "helm_sdk", "gotpl", "kubernetes")
TIMEOUT_SECONDS = 60
APP_MODULES = 250  # Chalice, msgspec and ours are about 150 beyond a bare interpreter; an SDK alone would add 150

PROGRAM = """
import json, sys, time
def names():
    return {name.partition(".")[0] for name in sys.modules}
def now():
    return time.perf_counter()
handler, event = json.loads(sys.stdin.read())
before = set(sys.modules)
started = now()
import app
imported = now() - started
after_import, packages = set(sys.modules), names()
class Context:
    function_name, memory_limit_in_mb, aws_request_id = handler, 512, "1"
    invoked_function_arn, get_remaining_time_in_millis = "arn:aws:lambda:local", lambda _: 60_000
call = app.app if handler == "app" else getattr(app, handler)
called = now()
answer = call(event, Context())
told = {
    "import_seconds": imported, "import_modules": len(after_import - before), "import_packages": sorted(packages),
    "first_seconds": now() - called, "first_modules": len(set(sys.modules) - after_import),
    "first_packages": sorted(names()), "answer": answer,
}
print("TOLD " + json.dumps(told))
"""


def run(short: bool) -> list[Row]:
    """Measure each function once, or three times and take its fastest."""
    with MiniStackProcess() as ministack, tempfile.TemporaryDirectory() as folder:
        environment = _environment(ministack.endpoint, Path(folder))
        rows = []
        for function in functions.FUNCTIONS:
            rounds = [_told(function, environment) for _ in range(1 if short else 3)]
            rows += _rows(function, min(rounds, key=lambda told: float(told["import_seconds"])))
        return rows


def _rows(function: functions.Function, told: dict[str, Any]) -> list[Row]:
    name = f"imports.{function.name}"
    loaded = _among(told["import_packages"], (*SDK, *ENGINES))
    used = _among(told["first_packages"], ENGINES)
    judged_use = [] if function.image else [count(f"{name}.first_use_engines", len(used), 0, packages=used)]
    return [
        row(f"{name}.import", told["import_seconds"] * 1000, "ms"),
        row(f"{name}.import_modules", told["import_modules"], "modules", APP_MODULES),
        count(f"{name}.import_forbidden", len(loaded), 0, packages=loaded),
        row(f"{name}.first_use", told["first_seconds"] * 1000, "ms"),
        row(f"{name}.first_use_modules", told["first_modules"], "modules", packages=used),
        *judged_use,
    ]


def _among(packages: list[str], wanted: tuple[str, ...]) -> list[str]:
    return sorted(set(packages) & set(wanted))


def _told(function: functions.Function, environment: dict[str, str]) -> dict[str, Any]:
    asked = json.dumps([function.entry.removeprefix("app."), EVENTS[function.name]])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=asked,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("TOLD ")]
    if not lines:
        raise RuntimeError(f"{function.name} did not answer: {done.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(lines[-1].removeprefix("TOLD "))
    if (told["answer"] or {}).get("batchItemFailures") or (told["answer"] or {}).get("rejected"):
        raise RuntimeError(f"{function.name} did no work: {told['answer']} {done.stdout[-2000:]}")
    return told


def _environment(endpoint: str, folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | service_settings(endpoint, folder)


def service_settings(endpoint: str, folder: Path) -> dict[str, str]:
    """The functions' settings on emulated services alone: nothing serves the public origin."""
    return {
        **create_resources(endpoint).settings(),
        "PUBLIC_URL": "http://localhost:9",
        "WEBSOCKET_ENDPOINT": "http://127.0.0.1:9",
        "RENDER_FUNCTION": "render",
        "CLONE_DIR": str(folder),
        "SECRETS_PREFIX": "gimlet",
        "LOCAL": "1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": CREDENTIALS["region_name"],
        "AWS_DEFAULT_REGION": CREDENTIALS["region_name"],
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _message(**body: str | bool) -> dict[str, Any]:
    record = {"messageId": "1", "receiptHandle": "1", "body": json.dumps(body)}
    return {"Records": [record | {"attributes": {"ApproximateReceiveCount": "1"}}]}


def _socket(route: str, **more: Any) -> dict[str, Any]:
    context = {"connectionId": "bench=", "routeKey": route, "domainName": "localhost", "stage": "live", "apiId": "1"}
    return {"requestContext": context, **more}


_MANIFEST = "app: shop\nenv: staging\nnamespace: shop\nchart: {name: webapp}\nvalues: {image: {tag: '{{ .SHA }}'}}\n"
_CHECK = {"manifest": _MANIFEST, "version": {"repositoryName": "acme/shop", "sha": "a" * 40}, "render": True}
EVENTS: dict[str, dict[str, Any]] = {
    "api_handler": {
        "resource": "/v1/me",
        "path": "/v1/me",
        "httpMethod": "GET",
        "headers": {"Authorization": f"Bearer gim_0123456789abcdef_{'t' * 43}"},
        "multiValueHeaders": {"Authorization": [f"Bearer gim_0123456789abcdef_{'t' * 43}"]},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": "/v1/me", "httpMethod": "GET", "requestId": "1", "identity": {}},
        "body": None,
        "isBase64Encoded": False,
    },
    "websocket_connect": _socket("$connect", headers={"Sec-WebSocket-Protocol": "gimlet.v1, ticket.none"}),
    "websocket_message": _socket("$default", body='{"type": "ping"}'),
    "websocket_disconnect": _socket("$disconnect"),
    "relay": {"Records": []},
    "sweep": dict.fromkeys(("version", "account", "region", "source", "detail-type", "id", "time"), "-")
    | {"detail": {}, "resources": []},
    "intake": _message(kind="sweep", organization_id="nobody", gap=False),
    "render": {"check": _CHECK, "organization_id": "demo"},
    "train": _message(organization_id="nobody", gitops_repository_id="none"),
}

"""The few calls to a Kubernetes API that the test bed and its tests make, over plain HTTPS.

Objects go in and come out as parsed JSON. It knows no kinds: where a kind lives is asked of the server. Not for the
product: the agent has its own client.
"""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from infra.testbed.processes import wait_for

Object: TypeAlias = dict[str, Any]
TIMEOUT_SECONDS = 30
FIELD_MANAGER = "gimlet-testbed"


class ApiError(Exception):
    """The server answered with an error; `status` is the HTTP status."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(f"{method} {path}: {status} {message}")
        self.status = status


class KubernetesApi:
    """One API server, as one user."""

    def __init__(self, url: str, ca_path: Path, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # it is on loopback, whatever the environment says
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(ca_path))),
        )
        self._resources: dict[str, dict[str, tuple[str, bool]]] = {}

    def request(self, method: str, path: str, body: Object | None = None, content: str = "application/json") -> Object:
        """Send `body` to `path` and return what the server answers.

        Raises:
            ApiError: the answer is not a success.
            OSError: the server did not answer.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": content})
        request = urllib.request.Request(self._url + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(method, path, error.code, error.read(2000).decode(errors="replace")) from error
        parsed: Object = json.loads(text) if text.startswith(b"{") else {"text": text.decode()}
        return parsed

    def is_ready(self) -> bool:
        """Whether the server says that it is ready to serve."""
        try:
            self.request("GET", "/readyz")
        except (ApiError, OSError):
            return False
        return True

    def apply(self, *objects: Object) -> None:
        """Server-side apply each of `objects`, taking over fields that others own."""
        query = urllib.parse.urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        for item in objects:
            metadata = item["metadata"]
            path = self.path(item["apiVersion"], item["kind"], metadata["name"], metadata.get("namespace"))
            self.request("PATCH", f"{path}?{query}", item, "application/apply-patch+yaml")

    def apply_text(self, text: str) -> None:
        """Server-side apply each document of the YAML `text`."""
        self.apply(*(item for item in yaml.safe_load_all(text) if item))

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object of that name, or None when there is none."""
        try:
            return self.request("GET", self.path(api_version, kind, name, namespace))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str | None = None, *, labels: str = "") -> list[Object]:
        """All objects of a kind, of one namespace or of all, that carry the label selector `labels`."""
        query = urllib.parse.urlencode({"labelSelector": labels})
        path = self.path(api_version, kind, None, namespace)
        items: list[Object] = self.request("GET", f"{path}?{query}")["items"]
        return items

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object in the background; no error when it is gone already."""
        try:
            self.request("DELETE", self.path(api_version, kind, name, namespace))
        except ApiError as error:
            if error.status != 404:
                raise

    def patch(self, api_version: str, kind: str, name: str, namespace: str | None, change: Mapping[str, Any]) -> Object:
        """Merge `change` into an object and return the result."""
        path = self.path(api_version, kind, name, namespace)
        return self.request("PATCH", path, dict(change), "application/merge-patch+json")

    def wait_for(
        self,
        what: str,
        find: Callable[[], Object | None],
        accept: Callable[[Object], bool] = bool,
        *,
        timeout_seconds: float = 60,
    ) -> Object:
        """Ask `find` until it returns an object that `accept` takes, and return that.

        Raises:
            NotReady: not within `timeout_seconds`; the message holds what was seen last.
        """
        last: list[Object | None] = [None]

        def arrived() -> bool:
            last[0] = find()
            return last[0] is not None and accept(last[0])

        wait_for(what, arrived, timeout_seconds=timeout_seconds)
        assert last[0] is not None  # `arrived` said so
        return last[0]

    def path(self, api_version: str, kind: str, name: str | None, namespace: str | None = None) -> str:
        """The URL path of an object, or with no name of its kind.

        Raises:
            ApiError: the server does not serve that version.
            KeyError: the version has no such kind.
        """
        resource, namespaced = self._resource(api_version, kind)
        parts = [_root(api_version)]
        if namespaced and (namespace or name):
            parts.append(f"namespaces/{namespace or 'default'}")
        parts += [resource, *([name] if name else [])]
        return "/".join(parts)

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether objects of that kind can be read and written now; a CRD needs a moment."""
        try:
            self.request("GET", self.path(api_version, kind, None) + "?limit=1")
        except (ApiError, KeyError):
            return False
        return True

    def _resource(self, api_version: str, kind: str) -> tuple[str, bool]:
        known = self._resources.get(api_version, {})
        if kind not in known:  # a CRD may have come since: ask again
            found = self.request("GET", _root(api_version))["resources"]
            known = {item["kind"]: (item["name"], item["namespaced"]) for item in found if "/" not in item["name"]}
            self._resources[api_version] = known
        return known[kind]


def condition(item: Object, kind: str) -> str | None:
    """The status of the condition `kind` of an object: "True", "False", "Unknown", or None when it has none.

    A condition that speaks of an older generation does not count.
    """
    generation = item["metadata"].get("generation")
    for found in item.get("status", {}).get("conditions", []):
        if found["type"] == kind and found.get("observedGeneration", generation) == generation:
            status: str = found["status"]
            return status
    return None


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

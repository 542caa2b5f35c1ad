"""A small client of the API, for the demonstration and for `status`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

# Never by way of a proxy: the stack is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_S = 35


class Client:
    """Calls one stack with one API key."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._root = f"{base_url}/api/v1"
        self._api_key = api_key

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the JSON of an answer, whether it is an error or not. Raises OSError."""
        request = urllib.request.Request(  # noqa: S310 - our own http address
            self._root + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-API-Key": self._api_key, "Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def is_healthy(self) -> bool:
        """Whether the API answers."""
        try:
            status, _ = self.ask("GET", "/health")
        except (OSError, ValueError):
            return False
        return status == 200

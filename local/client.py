"""A small client of the API, for the demonstration, for `status` and for `load`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import requests

_TIMEOUT_S = 35


class Client:
    """Calls one stack with one API key, over a connection that it keeps; for one thread."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._root = f"{base_url}/api/v1"
        self._session = requests.Session()
        # Never by way of a proxy: the stack is on this machine.
        self._session.trust_env = False
        self._session.headers["X-API-Key"] = api_key

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """The status and the JSON of an answer, whether it is an error or not. Raises OSError."""
        answer = self.send(method, path, body)
        return answer.status_code, json_of(answer)

    def send(self, method: str, path: str, body: object = None) -> requests.Response:
        """The answer with its headers. Raises OSError."""
        return self._session.request(method, self._root + path, json=body, timeout=_TIMEOUT_S)

    def is_healthy(self) -> bool:
        """Whether the API answers."""
        try:
            status, _ = self.ask("GET", "/health")
        except OSError:
            return False
        return status == 200


def json_of(answer: requests.Response) -> Any:
    """With decimal fractions as Decimal: some of them are money. Raises OSError for no JSON."""
    return answer.json(parse_float=Decimal)

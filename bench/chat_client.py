"""Asks a proxy as OpenAI's clients do, from as many threads as there are to be requests at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

_TIMEOUT_S = 60


@dataclass(frozen=True)
class ChatClient:
    """`url` is where chat completions are asked for."""

    url: str
    model: str
    at_once: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def answer(self, prompts: Sequence[str]) -> None:
        """Every one of them. Raises RuntimeError where one is not answered."""
        shares = [prompts[number :: self.at_once] for number in range(self.at_once)]
        with ThreadPoolExecutor(self.at_once) as threads:
            list(threads.map(self._answer, shares))

    def _answer(self, prompts: Sequence[str]) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(self.headers)
            for prompt in prompts:
                body = {"model": self.model, "messages": [{"role": "user", "content": prompt}]}
                told = session.post(self.url, json=body, timeout=_TIMEOUT_S)
                if told.status_code != 200 or not told.json()["choices"][0]["message"]["content"]:
                    raise RuntimeError(f"{self.url} answers {told.status_code}: {told.text[:500]}")

    def is_answered(self) -> bool:
        """Whether somebody is there."""
        try:
            self._answer(["Are you there?"])
        except (OSError, RuntimeError):
            return False
        return True

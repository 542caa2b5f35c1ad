"""The table of routes: the whole API, and who answers each part of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from functions.shared.vocabulary import Mode

Credential = Literal["key", "bearer", "either"]
"""Where a route's key or token is: in X-API-Key, in Authorization, or in whichever is there."""


@dataclass(frozen=True)
class Start:
    """An Express execution of `machine`, which the gateway starts itself and waits for.

    `status` answers one that succeeds; templates override it where the execution's end decides. `mode`
    is that of the requests.
    """

    machine: str
    status: str
    mode: Mode


GENERATE = Start("Generate", "200", "sync")
JOBS = Start("Submit", "202", "async")


@dataclass(frozen=True)
class Route:
    """A path under the stage's. `target` may be a function, by its name in their table."""

    verb: str
    path: str
    target: Start | str
    needs_key: bool = True
    credential: Credential = "key"

    @property
    def is_of_api(self) -> bool:
        """And not a file of a page."""
        return self.path.startswith("v1/")

    @property
    def name(self) -> str:
        return f"{self.verb} /{self.path}"


ROUTES = (
    Route("POST", "v1/generate", GENERATE),
    Route("POST", "v1/jobs", JOBS),
    Route("GET", "v1/jobs", "Api"),
    Route("GET", "v1/jobs/{execution_id}", "Api"),
    Route("DELETE", "v1/jobs/{execution_id}", "Api"),
    Route("GET", "v1/requests/{request_id}", "Api"),
    Route("POST", "v1/requests/{request_id}/feedback", "Api"),
    Route("POST", "v1/route", "Route"),
    # OpenAI's clients ask for them as well as our own.
    Route("GET", "v1/models", "Api", credential="either"),
    Route("GET", "v1/models/{model_id}", "Api", credential="either"),
    Route("POST", "v1/chat/completions", "Openai", credential="bearer"),
    Route("POST", "v1/embeddings", "Openai", credential="bearer"),
    Route("POST", "v1/responses", "Openai", credential="bearer"),
    Route("GET", "v1/responses/{response_id}", "Openai", credential="bearer"),
    Route("POST", "v1/responses/{response_id}/cancel", "Openai", credential="bearer"),
    Route("GET", "v1/caller", "Api", credential="bearer"),
    Route("POST", "v1/admin/callers", "Admin"),
    Route("GET", "v1/admin/callers", "Admin"),
    Route("GET", "v1/admin/callers/{caller}", "Admin"),
    Route("PATCH", "v1/admin/callers/{caller}", "Admin"),
    Route("POST", "v1/admin/callers/{caller}/rotate", "Admin"),
    Route("POST", "v1/admin/callers/{caller}/disable", "Admin"),
    Route("POST", "v1/admin/callers/{caller}/enable", "Admin"),
    Route("PUT", "v1/admin/callers/{caller}/budget", "Admin"),
    Route("GET", "v1/admin/callers/{caller}/spend", "Admin"),
    Route("GET", "v1/health", "Api", needs_key=False),
    Route("GET", "v1/openapi.json", "Docs", needs_key=False),
    Route("GET", "v1/docs", "Docs", needs_key=False),
    Route("GET", "v1/docs/{file}", "Docs", needs_key=False),
    Route("GET", "v1/metrics/summary", "Metrics"),
    Route("GET", "v1/metrics/models/{model_id}", "Metrics"),
    Route("GET", "v1/metrics/providers", "Metrics"),
    Route("GET", "v1/metrics/costs", "Metrics"),
    Route("GET", "v1/metrics/logs", "Metrics"),
    Route("GET", "v1/metrics/realtime", "Metrics"),
    # The page and its files hold no data: what it shows it asks for with the key typed into it.
    Route("GET", "console", "Console", needs_key=False),
    Route("GET", "console/{file}", "Console", needs_key=False),
)

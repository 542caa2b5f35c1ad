"""A LiteLLM proxy that answers by its own mock, with one worker and a master key.

With a database it keeps its spend log there, as it does by itself, and adds up its spend by day, key, user and
model. Its client of the database asks an engine of its own, whose program comes from no package registry: one of
the same version in WebAssembly stands in for it, and nobody counts what that takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

from bench.chat_client import ChatClient
from bench.peers.installed import NODE_MODULES, PYTHON, QUERY_ENGINE, SCRATCH, site_packages
from bench.peers.postgres import Postgres
from bench.processes import cpu_s, free_port, running, wait_until

ANSWER = (
    "[mock] Step Functions runs each request as a state machine. Every state is a Lambda function."
)
_KEY = "sk-bench"
_MODEL = "bench-model"
_STARTS_WITHIN_S = 180
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches one at the start
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "NO_DOCS": "True",
}


@dataclass(frozen=True)
class LitellmProxy:
    """A running one."""

    client: ChatClient
    pid: int

    def cpu_s(self) -> float:
        """Without the stand-in for the database's engine."""
        return cpu_s(self.pid, leaving_out=QUERY_ENGINE.name)


def version() -> str:
    (found,) = site_packages().glob("litellm-*.dist-info")
    return PathDistribution(found).version


@contextmanager
def running_litellm(
    name: str, at_once: int, variables: Mapping[str, str] | None = None
) -> Iterator[LitellmProxy]:
    """`variables` tell it of a database, where it is to have one; `name` is that of its folder."""
    port = free_port()
    folder = SCRATCH / name
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, too.
    config = folder / "config.yaml"
    config.write_text(json.dumps(_config()), "utf-8")
    command = [str(PYTHON.with_name("litellm")), "--config", str(config), "--host", "127.0.0.1"]
    # Its home is where it would look for more settings.
    told = {"HOME": str(folder), **_QUIET, **(variables or {})}
    asked = [*command, "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    with running(asked, told, folder / "log") as process:
        client = ChatClient(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            _MODEL,
            at_once,
            {"Authorization": f"Bearer {_KEY}"},
        )

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"{name} has ended; see {_shown(folder / 'log')}")
            return client.is_answered()

        wait_until(is_ready, _STARTS_WITHIN_S, name)
        yield LitellmProxy(client, process.pid)


def with_database(database: Postgres) -> dict[str, str]:
    """Variables for a proxy, whose tables are made by the statements that it comes with."""
    (folder,) = site_packages().glob("litellm_proxy_extras/migrations")
    for migration in sorted(folder.glob("*/migration.sql")):
        database.run(migration.read_text("utf-8"))
    return {
        "DATABASE_URL": database.url,
        "DISABLE_SCHEMA_UPDATE": "true",
        "PRISMA_QUERY_ENGINE_BINARY": str(QUERY_ENGINE),
        "NODE_PATH": str(NODE_MODULES),
    }


def rows_in_spend_log(database: Postgres) -> int:
    return int(database.run('select count(*) from "LiteLLM_SpendLogs"'))


def _config() -> dict[str, object]:
    mocked = {"model": "openai/gpt-4o-mini", "api_key": "none", "mock_response": ANSWER}
    return {
        "model_list": [{"model_name": _MODEL, "litellm_params": mocked}],
        "general_settings": {"master_key": _KEY},
    }


def _shown(path: Path) -> Path:
    return path.relative_to(SCRATCH.parents[1])

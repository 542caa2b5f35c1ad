"""Portkey's open gateway, before a provider that answers all alike, as it has no mock of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.chat_client import ChatClient
from bench.peers.installed import NODE_MODULES, SCRATCH, UPSTREAM
from bench.processes import cpu_s, free_port, running, wait_until

_PACKAGE = NODE_MODULES / "@portkey-ai" / "gateway"
_STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class PortkeyGateway:
    """A running one."""

    client: ChatClient
    pid: int

    def cpu_s(self) -> float:
        return cpu_s(self.pid)


def version() -> str:
    return str(json.loads((_PACKAGE / "package.json").read_text("utf-8"))["version"])


@contextmanager
def running_portkey(at_once: int, answer: str) -> Iterator[PortkeyGateway]:
    port, upstream_port = free_port(), free_port()
    upstream = ["node", str(UPSTREAM), str(upstream_port), answer]
    command = ["node", str(_PACKAGE / "build" / "start-server.js"), f"--port={port}", "--headless"]
    headers = {
        "Authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
    }
    log = SCRATCH / "portkey"
    with (
        running(upstream, {}, log / "upstream.log"),
        running(command, {"NODE_ENV": "production"}, log / "log") as process,
    ):
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        client = ChatClient(url, "bench-model", at_once, headers)
        wait_until(client.is_answered, _STARTS_WITHIN_S, "Portkey's gateway")
        yield PortkeyGateway(client, process.pid)

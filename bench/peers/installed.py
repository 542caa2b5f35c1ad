"""Where the other gateways are: `make bench` installs them there, by locked versions, the first time."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".venv" / "peers"
PYTHON = PEERS / "bin" / "python"
NODE_MODULES = PEERS / "node" / "node_modules"
QUERY_ENGINE = Path(__file__).with_name("node") / "query_engine.js"
UPSTREAM = QUERY_ENGINE.with_name("upstream.js")
SCRATCH = ROOT / ".local" / "bench"
"""Their settings, their logs and what they store."""


def site_packages() -> Path:
    (found,) = PEERS.glob("lib/python*/site-packages")
    return found

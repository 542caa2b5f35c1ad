"""The gateway's access log: upstream keeps its settings, but writes no line."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from local.emulator.exchange import Exchange, context_of
from local.emulator.gateway import ANSWERED
from local.emulator.log_events import put
from local.velocity.variables import value_at

_VARIABLE = re.compile(r"\$context((?:\.\w+)+)")
_UNKNOWN = "-"
# AWS's streams are named by a hash, too.
_STREAM = secrets.token_hex(16)


def write(exchange: Exchange) -> None:
    """Log an answered request, if its stage has an access log."""
    settings = (exchange["stage"] or {}).get("accessLogSettings") or {}
    if not settings.get("format") or not settings.get("destinationArn"):
        return
    put(settings["destinationArn"], _STREAM, line_of(settings["format"], exchange))


def line_of(form: str, exchange: Exchange) -> str:
    """The stage's format with its variables filled in."""
    variables = _variables(exchange)

    def fill(found: re.Match[str]) -> str:
        value = value_at(variables, found[1].removeprefix("."))
        unknown = value is None or value == "" or isinstance(value, dict)
        return _UNKNOWN if unknown else str(value)

    return _VARIABLE.sub(fill, form)


def _variables(exchange: Exchange) -> dict[str, Any]:
    return context_of(exchange) | {
        "status": exchange["status"],
        "responseLatency": exchange["latency_ms"],
        "responseLength": exchange["response_bytes"],
        "integrationLatency": exchange.get("integration_latency_ms"),
        "integration": {"latency": exchange.get("integration_latency_ms")},
        "error": {
            "responseType": exchange.get("error_type"),
            "message": exchange.get("error_message"),
        },
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime()),
    }


def install() -> None:
    """Listen to the gateway."""
    ANSWERED.append(write)

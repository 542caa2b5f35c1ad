"""A Bedrock that answers as it is told, over HTTP and in the shapes that are documented."""

import json
from collections.abc import Callable
from contextlib import suppress
from http.server import ThreadingHTTPServer
from io import BufferedIOBase

import boto3
import pytest

from functions.shared import errors
from local.faults.exchange import CallHandler
from tests.support.builders import called_model, prompt

CLAUDE = "global.anthropic.claude-haiku-5-5"


def session():
    return boto3.Session("AKIDTEST", "secret-of-the-tests", region_name="us-east-1")


def converse_answer(text="Hi", **changes):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12},
        "metrics": {"latencyMs": 300},
        **changes,
    }


def content(*blocks, **changes):
    return converse_answer(
        output={"message": {"role": "assistant", "content": list(blocks)}}, **changes
    )


def http_response(body, status=200, headers=()):
    fields = {"Content-Type": "application/json", "Content-Length": len(body)} | dict(headers)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + body


def refusal(status, code, message, headers=()):
    body = json.dumps({"message": message}).encode()
    kind = {"x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
    return http_response(body, status, kind | dict(headers))


class Server(ThreadingHTTPServer):
    """`received` are the paths and bodies, `reply` writes what is answered."""

    daemon_threads = True
    reply: Callable[[BufferedIOBase], object]

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.received = []


class Handler(CallHandler):
    server: Server

    def do_POST(self):
        self.server.received.append((self.path, json.loads(self.read_body())))
        with suppress(OSError):
            self.server.reply(self.wfile)


def ask(provider, timeout_s=5.0, model=CLAUDE):
    asked = called_model(model, api="converse")
    return provider.complete(prompt(asked), asked, timeout_s)


def raised_by(converse, **fields):
    with pytest.raises(errors.EngineError) as raised:
        converse(**fields)
    return raised.value

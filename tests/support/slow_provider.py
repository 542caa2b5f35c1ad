"""A provider that speaks OpenAI's chat completions, and answers when it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.exchange import openai_answer

THROTTLED = "everybody else was first"
"""What a prompt holds that is refused, with a wait that a job has the time for."""
WAIT_S = 20
USAGE = {"prompt_tokens": 1_234, "completion_tokens": 567, "total_tokens": 1_801}


class SlowProvider:
    """`journal` has the calls that came, and `answered` those whose answer was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.journal: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self._may_answer = threading.Event()

    def answer(self) -> None:
        """Everybody who waits, and whoever comes."""
        self._may_answer.set()

    def hold(self) -> None:
        self._may_answer.clear()

    def reply(self, call: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        self.journal.append(call)
        if THROTTLED in json.dumps(call):
            error = {
                "message": "Slow down.",
                "type": "rate_limit_error",
                "code": "rate_limit_exceeded",
            }
            return 429, {"Retry-After": str(WAIT_S)}, {"error": error}
        self._may_answer.wait(60)
        self.answered.append(call)
        return 200, {}, openai_answer(usage=USAGE)


@contextmanager
def serving() -> Iterator[SlowProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = provider.reply(call)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = SlowProvider(f"http://127.0.0.1:{server.server_port}/v1")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield provider
        finally:
            provider.answer()
            server.shutdown()

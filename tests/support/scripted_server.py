"""A provider that does as a script says, over HTTP: bytes are sent, numbers of seconds are waited."""

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer

from local.faults.exchange import CallHandler

HANG = 30.0
CUT = "cut"
"""The connection ends before the body does."""


class ScriptedServer(ThreadingHTTPServer):
    """`asked` has the bodies that came, `paths` where to; `left` is set when the client hangs up."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked, self.paths = [], []
        self.script = []
        self.content_type = ""
        self.left = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A client that has gone is no error."""


class _Handler(CallHandler):
    server: ScriptedServer

    def do_POST(self):
        self.server.paths.append(self.path)
        self.server.asked.append(json.loads(self.read_body()))
        head = f"HTTP/1.1 200 x\r\nContent-Type: {self.server.content_type}\r\n"
        with suppress(OSError):
            self._play(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())

    def _play(self, head):
        for step in self.server.script:
            if step == CUT:
                return
            if isinstance(step, bytes):
                self.wfile.write(head + f"{len(step):x}\r\n".encode() + step + b"\r\n")
                self.wfile.flush()
                head = b""
            elif self._is_left_within(step):
                return
        self.wfile.write(b"0\r\n\r\n")

    def _is_left_within(self, seconds):
        self.connection.settimeout(seconds)
        began = time.monotonic()
        try:
            gone = not self.connection.recv(1)
        except TimeoutError:
            return False
        except OSError:
            gone = True
        if gone:
            self.server.left.set()
        time.sleep(max(0, seconds - (time.monotonic() - began)) if not gone else 0)
        return gone


@contextmanager
def serving():
    with ScriptedServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()

"""An issuer of tokens, over HTTP: its discovery document, its public keys, and what it signs."""

import json
import threading
import time
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

AUDIENCE = "the-gateway"


class FromNow(int):
    """A time of a claim: seconds from when its token is made."""


@cache
def private_key(name):
    """One by name for the whole run: `ec` is on the curve P-256, the others RSA's, `small` of 1,024 bits."""
    if name == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 1024 if name == "small" else 2048)


def published(name, **changes):
    """The key as a JWKS has it."""
    kind = ECAlgorithm if name == "ec" else RSAAlgorithm
    return {"kid": name, **kind.to_jwk(private_key(name).public_key(), as_dict=True), **changes}


class TokenServer(ThreadingHTTPServer):
    """`asked` has the paths that were asked for; None as `keys` is an issuer that fails. `/moved` is where
    the keys were once."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked = []
        self.keys = [published("first")]
        self.document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def token(self, key="first", algorithm="RS256", headers=None, **changes):
        """One that is good but for the changes; a claim that is None is left out."""
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "exp": FromNow(600)}
        told = {
            name: int(time.time()) + value if isinstance(value, FromNow) else value
            for name, value in (claims | changes).items()
            if value is not None
        }
        signed_with = None if algorithm == "none" else private_key(key)
        header = {name: value for name, value in {"kid": key, **(headers or {})}.items() if value}
        return jwt.encode(told, signed_with, algorithm, header)


class _Handler(BaseHTTPRequestHandler):
    server: TokenServer

    def do_GET(self):
        self.server.asked.append(self.path)
        paths = {
            "/.well-known/openid-configuration": self.server.document,
            "/keys": self.server.keys is not None and {"keys": self.server.keys},
        }
        body = paths.get(self.path)
        self.send_response(302 if self.path == "/moved" else 200 if body else 503)
        self.send_header("Location", "/keys")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def issuing():
    with TokenServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()

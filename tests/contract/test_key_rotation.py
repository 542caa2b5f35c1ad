import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from functions.invoke_provider import credentials
from functions.invoke_provider.providers import anthropic, azure_openai, openai
from functions.shared.errors import ProviderAuthFailed
from functions.shared.settings import InvokeSettings
from tests.support.builders import called_model, prompt
from tests.support.exchange import ANSWERS, APIS

CONNECTS = {
    "openai": openai,
    "responses": openai,
    "azure_openai": azure_openai,
    "anthropic": anthropic,
}


class Provider(ThreadingHTTPServer):
    """Takes one key; `keys` are all that it was shown."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.takes, self.keys, self.answer = "old", [], {}


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        key = self.headers["x-api-key"] or self.headers["authorization"].removeprefix("Bearer ")
        self.server.keys.append(key)
        taken = key == self.server.takes
        refusal = {"error": {"message": "No.", "type": "authentication_error", "code": None}}
        body = json.dumps(self.server.answer if taken else refusal).encode()
        self.send_response(200 if taken else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with Provider() as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(params=CONNECTS)
def engine(request, server, monkeypatch):
    """A provider's function with its secret: `(ask, store)`, to call it and to change the key."""
    from moto import mock_aws

    from functions.shared.storage import clients

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server.takes, server.keys, server.answer = "old", [], ANSWERS[request.param]
    path = "/v1" if CONNECTS[request.param] is openai else ""
    address = f"http://127.0.0.1:{server.server_port}{path}"
    with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
        for cache in (clients.client, credentials._secrets):
            cache.cache_clear()
        manager = boto3.client("secretsmanager")
        told = {"base_url": address}
        secret = manager.create_secret(Name="p", SecretString=json.dumps(told | {"api_key": "old"}))
        provider = CONNECTS[request.param].connect(
            InvokeSettings(PROVIDER="openai", PROVIDER_SECRET_ARN=secret["ARN"])
        )
        asked = called_model(api=APIS.get(request.param, "chat_completions"))

        def store(key):
            manager.put_secret_value(
                SecretId=secret["ARN"], SecretString=json.dumps(told | {"api_key": key})
            )

        yield lambda: provider.complete(prompt(asked), asked, 5.0).text, store
    for cache in (clients.client, credentials._secrets):
        cache.cache_clear()


def test_a_rotated_key_is_worth_another_call_which_takes_the_new_one(server, engine):
    ask, store = engine
    assert ask() == "Hi"
    store("new")
    server.takes = "new"
    with pytest.raises(ProviderAuthFailed) as raised:
        ask()
    assert raised.value.repeatable
    assert ask() == "Hi"
    assert server.keys == ["old", "old", "new"]


def test_a_provider_that_takes_no_key_is_asked_once_a_call_and_the_secret_read_once(server, engine):
    ask, store = engine
    server.takes = "none"
    for key in ("old", "new", "newer"):
        store(key)
        with pytest.raises(ProviderAuthFailed) as raised:
            ask()
        known = raised.value.repeatable
    assert not known
    assert server.keys == ["old", "old", "old"]

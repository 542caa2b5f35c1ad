import json

import pytest

from functions.openai.handler import lambda_handler
from tests.support.door_machines import let_the_door_start
from tests.support.gateway_events import answered
from tests.support.native_answers import native_answer


class Machine:
    """Step Functions, as far as the routes see it: what it was told, and what it says."""

    def __init__(self):
        self.told = []
        self.says = {"status": "SUCCEEDED", "output": json.dumps(native_answer())}
        self.raises = None

    def start_sync_execution(self, **told):
        self.told.append({**told, "input": json.loads(told["input"])})
        if self.raises:
            raise self.raises
        return self.says

    def answers(self, body):
        self.says = {"status": "SUCCEEDED", "output": json.dumps(body)}

    def fails(self, body):
        code = body["error"]["code"]
        self.says = {"status": "FAILED", "error": code, "cause": json.dumps(body)}

    @property
    def input(self):
        return self.told[-1]["input"]


@pytest.fixture
def machine(monkeypatch, aws):
    made = Machine()
    let_the_door_start(made, monkeypatch)
    return made


@pytest.fixture
def send(machine):
    """The status, the body and the headers of an answer."""

    def post(path, body, **options):
        text = json.dumps(body) if not isinstance(body, str) else body
        response = answered(lambda_handler, "POST", path, text, **options)
        headers = {name: values[0] for name, values in response["multiValueHeaders"].items()}
        told = response["body"]
        is_json = headers["Content-Type"] == "application/json"
        return response["statusCode"], json.loads(told) if is_json else told, headers

    return post

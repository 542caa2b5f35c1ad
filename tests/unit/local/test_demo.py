import pytest

from local import demo
from local.client import Client


class Answering(Client):
    """An API that answers these bodies in order."""

    def __init__(self, *bodies):
        self.bodies, self.asked = list(bodies), []

    def ask(self, method, path, body=None):
        self.asked.append(f"{method} {path}")
        return 200, self.bodies.pop(0)


def test_an_error_is_shown_in_an_answers_place(capsys):
    refused = {"success": False, "error": {"code": "rate_limited", "message": "Later."}}
    client = Answering(refused, {"message": "Forbidden"})
    demo.show(client)
    shown = capsys.readouterr().out
    assert "  rate_limited: Later.\n" in shown
    assert "  no answer: Forbidden\n" in shown
    assert client.asked == ["POST /generate", "POST /jobs"]


def test_a_job_that_fails_shows_its_error(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr("local.demo.time.sleep", lambda _: None)
    job = {"execution_id": "req_1", "status_url": "/api/v1/jobs/req_1"}
    failed = {"status": "FAILED", "error": {"code": "all_providers_failed", "message": "None."}}
    client = Answering({"message": "Forbidden"}, job, {"status": "RUNNING"}, failed)
    demo.show(client)
    assert "  all_providers_failed: None.\n" in capsys.readouterr().out
    assert client.asked[1:] == ["POST /jobs", "GET /jobs/req_1", "GET /jobs/req_1"]

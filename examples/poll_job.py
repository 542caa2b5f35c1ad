"""Submits a job and asks for its result, less and less often."""

import os
import time
import uuid
from typing import Any

import requests

BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000/api/v1")
HEADERS = {"X-API-Key": os.environ.get("API_KEY", "dev-key-123")}
FIRST_WAIT_S, LONGEST_WAIT_S, GIVES_UP_S = 0.5, 15.0, 300.0
BUSY = {429, 503}


def submitted(body: dict[str, Any]) -> str:
    """The job's id. With its key, a submission whose answer was lost may be sent again, and is made once."""
    headers = HEADERS | {"Idempotency-Key": uuid.uuid4().hex}
    response = requests.post(f"{BASE_URL}/jobs", headers=headers, json=body, timeout=30)
    response.raise_for_status()
    return str(response.json()["execution_id"])


def ended(execution_id: str) -> dict[str, Any]:
    """The job once it has ended. Raises TimeoutError."""
    wait_s, gives_up_at = FIRST_WAIT_S, time.monotonic() + GIVES_UP_S
    while time.monotonic() < gives_up_at:
        response = requests.get(f"{BASE_URL}/jobs/{execution_id}", headers=HEADERS, timeout=30)
        if response.status_code not in BUSY:
            response.raise_for_status()
            job: dict[str, Any] = response.json()
            if job["status"] != "RUNNING":
                return job
        time.sleep(float(response.headers.get("Retry-After", wait_s)))
        wait_s = min(wait_s * 2, LONGEST_WAIT_S)
    raise TimeoutError(execution_id)


execution_id = submitted({"task": "code", "text": "Write a function that reverses a list."})
print(f"{execution_id} was submitted.")
job = ended(execution_id)
print(f"It is {job['status']}.")
print(job["result"]["result"] if job["status"] == "SUCCEEDED" else job["error"]["message"])
